#!/bin/sh
# sh tests/lint/format.sh [--fix]
#
# Whether all C is as .clang-format says, by the version of requirements.txt that scripts/test.sh installs into
# build/format-venv; --fix makes it so. Status 77 (skipped) where that is missing, or a failure with CI=1.
set -eu
cd "$(dirname "$0")/../.."
format=build/format-venv/bin/clang-format
if ! [ -x "$format" ]; then
  echo "no $format: sh scripts/test.sh installs it, or by hand: python3 -m venv build/format-venv &&" \
    "build/format-venv/bin/pip install -r tests/lint/requirements.txt"
  [ -z "${CI:-}" ] || exit 1
  exit 77
fi
case ${1:-} in
  --fix) options=-i ;;
  '') options='--dry-run --Werror' ;;
  *)
    echo "usage: sh tests/lint/format.sh [--fix]" >&2
    exit 2
    ;;
esac
# shellcheck disable=SC2086
find bindings runtime tests -name '*.[ch]' -print0 | xargs -0 -n 16 "$format" $options || {
  echo "not as .clang-format says: sh tests/lint/format.sh --fix" >&2
  exit 1
}
