#!/bin/sh
# test_link.sh HOME_OF_THE_SOURCES: what quickstart.sh puts on the PATH.
set -eu
. "$1/scripts/packages.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() {
  echo "test_link.sh: $*" >&2
  exit 1
}

mkdir -p "$scratch/build" "$scratch/bin" "$scratch/home"
HOME=$scratch/home
printf '#!/bin/sh\necho measured\n' >"$scratch/build/specbench"
chmod +x "$scratch/build/specbench"

LINK_FOLDER=$scratch/bin PATH=$scratch/bin:$PATH link_program "$scratch/build/specbench" >"$scratch/said"
grep -q "is on the PATH: $scratch/bin/specbench -> $scratch/build/specbench" "$scratch/said" || fail "$(cat "$scratch/said")"
[ "$("$scratch/bin/specbench")" = measured ] || fail "the link leads elsewhere"

# again, and where it led before is gone
ln -sfn "$scratch/nowhere" "$scratch/bin/specbench"
LINK_FOLDER=$scratch/bin link_program "$scratch/build/specbench" >"$scratch/said"
[ "$("$scratch/bin/specbench")" = measured ] || fail "an old link stays"

# a folder that is not there counts as one that is not ours
LINK_FOLDER=$scratch/none link_program "$scratch/build/specbench" >"$scratch/said"
grep -q "$scratch/home/.local/bin is not on the PATH: export PATH=" "$scratch/said" || fail "$(cat "$scratch/said")"
[ "$("$scratch/home/.local/bin/specbench")" = measured ] || fail "no link in ~/.local/bin"

rm "$scratch/bin/specbench"
echo theirs >"$scratch/bin/specbench"
LINK_FOLDER=$scratch/bin link_program "$scratch/build/specbench" >"$scratch/said"
grep -q "is a program of its own and stays" "$scratch/said" || fail "$(cat "$scratch/said")"
[ "$(cat "$scratch/bin/specbench")" = theirs ] || fail "another program was overwritten"
