#!/bin/sh
# sh scripts/quickstart.sh [OPTION]...
#
# From a fresh Debian 12 or Ubuntu 24.04, as root or with sudo, to the first verdict: installs what is missing,
# builds specbench, puts a link to it on the PATH (/usr/local/bin, or ~/.local/bin), and runs a small version of round 2
# with three repeats on the simulator (no GPU). Options go to `specbench run`, e.g. --fresh to measure again.
# Interrupted, it goes on where it stopped.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build
. scripts/packages.sh

case ${1:-} in
  -h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit
    ;;
esac

install_missing needs_to_run
say "building build/release/specbench"
logged build/configure.log cmake --preset release
logged build/build.log cmake --build --preset release --target specbench manual -j "$(cores)"
link_program "$PWD/build/release/specbench"
say "running: specbench run rounds/round2.lua --quick --repeats 3 $*"
exec build/release/specbench run rounds/round2.lua --quick --repeats 3 "$@"
