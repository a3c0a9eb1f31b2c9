/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs about the directory as it is now: the nodes, and all that is known of one. */
#include "base/base64.h"
#include "base/text.h"
#include "store/directory-query.h"

#define ROWS_MAX 10000U

void query_node_list(Store *s, StoreOp *op, Table *t) {
    const uint32_t limit = op->query.limit > 0 ? MIN(op->query.limit, ROWS_MAX) : ROWS_MAX;
    const char *prefix = op->query.n_args > 0 ? op->query.args[0] : "";
    uint32_t n = 0;
    table_column(t, "id", COLUMN_TEXT);
    table_column(t, "kind", COLUMN_TEXT);
    table_column(t, "name", COLUMN_TEXT);
    table_column(t, "parent", COLUMN_TEXT);
    table_column(t, "home", COLUMN_TEXT);
    table_column(t, "broker", COLUMN_BOOL);
    table_column(t, "inactive", COLUMN_BOOL);
    for (size_t i = 0; i < directory_node_count(s->directory); i++) {
        const DirNode *node = directory_node_at(s->directory, i);
        if (!text_starts_with(node->id, prefix))
            continue;
        if (n++ == limit) {
            t->more = true;
            break;
        }
        table_text(t, node->id);
        table_text(t, node_kind_name(node->kind));
        table_text(t, node->name);
        table_text(t, node->parent);
        table_text(t, node->home);
        table_number(t, node->broker);
        table_number(t, node->inactive);
    }
}

static void show(Table *t, const char *name, const char *value) {
    table_text(t, name);
    table_text(t, value);
}

/* A public key as the directory lines have it, and whose label it goes under. */
static void show_public(Table *t, const char *name, const uint8_t public[static PUBLIC_KEY_SIZE],
                        const char *label) {
    if (!public_key_is_set(public))
        return;
    _cleanup_(freep) char *text = base64_encode(bytes_make(public, PUBLIC_KEY_SIZE));
    table_text(t, name);
    table_textf(t, "%s %s", text ? text : "?", label);
}

/* None: all its node may do. */
static void show_rights(Table *t, const DirKey *k) {
    char text[256];
    for (uint32_t i = 0; i < k->rights.n; i++) {
        right_text(&k->rights.list[i], text, sizeof(text));
        table_text(t, "right");
        table_textf(t, "%s %s", text, k->label);
    }
}

static void show_keys(Store *s, Table *t, const char *node) {
    size_t n;
    const DirKey *const *keys = directory_keys_of(s->directory, node, &n);
    for (size_t i = 0; i < n; i++) {
        const DirKey *k = keys[i];
        table_text(t, "key");
        table_textf(t, "%s %s%s%s%s", k->curve, k->label, k->broker ? " broker" : "",
                    k->operator_ ? " operator" : "",
                    directory_key_is_usable(s->directory, k, s->now_ms) ? "" : " (not usable)");
        show_public(t, "ed25519", k->sign.b, k->label);
        show_public(t, "x25519", k->seal.b, k->label);
        show_rights(t, k);
    }
}

static void show_day(Table *t, const char *name, CivilDate d) {
    if (!civil_is_set(d))
        return;
    table_text(t, name);
    table_textf(t, "%04d-%02u-%02u", d.year, d.month, d.day);
}

/* What the law asks of an institution; what does not hold, and was not told, is left out. */
static void show_attributes(Table *t, const DirNode *n) {
    static const char *const grades[] = { "", "none", "A", "B", "C" };
    static const char *const by[] = { "", "regency agency", "governor", "minister" };
    static const char *const scope[] = { "", "outside homes", "in homes", "outside and in homes" };
    static const char *const bases[] = { "", "family", "community", "residential" };
    const struct {
        const char *name;
        bool holds;
    } flags[] = {
        { "ipwl", n->ipwl },
        { "lpks", n->lpks },
        { "national_referral_centre", n->national_referral_centre },
        { "ska", n->ska },
        { "odhiv", n->odhiv },
    };
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (flags[i].holds)
            show(t, flags[i].name, "yes");
    for (int i = 1; i < (int)ARRAY_SIZE(bases); i++)
        if (codes_has(n->bases, i))
            show(t, "base", bases[i]);
    if (n->accreditation_grade > 0 && n->accreditation_grade < ARRAY_SIZE(grades))
        show(t, "accreditation", grades[n->accreditation_grade]);
    show_day(t, "accreditation_valid_until", n->accreditation_valid_until);
    if (n->designation_by > 0 && n->designation_by < ARRAY_SIZE(by))
        show(t, "designation_by", by[n->designation_by]);
    if (n->designation_scope > 0 && n->designation_scope < ARRAY_SIZE(scope))
        show(t, "designation_scope", scope[n->designation_scope]);
    show_day(t, "designation_valid_until", n->designation_valid_until);
}

void query_node_show(Store *s, StoreOp *op, Table *t) {
    const DirNode *n =
        op->query.n_args > 0 ? directory_node(s->directory, op->query.args[0]) : NULL;
    table_column(t, "field", COLUMN_TEXT);
    table_column(t, "value", COLUMN_TEXT);
    if (!n) {
        table_say(t, op->query.n_args > 0 ? 1 : 2, "no such node");
        return;
    }
    const char *hop = directory_next_hop(s->directory, s->self, n->id);
    show(t, "id", n->id);
    show(t, "kind", node_kind_name(n->kind));
    show(t, "name", n->name);
    show(t, "parent", n->parent);
    show(t, "home", n->home);
    show(t, "broker_parent", n->broker_parent);
    show(t, "broker", n->broker ? "yes" : "no");
    show(t, "inactive", n->inactive ? "yes" : "no");
    show(t, "no_clients", n->no_clients ? "yes" : "no");
    table_text(t, "capacity");
    table_textf(t, "%u", (unsigned)n->capacity);
    show(t, "next_hop", hop ? hop : "");
    for (uint32_t i = 0; i < n->n_areas; i++) {
        table_text(t, "area");
        table_textf(t, "%s cluster %d priority %u", n->areas[i].region, n->areas[i].cluster,
                    (unsigned)n->areas[i].priority);
    }
    for (uint32_t i = 0; i < n->n_clusters; i++) {
        table_text(t, "cluster");
        table_textf(t, "%d", n->clusters[i]);
    }
    show_attributes(t, n);
    show_keys(s, t, n->id);
}
