#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copies the harness of the side-by-side measurements and adds serasid to the copy: its client, how
# it is started, and the peers serasid, serasid-noreceipts, serasid-signed, and F-serasid... of each.
#
#   sh tests/bench/peer/copy.sh HARNESS NEW-FOLDER
set -eu
[ $# = 2 ] || { echo "usage: copy.sh HARNESS NEW-FOLDER" >&2; exit 2; }
mkdir -p "$2"
cp "$1"/*.[ch] "$1"/run.sh "$1"/summarize.py "$2"
here=$(dirname "$0")
cp "$here"/*.[ch] "$here"/serasid.sh "$2"
mkdir -p "$2/base" # what signs
cp "$here"/../../../src/base/*.h "$2/base"
for i in signature crypto-sign crypto-tree crypto-key base64 hash secret bytes; do cp "$here/../../../src/base/$i.c" "$2/base"; done
sed -i -e 's/ serasid) L="[^"]*"/ serasid) L="-D_GNU_SOURCE -I$HERE $HERE\/base\/*.c -lsodium"/' \
    -e 's/^    serasid) CLIENT=serasid/    serasid*) CLIENT=serasid/' \
    -e 's/^    serasid) \. /    serasid*) . /' \
    -e 's/^  case \$base in$/&\n    serasid*) . "$HERE\/serasid.sh"; serasid_forward;;/' "$2/run.sh"
[ "$(grep -c 'serasid\*)\|-lsodium' "$2/run.sh")" = 4 ] || { echo "copy.sh: run.sh is not as expected" >&2; exit 1; }
chmod u+x "$2/run.sh"
