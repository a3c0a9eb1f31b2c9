/* SPDX-License-Identifier: Apache-2.0 */
/* The directory as it is in force, row by row: reading it back, writing an edit. */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/directory-layer.h"
#include "store/schema.h"

enum {
    NODE_BROKER = 1,
    NODE_INACTIVE = 2,
    NODE_NO_CLIENTS = 4,
    NODE_IPWL = 8,
    NODE_LPKS = 16,
    NODE_NATIONAL_REFERRAL_CENTRE = 32,
    NODE_SKA = 64,
    NODE_ODHIV = 128,
};
enum { KEY_BROKER = 1, KEY_OPERATOR = 2, KEY_REVOKED = 4 };

/* "3203:1:2,32:0:1": region, cluster, priority. */
static void areas_format(const DirNode *n, char *ret, size_t size) {
    size_t at = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < n->n_areas && at < size; i++)
        at += (size_t)snprintf(ret + at, size - at, "%s%s:%d:%u", i > 0 ? "," : "",
                               n->areas[i].region, n->areas[i].cluster,
                               (unsigned)n->areas[i].priority);
}

static void areas_parse(const char *text, DirNode *n) {
    while (*text && n->n_areas < DIR_AREAS_MAX) {
        ServiceArea *a = &n->areas[n->n_areas++];
        int used = 0;
        unsigned priority = 0;
        if (*text != ':' && sscanf(text, "%10[0-9]%n", a->region, &used) == 1)
            text += used;
        used = 0;
        if (sscanf(text, ":%d:%u%n", &a->cluster, &priority, &used) != 2)
            return;
        a->priority = priority;
        text += used;
        text += *text == ',';
    }
}

static void clusters_format(const DirNode *n, char *ret, size_t size) {
    size_t at = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < n->n_clusters && at < size; i++)
        at += (size_t)snprintf(ret + at, size - at, "%s%d", i > 0 ? "," : "", n->clusters[i]);
}

static void clusters_parse(const char *text, DirNode *n) {
    while (*text && n->n_clusters < DIR_CLUSTERS_MAX) {
        char *end;
        n->clusters[n->n_clusters++] = (int)strtol(text, &end, 10);
        text = *end == ',' ? end + 1 : "";
    }
}

/* Days since 1970; 0 = not given (nothing is valid until then). */
static int64_t day_number(CivilDate d) {
    return civil_is_set(d) ? civil_to_days(d) : 0;
}

static CivilDate day_of(int64_t number) {
    return number != 0 ? civil_from_days(number) : (CivilDate) { 0 };
}

/* --- tables to snapshot --------------------------------------------------------------------- */

static int read_nodes(Store *s, Directory *d) {
    int r = 0;
    _query_ q = QUERY(s, "SELECT id, kind, name, parent, home, broker_parent, flags, capacity,"
                         " areas, clusters, bases, grade, grade_until, designation, scope,"
                         " designation_until FROM dir_node");
    while (r == 0 && db_row(s, q)) {
        const int64_t flags = col_int(q, 6);
        DirNode n = {
            .kind = (int)col_int(q, 1),
            .broker = flags & NODE_BROKER,
            .inactive = flags & NODE_INACTIVE,
            .no_clients = flags & NODE_NO_CLIENTS,
            .ipwl = flags & NODE_IPWL,
            .lpks = flags & NODE_LPKS,
            .national_referral_centre = flags & NODE_NATIONAL_REFERRAL_CENTRE,
            .ska = flags & NODE_SKA,
            .odhiv = flags & NODE_ODHIV,
            .capacity = (uint32_t)col_int(q, 7),
            .bases = (Codes)col_int(q, 10),
            .accreditation_grade = (uint8_t)col_int(q, 11),
            .accreditation_valid_until = day_of(col_int(q, 12)),
            .designation_by = (uint8_t)col_int(q, 13),
            .designation_scope = (uint8_t)col_int(q, 14),
            .designation_valid_until = day_of(col_int(q, 15)),
        };
        text_copy(n.id, sizeof(n.id), col_text(q, 0));
        text_copy(n.name, sizeof(n.name), col_text(q, 2));
        text_copy(n.parent, sizeof(n.parent), col_text(q, 3));
        text_copy(n.home, sizeof(n.home), col_text(q, 4));
        text_copy(n.broker_parent, sizeof(n.broker_parent), col_text(q, 5));
        areas_parse(col_text(q, 8), &n);
        clusters_parse(col_text(q, 9), &n);
        r = directory_add_node(d, &n);
    }
    return r;
}

