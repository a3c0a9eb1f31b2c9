/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The units of the ministry (Ditjen Rehsos), as the directory tells them. */

#include "core/directory.h"

/* The unit of the Director General, through which governors report (P4 Pasal 31 ayat (2)):
 * "min/dirjen-rehsos" where there is such a node, else the active ministry unit that most others
 * are below, else the first without clusters of its own, else the first. NULL = no unit at all. */
const DirNode *ministry_dirjen(const Directory *d);

/* The directorate of a cluster (domain 4.5): the active unit with that cluster alone, else the
 * first that has it among others. Where nobody has it: for DISASTER_VICTIM and OTHER_PPKS the first
 * unit without clusters (Sekretariat), else the command centre; at last the unit of the Director
 * General. NULL = none of them. */
const DirNode *ministry_directorate(const Directory *d, int cluster);
