/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Scope-bound cleanup. A destructor x_free() takes NULL and returns NULL. */

#include <stdlib.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _must_check_   __attribute__((warn_unused_result))
#define _printf_(a, b) __attribute__((format(printf, a, b)))

#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) _taken = (p);                                                                \
        (p) = NULL;                                                                                \
        _taken;                                                                                    \
    })

/* Defines x_freep() for `_cleanup_(x_freep) T x`. */
#define DEFINE_CLEANUP(type, func)                                                                 \
    static inline void func##p(type *p) {                                                          \
        if (*p)                                                                                    \
            *p = func(*p);                                                                         \
    }                                                                                              \
    struct _cleanup_defined_##func

static inline void freep(void *p) {
    free(*(void **)p);
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) _a = (a);                                                                    \
        __typeof__(b) _b = (b);                                                                    \
        _a < _b ? _a : _b;                                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) _max_a = (a);                                                                \
        __typeof__(b) _max_b = (b);                                                                \
        _max_a > _max_b ? _max_a : _max_b;                                                         \
    })
