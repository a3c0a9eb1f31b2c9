#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The unit, its hardening and the catalogs, without a running systemd.
# Usage: test-systemd.sh SOURCE_DIR
set -eu
cd "$1/systemd"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "test-systemd: $*" >&2; exit 1; }

# verify wants the programs to be there; they need not be ours.
sed -E 's|^(Exec[A-Za-z]*=)/usr/bin/serasi[a-z]*|\1/bin/true|' serasid.service >"$work/serasid.service"
complaints=$(systemd-analyze verify --man=false "$work/serasid.service" 2>&1 | grep -F serasid || true)
[ -z "$complaints" ] || fail "systemd-analyze verify: $complaints"

level=$(systemd-analyze security --offline=true --no-pager "$work/serasid.service" |
    sed -nE 's/.*Overall exposure level.*: ([0-9.]+) .*/\1/p')
[ -n "$level" ] || fail "systemd-analyze security gave no level"
awk "BEGIN { exit !($level <= 1.5) }" || fail "exposure level $level is above 1.5"
grep -qx 'SystemCallFilter=sched_setscheduler' serasid.service || fail "libzmq needs sched_setscheduler"
for status in 64 78; do
    grep -qE "^RestartPreventExitStatus=.*\b$status\b" serasid.service || fail "exit status $status would loop"
done

# Every event has an entry with a cause and a next step in both languages, and there are no others.
ids=$(sed -nE 's/^ *X\([A-Z_]+, "([0-9a-f]{32})".*/\1/p' ../src/base/log.h)
[ -n "$ids" ] || fail "no events found in base/log.h"
for catalog in serasid.catalog serasid.id.catalog; do
    for id in $ids; do
        awk -v id="$id" '
            $1 == "--" { inside = ($2 == id) }
            inside && /^Subject: ./ { subject = 1 }
            inside && /^$/ { paragraphs++ }
            END { exit !(subject && paragraphs >= 2) }' "$catalog" || fail "$catalog: $id has no full entry"
    done
    n_ids=$(echo "$ids" | wc -l)
    n_entries=$(grep -c '^-- ' "$catalog")
    [ "$n_ids" -eq "$n_entries" ] || fail "$catalog: $n_entries entries for $n_ids events"
done

mkdir -p "$work/root/usr/lib/systemd/catalog" "$work/root/var/lib/systemd/catalog"
cp serasid.catalog serasid.id.catalog "$work/root/usr/lib/systemd/catalog/"
journalctl --root="$work/root" --update-catalog || fail "the catalogs cannot be compiled"
for id in $ids; do
    LC_ALL=C journalctl --root="$work/root" --dump-catalog "$id" | grep -q '^Subject: ' || fail "catalog: $id cannot be read back"
done
listed=$(LC_ALL=id_ID.UTF-8 journalctl --root="$work/root" --list-catalog | grep -c serasid)
[ "$listed" -ge "$n_ids" ] || fail "only $listed entries can be listed"

# The user and the folders.
if command -v systemd-sysusers >/dev/null; then
    mkdir -p "$work/root/etc"
    systemd-sysusers --root="$work/root" "$PWD/serasid.sysusers" || fail "sysusers"
    grep -q '^serasid:' "$work/root/etc/passwd" || fail "sysusers made no user"
fi
echo "test-systemd: level $level, $n_ids events in two languages"
