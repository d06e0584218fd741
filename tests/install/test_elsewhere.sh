#!/bin/sh
# sh tests/install/test_elsewhere.sh CMAKE PROGRAM
#
# A build folder outside the checkout runs without SPECBENCH_HOME: configuring it leaves word of the checkout beside
# the program. PROGRAM, built already, stands in for the one that would be built there.
set -eu
cmake=$1 program=$2
cd "$(dirname "$0")/../.."
checkout=$(pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset SPECBENCH_HOME
"$cmake" -S . -B "$scratch/else where" -DBUILD_TESTING=OFF >"$scratch/configure.log" 2>&1 || {
  cat "$scratch/configure.log"
  exit 1
}
cp "$program" "$scratch/else where/specbench"
cd "$scratch"
printf 'io.write(require("sb.environment").home)\n' >home.lua
found=$("$scratch/else where/specbench" home.lua)
[ "$found" = "$checkout" ] || {
  echo "not ok: home is '$found', not '$checkout'" >&2
  exit 1
}
mkdir alone
cp "$program" alone/specbench
if alone/specbench home.lua >out 2>err; then
  echo "not ok: a program on its own found $(cat out)" >&2
  exit 1
fi
grep -q SPECBENCH_HOME err
echo "ok: built elsewhere, used"
