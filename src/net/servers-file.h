/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Servers that were learnt, kept beside a configuration: after a restart the broker is found again,
 * though the endpoint that the configuration names is gone. Lines `endpoint key`. */

#include "core/servers.h"

/* Adds what is in the file; what cannot be read or believed is left out. */
void servers_load(const char *path, Servers *ret);
/* Replaced at once or not at all. 0 or -errno. */
_must_check_ int servers_save(const char *path, const Servers *l);
