#!/bin/sh
# sh tests/proof/run.sh [CTEST-OPTION]...
#
# Builds the proofs, runs them all and prints their figures; e.g. -R grids for one. Exit status 0: every figure
# lies where it must. All but truth run in virtual time; truth wants a quiet machine.
set -eu
cd "$(dirname "$0")/../.."
cmake -S . -B build/proof -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build/proof --target proofs -j 2 >/dev/null
exec ctest --test-dir build/proof -C Proof -L proof --no-tests=error -V "$@"
