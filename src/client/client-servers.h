/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Servers of the broker: which is dialled, and what a WELCOME tells of others. */

#include <serasi/client.h>

#include "core/servers.h"

_must_check_ int servers_init(serasi_client *c, const char *file);
const Server *servers_choose(serasi_client *c);        /* to be dialled now */
void servers_told(serasi_client *c, const Servers *l); /* by a WELCOME: that one worked */
void servers_take(serasi_client *c); /* those told, as far as they can be judged by now */
void servers_deinit(serasi_client *c);
