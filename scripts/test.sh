#!/bin/sh
# sh scripts/test.sh [--quick | --asan | --valgrind | --slurm] [CTEST-OPTION]...
#
# Installs what is missing, builds with warnings as errors and runs the tests:
#   (none)      all of specbench under AddressSanitizer and UBSan, then every test in the optimised build
#   --quick     every test but the real engine's, in the optimised build alone
#   --asan      every test under AddressSanitizer and UBSan
#   --valgrind  the unit tests under valgrind
#   --slurm     workers on a real Slurm, which is installed for it and whose daemons end with the test (root)
# Other options go to ctest, e.g. -R NAME for some tests or -V for all they print. tests/README.md says what
# is proved. With CI=1 a test that finds its data or its engine missing fails instead of being skipped.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build
. scripts/packages.sh

# Tests run in folders of their own.
if [ -n "${SPECBENCH_TEST_DATA:-}" ]; then
  SPECBENCH_TEST_DATA=$(cd "$SPECBENCH_TEST_DATA" && pwd) || die "SPECBENCH_TEST_DATA is not a folder"
  export SPECBENCH_TEST_DATA
fi

mode=full
case ${1:-} in
  -h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit
    ;;
  --quick | --asan | --valgrind | --slurm)
    mode=${1#--}
    shift
    ;;
esac

# The test starts daemons of its own; the packages' are not started on this machine.
install_slurm() {
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    as_root sh -c "printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod +x $policy"
    trap 'as_root rm -f "$policy"' EXIT
    install_missing needs_to_test needs_slurm
    trap - EXIT
    as_root rm -f "$policy"
  else
    install_missing needs_to_test needs_slurm
  fi
}

install_engine() {
  install_python build/llama-venv scripts/llamacpp/requirements.txt "llama.cpp (PyPI's xllamacpp)" \
    "the real engine's tests"
}

install_formatter() {
  install_python build/format-venv tests/lint/requirements.txt clang-format "the check of C's format"
}

# build PRESET FOLDER [TARGET]
build() {
  say "building $2"
  logged "$2-configure.log" cmake --preset "$1" -B "$2" -DSPECBENCH_WERROR=ON
  logged "$2-build.log" cmake --build "$2" -j "$(cores)" ${3:+--target "$3"}
}

# run_tests FOLDER CTEST-OPTION...
run_tests() {
  folder=$1
  shift
  ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$(cores)" "$@"
}

case $mode in
  full)
    if [ -n "${CI:-}" ]; then install_slurm; else install_missing needs_to_test; fi
    install_engine
    install_formatter
    build asan build/test-asan
    run_tests build/test-asan -LE 'engine|install|lint|browser|slurm' "$@"
    build release build/test
    run_tests build/test "$@"
    ;;
  quick)
    install_missing needs_to_test
    install_formatter
    build release build/test
    run_tests build/test -LE engine "$@"
    ;;
  asan)
    install_missing needs_to_test
    install_engine
    install_formatter
    build asan build/test-asan
    run_tests build/test-asan -LE slurm "$@"
    ;;
  slurm)
    install_slurm
    build release build/test
    SPECBENCH_TEST_SLURM=all run_tests build/test -L slurm "$@"
    ;;
  valgrind)
    install_missing needs_to_test needs_valgrind
    build valgrind build/test-valgrind unit_tests
    run_tests build/test-valgrind -L unit "$@"
    ;;
esac
