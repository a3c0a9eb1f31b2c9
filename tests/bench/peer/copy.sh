#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copies the harness of the side-by-side measurements and adds serasid to the copy: its client, how
# it is started, and the peers serasid, serasid-noreceipts, F-serasid, F-serasid-noreceipts.
#
#   sh tests/bench/peer/copy.sh HARNESS NEW-FOLDER
set -eu
[ $# = 2 ] || { echo "usage: copy.sh HARNESS NEW-FOLDER" >&2; exit 2; }
mkdir -p "$2"
cp "$1"/*.[ch] "$1"/run.sh "$1"/summarize.py "$2"
cp "$(dirname "$0")"/*.[ch] "$(dirname "$0")"/serasid.sh "$2"
sed -i -e 's/^    serasid) CLIENT=serasid/    serasid*) CLIENT=serasid/' \
    -e 's/^    serasid) \. /    serasid*) . /' \
    -e 's/^  case \$base in$/&\n    serasid*) . "$HERE\/serasid.sh"; serasid_forward;;/' "$2/run.sh"
[ "$(grep -c 'serasid\*)' "$2/run.sh")" = 3 ] || { echo "copy.sh: run.sh is not as expected" >&2; exit 1; }
chmod u+x "$2/run.sh"
