#!/bin/sh
# sh tests/install/test_install.sh CMAKE BUILD-FOLDER
#
# An installed tree works from wherever it is moved to, without the checkout: the program, the rounds and
# modules that come with it, its man page and its completion.
set -eu
cmake=$1 build=$2

fail() {
  printf 'not ok: %s\n' "$*" >&2
  exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/empty"
home="$scratch/moved here"
"$cmake" --install "$build" --prefix "$scratch/prefix" >"$scratch/install.log" 2>&1 || {
  cat "$scratch/install.log"
  fail "cmake --install"
}
mv "$scratch/prefix" "$home"
cd "$scratch/empty"
unset SPECBENCH_HOME
specbench=$home/bin/specbench

version=$("$specbench" --version)
case $version in
  "specbench "[0-9]*.[0-9]*.[0-9]*) ;;
  *) fail "--version prints: $version" ;;
esac

"$specbench" plan round2 --quick >"$scratch/plan"
grep -q 'qwen2.5-7b' "$scratch/plan" || fail "plan round2 --quick names no model: $(head -n 3 "$scratch/plan")"

# A page's style and script are files of the tree as well.
"$specbench" run round2 --quick --virtual --no-pictures --only task=polish --only context=0.25k --only concurrency=1 \
  --only model=qwen2.5-7b --out "$scratch/results" >"$scratch/run.log" 2>&1 || fail "run: $(tail -n 5 "$scratch/run.log")"
"$specbench" report "$scratch/results" --no-pictures --html >"$scratch/report.log" 2>&1 ||
  fail "report --html: $(tail -n 5 "$scratch/report.log")"
grep -q '</html>' "$scratch/results/report.html" || fail "report.html is no page"

# Every module must come from the moved tree; one that is left out of the install would come from elsewhere.
cat >"$scratch/script.lua" <<'LUA'
local bench = require "specbench"
assert(type(bench.round) == "function", "no bench.round")
assert(require "cjson".decode("[1]")[1] == 1)
io.write(package.searchpath("specbench", package.path))
LUA
found=$("$specbench" "$scratch/script.lua")
[ "$found" = "$home/share/specbench/scripts/specbench/init.lua" ] || fail "require \"specbench\" took $found"

page=$home/share/man/man1/specbench.1
[ -s "$page" ] || fail "no man page"
if command -v groff >/dev/null; then
  complaints=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
  [ -z "$complaints" ] || fail "the man page: $complaints"
  groff -man -Tutf8 "$page" | grep -q 'specbench' || fail "the man page is empty"
elif [ -n "${CI:-}" ]; then
  fail "groff is missing"
else
  echo "SKIP: the man page's format (no groff)"
fi

completion=$home/share/bash-completion/completions/specbench
bash -n "$completion" || fail "the completion does not parse"
offered=$(bash -c '. "$1"; COMP_WORDS=(specbench pl) COMP_CWORD=1 COMP_LINE="specbench pl" COMP_POINT=12
  "$(complete -p specbench | sed "s/.*-F \([^ ]*\).*/\1/")" specbench pl specbench
  echo "${COMPREPLY[*]}"' sh "$completion")
[ "$offered" = plan ] || fail "the completion offers '$offered' for 'pl', not 'plan'"
echo "ok: installed, moved to '$home', used"