/* All zero, which is "none", is stored as nothing. */
static void read_public(Bytes b, uint8_t ret[static PUBLIC_KEY_SIZE]) {
    if (b.n == PUBLIC_KEY_SIZE)
        memcpy(ret, b.p, PUBLIC_KEY_SIZE);
}

static Bytes public_bytes(const uint8_t public[static PUBLIC_KEY_SIZE]) {
    return bytes_make(public, public_key_is_set(public) ? PUBLIC_KEY_SIZE : 0);
}

static int read_keys(Store *s, Directory *d) {
    int r = 0;
    _query_ q = QUERY(s, "SELECT curve, node, label, flags, valid_from, valid_until, ed25519,"
                         " x25519, rights FROM dir_key");
    while (r == 0 && db_row(s, q)) {
        const int64_t flags = col_int(q, 3);
        DirKey k = {
            .broker = flags & KEY_BROKER,
            .operator_ = flags & KEY_OPERATOR,
            .revoked = flags & KEY_REVOKED,
            .valid_from_ms = col_int(q, 4),
            .valid_until_ms = col_int(q, 5),
        };
        text_copy(k.curve, sizeof(k.curve), col_text(q, 0));
        text_copy(k.node, sizeof(k.node), col_text(q, 1));
        text_copy(k.label, sizeof(k.label), col_text(q, 2));
        read_public(col_bytes(q, 6), k.sign.b);
        read_public(col_bytes(q, 7), k.seal.b);
        r = rights_unpack(col_bytes(q, 8), &k.rights) ? directory_add_key(d, &k) : -EINVAL;
    }
    return r;
}

static int read_regions(Store *s, Directory *d) {
    int r = 0;
    _query_ q = QUERY(s, "SELECT code, name, alias_of FROM dir_region");
    while (r == 0 && db_row(s, q)) {
        DirRegion region = { 0 };
        text_copy(region.code, sizeof(region.code), col_text(q, 0));
        text_copy(region.name, sizeof(region.name), col_text(q, 1));
        text_copy(region.alias_of, sizeof(region.alias_of), col_text(q, 2));
        r = directory_add_region(d, &region);
    }
    return r;
}

static int read_holidays(Store *s, Directory *d) {
    int r = 0;
    _query_ q = QUERY(s, "SELECT day, name, working FROM dir_holiday");
    while (r == 0 && db_row(s, q)) {
        DirHoliday h = { .on = civil_from_days(col_int(q, 0)), .working = col_int(q, 2) != 0 };
        text_copy(h.name, sizeof(h.name), col_text(q, 1));
        r = directory_add_holiday(d, &h);
    }
    return r;
}

static int read_tables(Store *s, Directory *d) {
    int r = read_nodes(s, d);
    if (r == 0)
        r = read_keys(s, d);
    if (r == 0)
        r = read_regions(s, d);
    if (r == 0)
        r = read_holidays(s, d);
    return r < 0 ? r : s->fault;
}

int directory_read_tables(Store *s, Directory **ret) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    int r = directory_new(&d);
    if (r == 0)
        r = read_tables(s, d);
    if (r == 0)
        r = directory_seal(d, (uint64_t)meta_number(s, "directory", 0));
    if (r == 0)
        *ret = TAKE_PTR(d);
    return r;
}

/* --- rows ----------------------------------------------------------------------------------- */

