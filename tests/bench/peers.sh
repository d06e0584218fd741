#!/bin/sh
# SPECBENCH_PEERS=FOLDER sh tests/bench/peers.sh [OPTION]...
#
# specbench beside the floor and the field's own load generators on one mock server with known timing. FOLDER holds
# the rig: run.py, and setup.sh, which made the environments of the clients (PEERS_TMP says where). Those that are
# not there are left out. Prints Markdown tables, and keeps every cell in $PEERS_TMP/results.jsonl.
#
#   BIN         the specbench to measure; default: build/release/specbench
#   PEERS_TMP   where the rig has its environments
#
# Options go to run.py, e.g. --clients floor,specbench --streams 64,512 --workloads paced,flood --wait-quiet 60
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
: "${SPECBENCH_PEERS:?set it to the folder that holds run.py}"
BIN=${BIN:-$here/build/release/specbench}
[ -x "$BIN" ] || {
  echo "peers.sh: no $BIN: build it (cmake --preset release && cmake --build --preset release), or set BIN" >&2
  exit 1
}
BIN=$(realpath "$BIN")
export BIN
[ -z "${PEERS_TMP:-}" ] || export PEERS_TMP
exec python3 "$SPECBENCH_PEERS/run.py" --compact \
  --add 'specbench=$BIN selfcheck client --url {url} -c {c} -n {n} --tokens {tokens} --out {out}/result.json' "$@"
