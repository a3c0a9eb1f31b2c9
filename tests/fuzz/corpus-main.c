/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs a fuzz target over files: fuzz-NAME FOLDER|FILE... Each input lies in memory of exactly its
 * size, so that a sanitizer or valgrind sees the first byte too far. Ends at the first crash, with
 * the name of the file on stderr; a folder without files is a mistake and fails.
 */

#include <dirent.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "fuzz/fuzz.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MEMORY_MAX                                                                                 \
    (512UL * 1024 * 1024) /* no input may need more; sanitizers reserve terabytes                  \
                           */
#endif

static bool run_file(const char *path) {
    FILE *f = fopen(path, "re");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        if (f)
            (void)fclose(f);
        return false;
    }
    size_t n = (size_t)st.st_size;
    uint8_t *p = malloc(n + !n);
    bool whole = p && fread(p, 1, n, f) == n;
    (void)fclose(f);
    if (whole) {
        fprintf(stderr, "%s\n", path);
        (void)LLVMFuzzerTestOneInput(p, n);
    }
    free(p);
    return whole;
}

static unsigned run_folder(const char *folder) {
    struct dirent **list = NULL;
    unsigned done = 0;
    int n = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        int size = snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        if (list[i]->d_name[0] != '.' && size < (int)sizeof(path) && run_file(path))
            done++;
        free(list[i]);
    }
    free(list);
    return done;
}

int main(int argc, char *argv[]) {
#ifdef MEMORY_MAX
    const struct rlimit limit = { MEMORY_MAX, MEMORY_MAX };
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        perror("setrlimit");
#endif
    unsigned done = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        unsigned n = folder ? run_folder(argv[i]) : run_file(argv[i]);
        if (n == 0) {
            fprintf(stderr, "%s: no inputs\n", argv[i]);
            return 1;
        }
        done += n;
    }
    printf("%u inputs\n", done);
    return done == 0;
}
