# SPDX-License-Identifier: Apache-2.0
# Sourced by run.sh of the side-by-side measurements: starts serasid with its defaults but for quotas, CURVE on,
# files in $D; and but for signatures, which clients do not have unless the peer is one of *-signed.
# SERASI_BIN is the folder with serasid and serasictl.
: "${SERASI_BIN:?the folder with serasid and serasictl}"

serasid_signs() { case $PEER in *-signed) ;; *) false;; esac; }
serasid_node() { # LETTER NODE PORT [PARENT-PORT]: a broker's folder, once
  local d=$D/$1 up=()
  [ -f "$d/serasid.conf" ] && return
  [ -n "${4:-}" ] && up=(--parent "tcp://127.0.0.1:$4" --parent-key "$(cat "$D/curve.$4")")
  "$SERASI_BIN/serasictl" init "$d" --role "$([ -n "${4:-}" ] && echo regional || echo hub)" --node "$2" \
    --listen "tcp://127.0.0.1:$3" "${up[@]}" 2>/dev/null || return
  mkdir -p "$d/serasid.conf.d"
  printf '[limits]\nsender-queue = 0\nsender-bytes = 0\nmailbox-queue = 0\n' > "$d/serasid.conf.d/bench.conf" # they are not emptied between runs
  serasid_signs || printf '[security]\nunsigned = allow\n' >> "$d/serasid.conf.d/bench.conf"
  "$SERASI_BIN/serasictl" --dir "$d" pubkey --curve > "$D/curve.$3"
  printf '{"node":{"id":"%s","kind":"%s","name":"%s","home":"%s","broker":true%s}}\n' "$2" \
    "$([ -n "${4:-}" ] && echo NODE_KIND_UPT_BALAI || echo NODE_KIND_NATIONAL_HUB)" "$2" "$2" \
    "${4:+,\"broker_parent\":\"hub\"}" >> "$D/directory"
  "$SERASI_BIN/serasictl" --dir "$d" pubkey >> "$D/directory"
}
serasid_client() { # FOLDER NODE HOME PORT
  "$SERASI_BIN/serasictl" init "$D/$1" --role client --node "$2" --broker tcp://127.0.0.1:1 \
    --broker-key "$(cat "$D/curve.$4")" 2>/dev/null
  printf '{"node":{"id":"%s","kind":"NODE_KIND_SOCIAL_AGENCY_REGENCY","name":"%s","home":"%s"}}\n' "$2" "$2" "$3" >> "$D/directory"
  "$SERASI_BIN/serasictl" --dir "$D/$1" pubkey > "$D/pubkey"
  serasid_signs || sed -i 's/"ed25519":"[^"]*",\?//' "$D/pubkey" # who has a signing key has to sign
  cat "$D/pubkey" >> "$D/directory"
}
serasid_clients() { # HOME-OF-PUBLISHER HOME-OF-MAILBOXES PORT
  local i
  [ -f "$D/mailbox" ] && return
  serasid_client publisher dsk/3302 "$1" "$3"
  for i in $(seq 0 23); do serasid_client "mailbox$i" "dsk/$((9000 + i))" "$2" "$3"; done
  for i in "$D"/[AB]; do "$SERASI_BIN/serasictl" --dir "$i" node import "$D/directory" >/dev/null 2>&1; done
  echo 0 > "$D/mailbox"
}
serasid_run() { # LETTER; echoes the pid
  setsid "$SERASI_BIN/serasid" --config "$D/$1/serasid.conf" >>"$D/$1/log" 2>&1 </dev/null & echo $!
}
serasid_options() { # of the client
  XO=(home="$D" receipts="${SERASI_RECEIPTS:-1}" case="${SERASI_CASE:-1}")
  case $PEER in *-noreceipts) XO[1]=receipts=0;; *-signed) XO+=(sign=1);; esac
}
serasid_start() {
  serasid_node A hub 5761
  serasid_clients hub hub 5761
  serasid_options
  PID=$(serasid_run A)
}
serasid_forward() { # a regional broker, where the publisher is, and the hub above it, where the consumer is
  serasid_node B hub 5762
  serasid_node A upt/satria 5761 5762
  serasid_clients upt/satria hub 5761
  serasid_options
  CLIENT=serasid PORT=5761 CPORT=5762
  PIDB=$(serasid_run B); sleep 0.5; PIDA=$(serasid_run A)
  for _ in $(seq 100); do "$SERASI_BIN/serasictl" --dir "$D/A" status --json 2>/dev/null | grep -q '"uplink": *"up"' && break; sleep 0.1; done
}
