#!/bin/sh
# sh scripts/nightly.sh [PART]...
#
# What is too long for every day, for a machine that has a night: all parts, or those that are named.
#   fuzz      every target of tests/fuzz for an hour each, in C (libFuzzer: needs clang) and in Lua
#   torture   every call of a small run failed in turn, and every call stack that allocates at its first and at a random
#             occurrence, both optimised and under AddressSanitizer; memory running out at 1,000 places
#   crossing  cells of each outcome with each field absent and of each wrong type, through all that prints
#   faults    the whole table of faults
#   kills     210 kills
#   sweeps    1,000 seeded sweeps with random faults in virtual time
#   soak      30 minutes of 256 streams, one request in a hundred going wrong
# Logs and inputs found are in build/nightly. Exit status 1 where a part failed. NIGHTLY_SECONDS (3600) is the time of
# each fuzz target.
set -u
cd "$(dirname "$0")/.."
seconds=${NIGHTLY_SECONDS:-3600}
out=$PWD/build/nightly
mkdir -p "$out"
failed=0

case ${1:-} in
  -h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit
    ;;
esac

# part NAME COMMAND...: runs it, its output in a log, and says how it went.
part() {
  name=$1
  shift
  if "$@" >"$out/$name.log" 2>&1; then
    echo "$(date +%H:%M) passed: $name: $(grep -aE 'executed_units|executions|tests passed|lost [0-9]|sweeps, ' "$out/$name.log" |
      tail -1)"
  else
    echo "$(date +%H:%M) FAILED: $name: see $out/$name.log"
    failed=1
  fi
}

# build FOLDER CMAKE-OPTION...
build() {
  folder=$1
  shift
  cmake -S . -B "$folder" "$@" >"$out/build.log" 2>&1 && cmake --build "$folder" -j 2 >>"$out/build.log" 2>&1 || {
    echo "cannot build $folder: see $out/build.log"
    exit 1
  }
}

tests() {
  ctest --test-dir "$1" --no-tests=error --output-on-failure -R "$2"
}

fuzz() {
  if command -v clang >/dev/null; then
    CC=clang build build/fuzz -DSPECBENCH_FUZZ=ON -DSPECBENCH_SANITIZE=address,undefined
    for source in tests/fuzz/fuzz_*.c; do
      target=$(basename "$source" .c)
      mkdir -p "$out/$target"
      part "$target" "build/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -print_final_stats=1 \
        -artifact_prefix="$out/$target-" "$out/$target" "tests/fuzz/corpus/${target#fuzz_}"
    done
  else
    echo "no clang: the fuzz targets in C are left out"
    failed=1
  fi
  cd "$out" || exit 1
  part readers env SPECBENCH_HOME="$OLDPWD" "$OLDPWD/build/nightly-release/specbench" "$OLDPWD/tests/fuzz/readers.lua" \
    --seconds "$seconds" --seed "$(date +%s)"
  cd "$OLDPWD" || exit 1
}

torture() {
  build build/nightly-asan -DCMAKE_BUILD_TYPE=Debug -DSPECBENCH_SANITIZE=address,undefined
  export SPECBENCH_TEST_TORTURE=all SPECBENCH_TEST_PLACES=500 SPECBENCH_TEST_STACKS=all SPECBENCH_TEST_SECONDS=30000
  part torture tests build/nightly-release '^cli\.torture$'
  part torture-asan tests build/nightly-asan '^cli\.torture$'
  part no-memory tests build/nightly-release '^cli\.no_memory$'
  part no-memory-asan tests build/nightly-asan '^cli\.no_memory$'
}

faults() { SPECBENCH_TEST_FAULTS=all part faults tests build/nightly-release '^faults\.table$'; }
kills() { SPECBENCH_TEST_KILLS=210 part kills tests build/nightly-release '^cli\.kill_drill$'; }
sweeps() {
  if [ -f tests/proof/sweeps.lua ]; then
    part sweeps build/nightly-release/specbench tests/proof/sweeps.lua 1000
  fi
}
crossing() {
  SPECBENCH_TEST_CROSSING=all SPECBENCH_TEST_SECONDS=7000 part crossing tests build/nightly-release '^lua\.crossing'
}
soak() { part soak build/nightly-release/specbench tests/soak/soak.lua; }

[ $# -gt 0 ] || set -- faults kills crossing torture sweeps soak fuzz
for name; do
  case $name in
    fuzz | torture | crossing | faults | kills | sweeps | soak) ;;
    *)
      echo "no part '$name': sh scripts/nightly.sh --help" >&2
      exit 2
      ;;
  esac
done
build build/nightly-release -DCMAKE_BUILD_TYPE=Release
for name; do "$name"; done
exit "$failed"
