#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same seeds give the same runs to the last byte, in this process and in another one.
# Usage: replay.sh TEST_SIM [SEEDS]
set -eu
once() { "$1" --seeds "$2" --all --twice; }
first=$(once "$1" "${2:-6}")
second=$(once "$1" "${2:-6}")
[ "$first" = "$second" ] || {
    printf 'two runs differ:\n%s\n%s\n' "$first" "$second" >&2
    exit 1
}
printf '%s\n' "$first"
