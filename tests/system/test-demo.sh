#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# daemon/demo.sh plays to its end, leaves nothing behind, also when it is interrupted or fails, and
# keeps its brokers running only when it is told to.
# Usage: test-demo.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
export SERASI_BIN="$2/bin"
root=$(mktemp -d /tmp/sd.XXXXXX)
kept=
clean_up() {
    for pid in $kept; do kill -9 "$pid" 2>/dev/null || true; done
    rm -rf "$root"
}
trap clean_up EXIT
fail() { echo "demo: $*" >&2; [ ! -f "$root/out" ] || cat "$root/out" >&2; exit 1; }
running() { pgrep -f -- "$root/$1/" || true; }
demo() { timeout -k 10 200 sh "$source/daemon/demo.sh" "$@" >"$root/out" 2>&1; }

demo --folder "$root/a" || fail "exit status $?"
[ -z "$(running a)" ] || fail "brokers are left running"
for word in ACCEPTED COLLECTED 'kill -9' REFUSED 'Penerima tidak ada di direktori' \
    'rujukan' 'Every mailbox is empty'; do
    grep -q -- "$word" "$root/out" || fail "it says nothing of \"$word\""
done
! grep -q "$(printf '\033')" "$root/out" || fail "colours without a terminal"

demo --keep --folder "$root/k" || fail "exit status $? with --keep"
kept=$(cat "$root"/k/*.pid)
[ "$(echo "$kept" | wc -l)" -eq 3 ] || fail "--keep does not leave three brokers"
"$SERASI_BIN/serasictl" --dir "$root/k/hub" status >/dev/null || fail "the kept hub does not answer"
for pid in $kept; do kill "$pid"; done
i=0
while [ -n "$(running k)" ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
[ -z "$(running k)" ] || fail "the kept brokers do not stop"
kept=

sh "$source/daemon/demo.sh" --folder "$root/i" >"$root/out" 2>&1 &
pid=$!
i=0
until [ -s "$root/i/satria.pid" ] || [ $i -ge 300 ]; do sleep 0.1; i=$((i + 1)); done
kill -TERM $pid || fail "it ended before it could be interrupted"
code=0
wait $pid || code=$?
[ $code -eq 143 ] || fail "exit status $code when it was terminated"
[ -z "$(running i)" ] || fail "an interrupted demo leaves brokers running"

code=0
demo --folder "$root/a" || code=$?
[ $code -eq 2 ] || fail "exit status $code for a folder that is not empty"
ln -s /bin/false "$root/serasictl"
SERASI_BIN=$root demo --folder "$root/f" && fail "exit status 0 though no command works"
exit 0
