/* SPDX-License-Identifier: Apache-2.0 */

#include "net/servers-file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "net/keys.h"

void servers_load(const char *path, Servers *ret) {
    char line[ENDPOINT_SIZE + CURVE_TEXT_SIZE + 8];
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        Server s = { 0 };
        char *space = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (!space || line[0] == '#')
            continue;
        *space = '\0';
        if (text_copy(s.endpoint, sizeof(s.endpoint), line) &&
            text_copy(s.key, sizeof(s.key), space + 1) && server_is_sound(&s) &&
            curve_text_is_valid(s.key))
            (void)servers_add(ret, &s);
    }
    if (f)
        (void)fclose(f);
}

int servers_save(const char *path, const Servers *l) {
    char next[PATH_MAX];
    if (snprintf(next, sizeof(next), "%s.new", path) >= (int)sizeof(next))
        return -ENAMETOOLONG;
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = dprintf(fd, "# Where the broker said it is found, too. Written by the program.\n");
    for (uint32_t i = 0; i < l->n && r >= 0; i++)
        r = dprintf(fd, "%s %s\n", l->list[i].endpoint, l->list[i].key);
    r = r < 0 || fsync(fd) != 0 ? -errno : 0;
    if (close(fd) != 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(next, path) != 0)
        r = -errno;
    if (r < 0)
        (void)unlink(next);
    return r;
}