static void write_node(Store *s, const DirNode *n) {
    char areas[DIR_AREAS_MAX * 32], clusters[DIR_CLUSTERS_MAX * 12];
    areas_format(n, areas, sizeof(areas));
    clusters_format(n, clusters, sizeof(clusters));
    const int flags = (n->broker ? NODE_BROKER : 0) | (n->inactive ? NODE_INACTIVE : 0) |
                      (n->no_clients ? NODE_NO_CLIENTS : 0) | (n->ipwl ? NODE_IPWL : 0) |
                      (n->lpks ? NODE_LPKS : 0) |
                      (n->national_referral_centre ? NODE_NATIONAL_REFERRAL_CENTRE : 0) |
                      (n->ska ? NODE_SKA : 0) | (n->odhiv ? NODE_ODHIV : 0);
    RUN(s,
        "INSERT OR REPLACE INTO dir_node(id, kind, name, parent, home, broker_parent, flags,"
        " capacity, areas, clusters, bases, grade, grade_until, designation, scope,"
        " designation_until) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
        TEXT(n->id), INT(n->kind), TEXT(n->name), TEXT(n->parent), TEXT(n->home),
        TEXT(n->broker_parent), INT(flags), INT(n->capacity), TEXT(areas), TEXT(clusters),
        INT(n->bases), INT(n->accreditation_grade), INT(day_number(n->accreditation_valid_until)),
        INT(n->designation_by), INT(n->designation_scope),
        INT(day_number(n->designation_valid_until)));
}

static void write_key(Store *s, const DirKey *k) {
    uint8_t rights[RIGHTS_PACKED_MAX];
    const int flags = (k->broker ? KEY_BROKER : 0) | (k->operator_ ? KEY_OPERATOR : 0) |
                      (k->revoked ? KEY_REVOKED : 0);
    RUN(s,
        "INSERT OR REPLACE INTO dir_key(curve, node, label, flags, valid_from, valid_until,"
        " ed25519, x25519, rights) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
        TEXT(k->curve), TEXT(k->node), TEXT(k->label), INT(flags), INT(k->valid_from_ms),
        INT(k->valid_until_ms), BLOB(public_bytes(k->sign.b)), BLOB(public_bytes(k->seal.b)),
        BLOB(bytes_make(rights, rights_pack(&k->rights, rights))));
}

static void delete_row(Store *s, const char *name) {
    DirName at;
    if (!dir_name_parse(name, &at))
        return; /* names of no kind were refused before */
    switch (at.kind) {
    case DIR_NODE:
        RUN(s, "DELETE FROM dir_node WHERE id = ?1", TEXT(at.id));
        break;
    case DIR_KEY:
        RUN(s, "DELETE FROM dir_key WHERE curve = ?1", TEXT(at.id));
        break;
    case DIR_REGION:
        RUN(s, "DELETE FROM dir_region WHERE code = ?1", TEXT(at.id));
        break;
    case DIR_HOLIDAY:
        RUN(s, "DELETE FROM dir_holiday WHERE day = ?1", INT(civil_to_days(at.day)));
        break;
    }
}

void directory_write_node(Store *s, const DirNode *n) {
    write_node(s, n);
}

void directory_write_rows(Store *s, const DirectoryEdit *e) {
    if (e->replace) {
        RUN(s, "DELETE FROM dir_node");
        RUN(s, "DELETE FROM dir_key");
        RUN(s, "DELETE FROM dir_region");
        RUN(s, "DELETE FROM dir_holiday");
    }
    for (uint32_t i = 0; i < e->n_removed; i++)
        delete_row(s, e->removed[i]);
    for (uint32_t i = 0; i < e->n_nodes; i++)
        write_node(s, &e->nodes[i]);
    for (uint32_t i = 0; i < e->n_keys; i++)
        write_key(s, &e->keys[i]);
    for (uint32_t i = 0; i < e->n_regions; i++) {
        const DirRegion *r = &e->regions[i];
        RUN(s, "INSERT OR REPLACE INTO dir_region(code, name, alias_of) VALUES(?1,?2,?3)",
            TEXT(r->code), TEXT(r->name), TEXT(r->alias_of));
    }
    for (uint32_t i = 0; i < e->n_holidays; i++) {
        const DirHoliday *h = &e->holidays[i];
        RUN(s, "INSERT OR REPLACE INTO dir_holiday(day, name, working) VALUES(?1,?2,?3)",
            INT(civil_to_days(h->on)), TEXT(h->name), INT(h->working));
    }
}
