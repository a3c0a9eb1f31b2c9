/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queries that change the directory or prove keys out of it. */

#include "broker/broker.h"
#include "core/frame.h"
#include "core/table.h"

typedef struct Session Session;

_must_check_ int directory_import(Broker *b, Session *s, Frame *f);
_must_check_ int directory_revoke(Broker *b, Session *s, Frame *f);
_must_check_ int directory_sign_above(Broker *b, Session *s, Frame *f);
_must_check_ int directory_edited(Broker *b, Now now, StoreOp *op, Table *t); /* IMPORT, REVOKE */
_must_check_ int directory_proven(Broker *b, Session *s, StoreOp *op, Table *t);
