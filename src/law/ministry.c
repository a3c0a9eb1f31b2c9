/* SPDX-License-Identifier: Apache-2.0 */

#include "law/ministry.h"

#include <string.h>

static const DirNode *active_unit(const Directory *d, size_t *cursor) {
    const DirNode *n;
    while ((n = directory_of_kind(d, NODE_MINISTRY_UNIT, (*cursor)++)))
        if (!n->inactive)
            return n;
    return NULL;
}

static const DirNode *unit_without_clusters(const Directory *d) {
    const DirNode *n;
    for (size_t i = 0; (n = active_unit(d, &i));)
        if (n->n_clusters == 0)
            return n;
    return NULL;
}

static unsigned units_below(const Directory *d, const DirNode *above) {
    const DirNode *n;
    unsigned below = 0;
    for (size_t i = 0; (n = active_unit(d, &i));)
        below += strcmp(n->parent, above->id) == 0 && n != above;
    return below;
}

const DirNode *ministry_dirjen(const Directory *d) {
    const DirNode *n = directory_node(d, "min/dirjen-rehsos"), *best = NULL;
    unsigned most = 0;
    if (n && n->kind == NODE_MINISTRY_UNIT && !n->inactive)
        return n;
    for (size_t i = 0; (n = active_unit(d, &i));) {
        unsigned below = units_below(d, n);
        if (below > most) {
            most = below;
            best = n;
        }
    }
    size_t first = 0;
    if (!best)
        best = unit_without_clusters(d);
    return best ? best : active_unit(d, &first);
}

const DirNode *ministry_directorate(const Directory *d, int cluster) {
    const DirNode *n, *among = NULL;
    for (size_t i = 0; cluster != CLUSTER_ANY && (n = active_unit(d, &i));)
        for (uint32_t k = 0; k < n->n_clusters; k++) {
            if (n->clusters[k] != cluster)
                continue;
            if (n->n_clusters == 1)
                return n;
            among = among ? among : n;
        }
    if (among)
        return among;
    if (cluster == CLUSTER_DISASTER_VICTIM || cluster == CLUSTER_OTHER_PPKS) {
        n = unit_without_clusters(d);
        if (!n)
            n = directory_by_role(d, NODE_COMMAND_CENTER, "", CLUSTER_ANY);
        if (n)
            return n;
    }
    return ministry_dirjen(d);
}
