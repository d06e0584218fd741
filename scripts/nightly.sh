#!/bin/sh
# sh scripts/nightly.sh [--short] [PART]...
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
# Logs and inputs found are in build/nightly. Exit status 1 where a part failed. A night that was cut goes on: with what
# the fuzz targets found, and with the call stacks that are left. NIGHTLY_SECONDS (3600) is the time of each fuzz target.
# --short is a little of each part, fuzz targets for 5 seconds, to see that all of it works: minutes.
set -u
cd "$(dirname "$0")/.."
case ${1:-} in
  -h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' scripts/nightly.sh
    exit
    ;;
  --short)
    seconds=5 how=some places=5 stacks=10 kills=9 seeds=5 minutes=0.1
    shift
    ;;
  *) seconds=3600 how=all places=500 stacks=all kills=210 seeds=1000 minutes=30 ;;
esac
seconds=${NIGHTLY_SECONDS:-$seconds}
out=$PWD/build/nightly
mkdir -p "$out"
failed=0
FIGURES='number_of_executed_units.*|[a-z_-]+: [0-9]+ executions.*|[0-9]+ (stacks|tests|sweeps|kills), .*|[0-9.]+ minutes, .*'

# part NAME COMMAND...: runs it, its output in a log, and says how it went, with the figures that the log has.
part() {
  name=$1
  shift
  if "$@" >"$out/$name.log" 2>&1; then
    echo "$(date +%H:%M) passed: $name"
    grep -aoE "$FIGURES" "$out/$name.log" | sed 's/^/        /'
  else
    echo "$(date +%H:%M) FAILED: $name: see $out/$name.log"
    failed=1
    return 1
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
  ctest --test-dir "$1" --no-tests=error --verbose -R "$2"
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
  export SPECBENCH_TEST_TORTURE=$how SPECBENCH_TEST_PLACES=$places SPECBENCH_TEST_STACKS=$stacks
  for kind in release asan; do
    part "torture-$kind" tests "build/nightly-$kind" '^cli\.torture$'
    [ "$stacks" != all ] || export SPECBENCH_TEST_DONE="$out/stacks-$kind" # those that were survived, until all are
    SPECBENCH_TEST_SECONDS=30000 part "no-memory-$kind" tests "build/nightly-$kind" '^cli\.no_memory$' &&
      rm -f "${SPECBENCH_TEST_DONE:-}"
  done
}

faults() { SPECBENCH_TEST_FAULTS=$how part faults tests build/nightly-release '^faults\.table$'; }
kills() { SPECBENCH_TEST_KILLS=$kills part kills tests build/nightly-release '^cli\.kill_drill$'; }
sweeps() { part sweeps build/nightly-release/specbench tests/proof/sweeps.lua "$seeds"; }
crossing() {
  SPECBENCH_TEST_CROSSING=$how SPECBENCH_TEST_SECONDS=7000 part crossing tests build/nightly-release '^lua\.crossing'
}
soak() { part soak build/nightly-release/specbench tests/soak/soak.lua "$minutes"; }

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
