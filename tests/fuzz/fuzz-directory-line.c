/* SPDX-License-Identifier: Apache-2.0 */

/* Lines of a directory file: each is read, added to a directory, and the whole is sealed. */

#include <errno.h>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "wire/json.h"

static void add(Directory *d, const DirRecord *line) {
    int r = -EINVAL;
    if (line->kind == DIR_NODE)
        r = directory_add_node(d, &line->node);
    else if (line->kind == DIR_KEY)
        r = directory_add_key(d, &line->key);
    else if (line->kind == DIR_REGION)
        r = directory_add_region(d, &line->region);
    else if (line->kind == DIR_HOLIDAY)
        r = directory_add_holiday(d, &line->holiday);
    FUZZ_CHECK(r == 0 || r == -EINVAL);
}

static void ask_of_key(const Directory *d, const DirKey *k) {
    static DirRecord line;
    char why[JSON_WHY_SIZE];
    char *text = NULL;
    size_t n, found = 0;
    const DirKey *const *keys = directory_keys_of(d, k->node, &n);
    (void)directory_key_is_usable(d, k, 1741575900000);
    for (size_t i = 0; i < n; i++)
        found += keys[i] == k;
    FUZZ_CHECK(found == 1);
    FUZZ_CHECK(json_print_key_line(k, &text) == 0);
    FUZZ_CHECK(json_parse_directory_line(text, strlen(text), &line, why) == 0);
    FUZZ_CHECK(strcmp(line.key.curve, k->curve) == 0 && strcmp(line.key.label, k->label) == 0);
    FUZZ_CHECK(memcmp(&line.key.sign, &k->sign, sizeof(k->sign)) == 0);
    FUZZ_CHECK(memcmp(&line.key.seal, &k->seal, sizeof(k->seal)) == 0);
    free(text);
}

static void ask(const Directory *d) {
    for (size_t i = 0; i < directory_node_count(d); i++) {
        const DirNode *n = directory_node_at(d, i);
        FUZZ_CHECK(directory_node(d, n->id) == n);
        (void)directory_next_hop(d, "hub", n->id);
        (void)directory_next_hop(d, n->id, "hub");
        (void)directory_is_below(d, "hub", n->id);
        (void)directory_by_role(d, n->kind, "3203052001", CLUSTER_CHILD);
    }
    for (size_t i = 0; i < directory_key_count(d); i++)
        ask_of_key(d, directory_key_at(d, i));
    for (size_t i = 0; i < directory_holiday_count(d); i++) {
        const DirHoliday *h = directory_holiday_at(d, i);
        FUZZ_CHECK(h->working || !directory_is_working_day(d, h->on));
    }
    (void)directory_region_is_known(d, "3203052001");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Directory *d = NULL;
    Input in = { data, n };
    FUZZ_CHECK(directory_new(&d) == 0);
    while (in.n > 0) {
        char why[JSON_WHY_SIZE] = "";
        static DirRecord line; /* large */
        const uint8_t *end = memchr(in.p, '\n', in.n);
        Bytes text = take_bytes(&in, end ? (size_t)(end - in.p) : in.n);
        (void)take_byte(&in);
        int r = json_parse_directory_line((const char *)text.p, text.n, &line, why);
        FUZZ_CHECK(r == 0 || (r == -EINVAL && why[0] != '\0'));
        if (r == 0)
            add(d, &line);
    }
    int r = directory_seal(d, 1);
    FUZZ_CHECK(r == 0 || r == -EINVAL);
    if (r == 0)
        ask(d);
    (void)directory_unref(d);
    return 0;
}
