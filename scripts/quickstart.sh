#!/bin/sh
# sh scripts/quickstart.sh [OPTION]...
#
# From a fresh Debian 12 or Ubuntu 24.04, as root or with sudo, to the first verdict: installs what is missing,
# builds specbench, puts a link to it on the PATH (/usr/local/bin, or ~/.local/bin), lets the simulator (no GPU) answer
# the whole of round 1 in virtual time, and runs a small version of round 2 on it with three repeats in real time. Options
# go to the second `specbench run`, e.g. --fresh to measure again. Interrupted, it goes on where it stopped.
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
say "building build/release/specbench (about two minutes on 2 cores)"
logged build/configure.log cmake --preset release
logged build/build.log cmake --build --preset release --target specbench manual -j "$(cores)"
link_program "$PWD/build/release/specbench"
taste="run rounds/round1.lua --virtual --no-records --no-text --no-pictures"
say "a first taste: all 1,344 cells of round 1, 73 hours of a simulated GPU, in virtual time: specbench $taste"
# shellcheck disable=SC2086 # words of our own
build/release/specbench $taste 2>build/taste.log || { tail -n 5 build/taste.log >&2; exit 1; }
say "and in real time, with requests over HTTP: specbench run rounds/round2.lua --quick --repeats 3 $*"
exec build/release/specbench run rounds/round2.lua --quick --repeats 3 "$@"
