#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A tree of brokers on this machine, and one child's way through it: complaint, case, referral,
# acceptance, handover, close. In the middle a broker is killed with kill -9.
#
#   sh daemon/demo.sh [--keep] [--folder DIR]
#
# On a bare Debian 12 it installs the packages it needs (as root or through sudo) and builds into
# build/. SERASI_BIN=DIR takes the programs in DIR instead and does neither. All data is invented.
# Nothing is left running, and nothing behind, unless --keep says so.
set -eu
cd "$(dirname "$0")/.."

keep= folder= made_folder= bold= plain=
while [ $# -gt 0 ]; do
    case $1 in
    --keep) keep=1 ;;
    --folder) [ $# -ge 2 ] || { echo "demo.sh: --folder needs a value" >&2; exit 2; }
        folder=$2; shift ;;
    --folder=*) folder=${1#--folder=} ;;
    -h | --help) sed -n '3,/^set /s/^# \{0,1\}//p' daemon/demo.sh; exit 0 ;;
    *) echo "usage: sh daemon/demo.sh [--keep] [--folder DIR]" >&2; exit 2 ;;
    esac
    shift
done
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi

# --- words ---------------------------------------------------------------------------------------

n_steps=0
step() { # ENGLISH INDONESIAN-TERM
    n_steps=$((n_steps + 1))
    printf '\n%s%d. %s%s%s\n' "$bold" "$n_steps" "$1" "$plain" "${2:+ ($2)}"
}
say() { printf '   %s\n' "$*"; }
show() { sed 's/^/   | /'; }
show_trace() { # without the column of ids: it is one message
    sed -e 's/  message_id */  /' -e 's/  [0-9a-f-]\{36\}  /  /' | show
}
fail() {
    for file in "$folder"/log/* "$folder/published"; do
        [ ! -s "$file" ] || { echo "--- last lines of $file"; tail -n 8 "$file"; } >&2
    done
    printf '\ndemo.sh: %s\n' "$*" >&2
    exit 1
}

# --- processes: each is ended by its pid, whatever happens -----------------------------------------

brokers= consumer=
pid_of() { cat "$folder/$1.pid" 2>/dev/null; }

# Ends a broker and waits at most 10 s for it.
stop() { # BROKER
    pid=$(pid_of "$1") || return 0
    kill "$pid" 2>/dev/null || true
    i=0
    while kill -0 "$pid" 2>/dev/null && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -f "$folder/$1.pid"
}

clean_up() {
    status=$?
    trap - EXIT
    [ -z "$consumer" ] || kill "$consumer" 2>/dev/null || true
    [ $status -eq 0 ] && [ -n "$keep" ] && exit 0
    for name in $brokers; do stop "$name"; done
    [ -z "$made_folder" ] || [ -n "$keep" ] || rm -rf "$folder"
    exit $status
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- programs --------------------------------------------------------------------------------------

if [ -n "${SERASI_BIN:-}" ]; then
    bin=$(cd "$SERASI_BIN" && pwd)
else
    . daemon/packages.sh
    install_packages build
    echo "Building into build/ ..."
    mkdir -p build
    { cmake -S . -B build -G Ninja -DBUILD_TESTING=OFF && ninja -C build serasid serasictl; } \
        >build/demo.log 2>&1 || { tail -n 40 build/demo.log >&2; exit 1; }
    bin=$(pwd)/build/bin
fi
began=$(date +%s)
serasictl=$bin/serasictl
examples=tests/examples

if [ -z "$folder" ]; then
    folder=$(mktemp -d /tmp/serasi-demo.XXXXXX)
    made_folder=1
else
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    [ -z "$(ls -A "$folder")" ] || { echo "demo.sh: $folder is not empty" >&2; exit 2; }
fi
mkdir "$folder/log"

ctl() { # FOLDER COMMAND...: bounded, and nothing is read from our stdin
    dir=$folder/$1; shift
    timeout 60 "$serasictl" --dir "$dir" "$@" </dev/null
}

# --- a tree of brokers -------------------------------------------------------------------------------

# The next TCP port nobody listens on, below the range the kernel gives out.
port=$((15000 + $$ * 13 % 15000))
next_port() {
    while :; do
        port=$((port + 1))
        hex=$(printf ':%04X ' "$port")
        cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "$hex" || break
    done
}

init() { # FOLDER OPTIONS...
    name=$1; shift
    "$serasictl" init "$folder/$name" "$@" 2>>"$folder/log/init" || fail "init of $name failed"
    "$serasictl" --dir "$folder/$name" pubkey >>"$folder/directory.jsonl" || fail "no key of $name"
}
endpoint_of() { sed -n '/^\[listen\]/,$s/^endpoint = //p' "$folder/$1/serasid.conf" | head -n 1; }
key_of() { "$serasictl" --dir "$folder/$1" pubkey --curve; }

broker() { # FOLDER NODE [PARENT-FOLDER]
    next_port
    brokers="$brokers $1"
    if [ $# -eq 2 ]; then
        init "$1" --role hub --node "$2" --listen "tcp://127.0.0.1:$port"
    else
        init "$1" --role regional --node "$2" --listen "tcp://127.0.0.1:$port" \
            --parent "$(endpoint_of "$3")" --parent-key "$(key_of "$3")" \
            --hub-key "$("$serasictl" --dir "$folder/hub" pubkey)"
    fi
}
client() { # FOLDER NODE BROKER-FOLDER
    init "$1" --role client --node "$2" --broker "$(endpoint_of "$3")" --broker-key "$(key_of "$3")"
}

start() { # BROKER
    "$bin/serasid" --config "$folder/$1/serasid.conf" </dev/null >>"$folder/log/$1" 2>&1 &
    echo $! >"$folder/$1.pid"
    i=0
    until ctl "$1" status --timeout 2s >"$folder/status" 2>/dev/null; do
        kill -0 "$(pid_of "$1")" 2>/dev/null || fail "the broker $1 ended while starting"
        [ $i -lt 100 ] || fail "the broker $1 does not answer"
        i=$((i + 1)); sleep 0.1
    done
}
wait_link() { # BROKER: the link, and the directory over it
    i=0
    until ctl "$1" status >"$folder/status" && grep -q '^uplink  *up$' "$folder/status" &&
        grep -q '^nodes  *[1-9]' "$folder/status"; do
        [ $i -lt 100 ] || fail "$1 has no link to the hub"
        i=$((i + 1)); sleep 0.1
    done
}

# --- messages ----------------------------------------------------------------------------------------

node_of() { sed -n 's/^id = //p' "$folder/$1/serasid.conf"; }
id_of() { sed -n 's/.*"message_id": *"\([^"]*\)".*/\1/p' "$1" | head -n 1; }
kind_of() { sed -n 's/.*"kind": *"\([^"]*\)".*/\1/p' "$1" | head -n 1; }

consume_behind() { # FOLDER N
    timeout 60 "$serasictl" --dir "$folder/$1" consume -n "$2" --timeout 20s --json \
        </dev/null >"$folder/consumed" 2>>"$folder/log/consume" &
    consumer=$!
}
consumer_is_done() { # WHO FILE...
    who=$1; shift
    wait "$consumer" || fail "the consumer of $(node_of "$who") did not get its messages"
    consumer=
    for file in "$@"; do
        grep -q "\"message_id\":\"$(id_of "$file")\"" "$folder/consumed" ||
            fail "$(node_of "$who") got something else than $file"
    done
}

# Publishes while the recipient's consumer is at work, and waits until that has settled.
send() { # FROM TO FILE...
    from=$1 to=$2; shift 2
    consume_behind "$to" $#
    ctl "$from" publish "$@" --wait collected --timeout 20s >"$folder/published" ||
        fail "publishing $* failed"
    consumer_is_done "$to" "$@"
    [ "$(grep -c '^ACCEPTED ' "$folder/published")" -eq $# ] || fail "not everything was accepted"
    for file in "$@"; do
        say "$(node_of "$from") → $(node_of "$to"): $(kind_of "$file"), ACCEPTED, COLLECTED"
    done
}

# =====================================================================================================

step "A hub, two regional brokers, six institutions; every one has keys of its own" "pusat, sentra"
broker hub hub
broker phala-martha upt/phala-martha hub
broker satria upt/satria hub
client pks pks/3203052001 phala-martha
client dsk dsk/3203 phala-martha
client dsp dsp/32 phala-martha
client uptd uptd/32/pa-02 phala-martha
client satria-office upt/satria satria
client lksa lksa/3302/0001 satria
cat tests/fixtures/directory/directory.jsonl >>"$folder/directory.jsonl"
ctl hub node import "$folder/directory.jsonl" >>"$folder/log/init" 2>&1 ||
    fail "the hub did not take the directory"
for name in $brokers; do
    start "$name"
done
wait_link phala-martha
wait_link satria
say "hub $(endpoint_of hub)"
say "├── upt/phala-martha, Sukabumi: puskesos, dinas, provincial dinas, children's home"
say "└── upt/satria, Baturraden: its own office, a children's home"
say "$(sed -n 's/^nodes *//p' "$folder/status") institutions in the directory the hub signed; an unknown key is not let in"

step "A village post reports a child whose needs nobody meets" "pengaduan"
send pks dsk $examples/s1-01-complaint.json
say "Harm now: it rides in the lane EMERGENCY, though the sender only said PRIORITY."

step "The regency classifies it and turns it into a case" "klasifikasi, kasus"
send dsk pks $examples/s1-02-complaint-classify.json $examples/s1-02b-complaint-convert.json
send dsk dsp $examples/s1-03-case-opened.json
send dsk pks $examples/s1-03b-case-response.json
send dsk dsp $examples/s1-03c-dtks-proposal.json

step "A referral to a home that is offline, and a broker that is killed" "rujukan"
referral_file=$examples/s1-04-referral-request.json
referral=$(id_of $referral_file)
ctl dsk publish $referral_file >"$folder/published" || fail "the referral was not accepted"
grep -q "^ACCEPTED  *$referral" "$folder/published" || fail "the referral was not accepted"
say "dsk/3203 → uptd/32/pa-02: REFERRAL_REQUEST, ACCEPTED: it is on disk now"
kill -9 "$(pid_of phala-martha)"
wait "$(pid_of phala-martha)" 2>/dev/null || true
say "kill -9 of the broker upt/phala-martha. Its store, read while it is dead:"
ctl phala-martha trace "$referral" 2>/dev/null >"$folder/trace" || fail "no trace of the referral"
grep -q ' waiting ' "$folder/trace" || fail "the referral is not waiting"
show_trace <"$folder/trace"
start phala-martha
say "Started again. The home comes back and collects:"
consume_behind uptd 1
consumer_is_done uptd $referral_file
say "uptd/32/pa-02: REFERRAL_REQUEST, settled"
i=0
until ctl dsk consume --receipts --json | grep "\"message_id\":\"$referral\"" >"$folder/receipt"; do
    [ $i -lt 5 ] || fail "the sender was told nothing"
    i=$((i + 1))
done
grep -q COLLECTED "$folder/receipt" || fail "the receipt is not COLLECTED"
say "dsk/3203 got the receipt: COLLECTED"

step "The home accepts, takes the child in, and the complaint is closed" \
    "tanggapan rujukan, berita acara serah terima"
send uptd dsk $examples/s1-05-referral-accepted.json
send uptd dsk $examples/s1-06-handover-minutes.json $examples/s1-06b-case-opened-home.json
send dsk pks $examples/s1-06c-complaint-resolve.json $examples/s1-07-complaint-close.json

step "The province supervises: it gets the facts, and nobody's name" "salinan pengawasan"
ctl dsp consume --json >"$folder/consumed" || fail "dsp/32 did not get its copies"
[ "$(grep -c '"role":"SUPERVISOR"' "$folder/consumed")" -eq 2 ] || fail "not two copies for dsp/32"
! grep -q '"sealed":' "$folder/consumed" || fail "a supervision copy has a sealed part"
say "dsp/32: REFERRAL_REQUEST and HANDOVER_MINUTES, envelope and facts alone"
ctl dsk referral "$referral" | show

step "Another referral, across the tree: region → hub → region" "rujukan antarwilayah"
wait_link phala-martha
send dsk satria-office $examples/x-01-referral-to-satria.json
ctl dsp consume >>"$folder/log/consume" || fail "dsp/32 did not get its copy"
say "serasictl trace at the receiving broker:"
ctl satria trace "$(id_of $examples/x-01-referral-to-satria.json)" >"$folder/trace" ||
    fail "the receiving broker has no trace"
[ "$(grep -c ' accepted ' "$folder/trace")" -eq 3 ] || fail "the trace does not name three brokers"
show_trace <"$folder/trace"

step "A refusal names all reasons at once" "penolakan"
sed -e '/"message_id"/d' -e '/"cluster"/d' -e '/"sealed"/s/.*/  "sealed": ""/' \
    -e 's/"dsk\/3203"/"lksa\/3302\/0001"/' -e 's/"upt\/satria"/"upt\/satriya"/' \
    -e 's/"region": "3203"/"region": "9999"/' -e 's/"460\/902[^"]*"/"3302014505120001"/' \
    -e 's/"requested_on": "[^"]*"/"requested_on": "2999-01-01"/' \
    $examples/x-01-referral-to-satria.json >"$folder/refused.json"
code=0
ctl lksa publish "$folder/refused.json" --json >"$folder/published" || code=$?
[ $code -eq 1 ] || fail "exit status $code instead of 1 for a refused message"
tr '{' '\n' <"$folder/published" | sed -n 's/.*"code":"\([^"]*\)".*"text_en":"\([^"]*\)","text_id":"\([^"]*\)".*/\1	\2	\3/p' |
    awk -F '\t' '{ printf "   %-17s  %s\n   %-17s  %s\n", $1, $2, "", $3 }' >"$folder/reasons"
[ "$(grep -c . "$folder/reasons")" -ge 10 ] || fail "reasons are missing"
say "lksa/3302/0001 → upt/satriya: REFERRAL_REQUEST, REFUSED, nothing is stored:"
cat "$folder/reasons"

step "What became of the referral" "riwayat rujukan"
ctl phala-martha trace "$referral" >"$folder/trace" || fail "no trace of the referral"
grep -q ' COLLECTED ' "$folder/trace" || fail "the trace has no end"
show_trace <"$folder/trace"
for name in $brokers; do
    ctl "$name" queues --json >"$folder/queues" || fail "no queues of $name"
    ! grep -q '"kind":"mailbox"' "$folder/queues" || fail "something is left in a mailbox of $name"
    ctl "$name" check >/dev/null || fail "the store of $name is damaged"
done
say "Every mailbox is empty, every checksum is right. $(($(date +%s) - began)) s."

echo
if [ -z "$keep" ]; then
    for name in $brokers; do stop "$name"; done
    echo "The brokers are stopped. \`sh daemon/demo.sh --keep\` leaves them running to look around."
    exit 0
fi
cat <<END
The brokers are running. Look around:
  PATH=$bin:\$PATH; cd $folder
  serasictl --dir phala-martha status
  serasictl --dir phala-martha queues
  serasictl --dir hub links
  serasictl --dir phala-martha messages --limit 5
  serasictl --dir satria trace $(id_of $examples/x-01-referral-to-satria.json)
  sed /message_id/d $(pwd)/$examples/s1-01-complaint.json | serasictl --dir pks publish -
  serasictl --dir dsk consume
  serasictl --dir dsk consume --receipts
Stop them, and remove everything:
  kill$(for name in $brokers; do printf ' %s' "$(pid_of "$name")"; done); rm -rf $folder
END
