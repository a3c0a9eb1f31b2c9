#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The floors of src/ include only lower ones, and each third-party header has one home.
# Usage: check-floors.sh SOURCE_DIR
set -eu
cd "$1"
status=0
complain() { echo "floors: $*" >&2; status=1; }

# allow FLOOR "lower floors": every other floor's headers are forbidden in src/FLOOR.
allow() {
    floor=$1 allowed=" $1 $2 "
    for other in base core law wire store net broker client; do
        case $allowed in *" $other "*) continue ;; esac
        if found=$(grep -rnE "#include \"($other)/" "src/$floor" 2>/dev/null); then
            complain "src/$floor may not include $other/:"; echo "$found" >&2
        fi
    done
    if found=$(grep -rnE '#include "daemon/' "src/$floor" 2>/dev/null); then
        complain "src/$floor may not include daemon/:"; echo "$found" >&2
    fi
}
allow base ""
allow core "base"
allow law "base core"
allow wire "base core"
allow store "base core law"
allow net "base core"
allow broker "base core law wire store"
allow client "base core wire net"

# home PATTERN "folders": the header may be included only there.
home() {
    pattern=$1; shift
    found=$(grep -rnE "#include [<\"]$pattern" src daemon include 2>/dev/null | while IFS= read -r line; do
        ok=
        for place in "$@"; do case $line in "$place"*) ok=1 ;; esac; done
        [ -n "$ok" ] || echo "$line"
    done)
    [ -z "$found" ] || { complain "$pattern is included outside $*:"; echo "$found" >&2; }
}
home 'sqlite3\.h' src/store/
home 'zmq\.h' src/net/
home 'protobuf-c/' src/wire/
home 'serasi/v1/' src/wire/
home 'jansson\.h' src/wire/ daemon/ctl
home 'sodium\.h' src/base/
home 'systemd/sd-' src/base/ daemon/serasid
home 'ini\.h' daemon/config
home 'uthash\.h' src/base/

# core and law are pure: no I/O, no clock, no threads.
if found=$(grep -rnE '#include <(stdio|unistd|fcntl|pthread|sys/|time)' src/core src/law | grep -v 'stdio.h'); then
    complain "src/core and src/law do no I/O:"; echo "$found" >&2
fi
exit $status
