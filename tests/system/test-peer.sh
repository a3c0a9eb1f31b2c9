#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The client of the side-by-side measurements (tests/bench/peer) builds as its harness builds it and gets its messages
# through a broker that serasid.sh made: without signatures, with them, and from one broker to the next.
# Usage: test-peer.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
# serasid.sh has fixed ports. Here they are two that nobody else on this machine is given meanwhile.
[ -n "${PORTS:-}" ] || PYTHONPATH=$source/tests/system exec python3 -B -c '
import os, sys
from cluster import reserve_port
held = [reserve_port() for _ in range(2)]
for s in held:
    s.set_inheritable(True)
os.environ["PORTS"] = " ".join(str(s.getsockname()[1]) for s in held)
os.execvp("sh", ["sh", *sys.argv[1:]])' "$0" "$@"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# As copy.sh does it with the harness, of which only run.sh has lines that copy.sh looks for.
mkdir "$root/harness"
cp "$source/tests/system/peer/bench.h" "$root/harness"
cat > "$root/harness/run.sh" <<'END'
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build() {
    case serasid in serasid) L="-lzmq -lprotobuf-c -lsodium";; esac
    gcc -O2 -Wall -Wextra -o "$1" "$HERE/peer_serasid.c" $L -lpthread
}
peer_def() {
  case $PEER in
    serasid) CLIENT=serasid; PORT=5761;;
  esac
}
srv_start() {
  case $PEER in
    serasid) . "$HERE/serasid.sh"; serasid_start;;
  esac
}
fwd() {
  case $base in
  esac
}
END
: > "$root/harness/summarize.py"
sh "$source/tests/bench/peer/copy.sh" "$root/harness" "$root/copy"
sed -i "s/5761/${PORTS% *}/g; s/5762/${PORTS#* }/g" "$root/copy/serasid.sh" "$root/copy/run.sh"
SERASI_BIN=$2/bin
export SERASI_BIN

run() { # PEER
    cat > "$root/one.sh" <<'END'
set -u
PEER=$1 D=$2/$1 base=${1#F-} PIDA='' PIDB='' PID='' CPORT=''
trap 'kill $PID $PIDA $PIDB 2>/dev/null' EXIT
mkdir -p "$D"
. "$3/run.sh"
[ -x "$2/client" ] || build "$2/client" || exit 1
case $PEER in
F-*) fwd; PID="$PIDA $PIDB";;
*) peer_def; srv_start;;
esac
timeout 100 "$2/client" port=$PORT cport="${CPORT:-$PORT}" "${XO[@]}"; r=$?
kill $PID # and wait until they are gone; what nobody reaps is
for i in $PID; do while grep -qs '^State:.[^Z]' "/proc/$i/status"; do sleep 0.05; done; done
exit $r
END
    bash "$root/one.sh" "$1" "$root" "$root/copy" >"$root/log" 2>&1 || {
        cat "$root/log" "$root/$1"/*/log >&2
        echo "peer: $1 does not work" >&2
        exit 1
    }
}
for i in serasid serasid-noreceipts serasid-signed F-serasid; do run "$i"; done
