#!/bin/sh
# sh tests/proof/run.sh [CTEST-OPTION]...
#
# Builds the proofs, runs them all and prints their figures; e.g. -R grids for one. Exit status 0: every figure
# lies where it must. All but truth and certificate run in virtual time; these two take wall time and want a machine of
# their own (-E 'truth|certificate' leaves them out). The published tables, which predict and a part of search
# need, are looked for in $SPECBENCH_TEST_DATA.
set -eu
cd "$(dirname "$0")/../.."
cmake -S . -B build/proof -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build/proof --target proofs -j 2 >/dev/null
status=build/proof/status
{ ctest --test-dir build/proof -C Proof -L proof --no-tests=error -V "$@" 2>&1 && echo 0 >"$status" || echo 1 >"$status"; } |
  sed -nu -e '/^ *Start *[0-9]*: /{s/^ *Start *[0-9]*: proof\./\n/p;d}' -e '/^[0-9]*: Test \(command\|timeout\)/d' \
    -e '/^[0-9]*: \(Working Directory\|Environment variables\)/d' -e '/^[0-9]*:  SPECBENCH_HOME=/d' -e 's/^[0-9]*: //p' \
    -e '/tests passed/p' -e '/(Failed)/p' -e '/No tests/p'
exit "$(cat "$status")"
