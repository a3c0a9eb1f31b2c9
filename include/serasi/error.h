/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERASI_ERROR_H
#define SERASI_ERROR_H

/*
 * Error numbers of libserasi. Functions return 0 (done), a positive serasi_status (an answer that
 * is part of the contract) or a negative errno value (a fault here: memory, files, arguments).
 */

#ifdef __cplusplus
extern "C" {
#endif

enum serasi_status {
    SERASI_OK = 0,
    SERASI_AGAIN = 1,    /* nothing to give now; poll the descriptor and call again */
    SERASI_TIMEOUT = 2,  /* the time given was up; the message keeps its id, try again with it */
    SERASI_REFUSED = 3,  /* the broker refused; the result holds every reason */
    SERASI_CONFLICT = 4, /* this id was used before with other bytes */
    SERASI_NOT_CONNECTED = 5, /* no session at the moment; reconnection goes on by itself */
    SERASI_NOT_KNOWN = 6,     /* the broker does not know this key (yet) */
    SERASI_CLOSED = 7,        /* the client was closed */
    SERASI_TOO_LARGE = 8,     /* over a limit told in WELCOME */
    SERASI_LATER = 9,         /* the broker has no room now; result says when to try again */
    SERASI_NO_SEAL_KEY = 10,  /* a recipient has no key to seal to, or none that is proven */
};

/* A short English text for a status or a negative errno. Never NULL, never freed. */
const char *serasi_strerror(int code);

#ifdef __cplusplus
}
#endif
#endif
