#!/bin/sh
# sh scripts/quickstart.sh [OPTION]...
#
# From a fresh Debian 12 or Ubuntu 24.04, as root or with sudo, to the first verdict: installs what is missing,
# builds specbench, puts a link to it on the PATH (/usr/local/bin, or ~/.local/bin), lets the simulator (no GPU) answer
# a part of round 1 in virtual time, and runs a small version of round 2 on it with three repeats in real time. Options
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
taste="run rounds/round1.lua --virtual --repeats 3 --prompts-per-stream 4 --no-text --no-pictures"
taste="$taste --only model=qwen2.5-7b --only task=conversation,math_reasoning,rag --only k=1,3,5"
taste="$taste --only concurrency=1,8,32,128"
say "a first taste: up to which load does a draft model, or lookup, speed up a 7B model? 5 hours of a simulated GPU, in"\
  "virtual time: specbench $taste"
# shellcheck disable=SC2086 # words of our own
build/release/specbench $taste 2>build/taste.log || { tail -n 5 build/taste.log >&2; exit 1; }
say "and in real time, with requests over HTTP: specbench run rounds/round2.lua --quick --repeats 3 $*"
exec build/release/specbench run rounds/round2.lua --quick --repeats 3 "$@"
