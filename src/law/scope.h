/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who may look at which items (domain 6.8). Pure. */

#include "law/item.h"

/* Takes the node part in the item: opened it, answers for it, was asked, owes a step. */
bool item_takes_part(const Item *i, const char *node);
/* May this node see how the item stands (codes and dates; there is nothing else in it)? Whoever
 * takes part; the regency agency in its regency, the province in its province, a UPT in its
 * service area and cluster, ministry and hub everywhere. Never the node a complaint is about. */
bool item_is_visible(const Directory *d, const Item *i, const char *node);
/* The same for what is counted in a region and cluster. */
bool region_is_visible(const Directory *d, const char *region, int cluster, const char *node);
