#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles by itself, whatever was included before it.
# Usage: check-headers.sh SOURCE_DIR BUILD_DIR COMPILER
set -eu
cd "$1"
status=0
for header in $(find src daemon include -name '*.h'); do
    name=${header#src/}
    printf '#include "%s"\n' "${name#include/}" |
        "$3" -std=gnu17 -D_GNU_SOURCE -Wall -Werror -fsyntax-only -I. -Isrc -Iinclude -I"$2" -I"$2/proto" -x c - ||
        { echo "headers: $header needs another one before it" >&2; status=1; }
done
exit $status
