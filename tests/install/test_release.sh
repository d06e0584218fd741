#!/bin/sh
# sh tests/install/test_release.sh CMAKE BUILD-FOLDER
#
# The release runs unpacked on a system that has none of our packages, with nothing set: a small round, measured and
# reported. And it asks the node for no newer C library than Rocky 9 has.
set -eu
cmake=$1 build=$2
limit=10485760 # bytes
newest=34      # GLIBC_2.34

fail() {
  printf 'not ok: %s\n' "$*" >&2
  exit 1
}

# skip WHY: a failure in CI, which has to bring what the test needs.
skip() {
  [ -z "${CI:-}" ] || fail "$*"
  printf 'SKIP: %s\n' "$*"
  exit 77
}

. /etc/os-release
case ${ID:-}${VERSION_ID:-} in
  debian12) suite=$VERSION_CODENAME ;;
  *)
    echo "SKIP: releases are built on Debian 12, whose C library is old enough"
    exit 77
    ;;
esac
[ "$(id -u)" -eq 0 ] || skip "only root can enter a system of its own (chroot)"
command -v debootstrap >/dev/null || skip "debootstrap is missing"
command -v objdump >/dev/null || skip "objdump is missing"

scratch=$(mktemp -d)
trap 'umount "$scratch/root/proc" 2>/dev/null || :; rm -rf "$scratch"' EXIT
"$cmake" --build "$build" --target release >"$scratch/release.log" 2>&1 || {
  tail -n 20 "$scratch/release.log"
  fail "cmake --build --target release"
}
set -- "$build"/release/specbench-*.tar.gz
[ $# -eq 1 ] && [ -f "$1" ] || fail "release/ holds not one archive: $*"
size=$(stat -c %s "$1")
[ "$size" -lt "$limit" ] || fail "$1 has $size bytes, more than $limit"

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
root=$scratch/root
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$scratch/debootstrap.log" 2>&1 || {
  tail -n 5 "$scratch/debootstrap.log"
  skip "debootstrap failed (no network?)"
}
tar -xzf "$1" -C "$root/opt"
set -- "$root"/opt/specbench-*
home=${1#"$root"}
for file in "$root$home"/bin/specbench "$root$home"/lib/specbench/*; do
  symbols=$(objdump -T "$file" 2>&1) || fail "objdump $file"
  for version in $(printf '%s\n' "$symbols" | grep -o 'GLIBC_2\.[0-9]*' | sort -u); do
    [ "${version#GLIBC_2.}" -le "$newest" ] || fail "${file##*/} needs $version"
  done
  case ${file##*/} in
    libc.so* | libm.so* | libresolv.so* | ld-linux*) fail "the C library's ${file##*/} came along" ;;
  esac
done

mount -t proc proc "$root/proc"
inside() {
  chroot "$root" env -i PATH=/usr/bin:/bin HOME=/root "$@"
}
! inside sh -c 'command -v lua5.4 || command -v gnuplot' || fail "the bare system has our packages"
inside "$home/bin/specbench" --version
inside sh -c "cd /root && exec '$home/bin/specbench' run round2 --quick --only model=qwen2.5-7b --only task=polish \
  --only context=0.25k --only concurrency=1,4 --out results" >"$scratch/run.log" 2>&1 || {
  tail -n 30 "$scratch/run.log"
  fail "run round2 --quick in a bare system"
}
cells=$(find "$root/root/results/cells" -name cell.json | wc -l)
[ "$cells" -eq 4 ] || fail "$cells cells were measured, not 4"
inside "$home/bin/specbench" report /root/results --html >"$scratch/report.log" 2>&1 || {
  tail -n 30 "$scratch/report.log"
  fail "report in a bare system"
}
grep -q Dygraph "$root/root/results/report.html" || fail "the release brought no library for its pages' charts"
echo "ok: $size bytes, unpacked at $home of a bare $suite, measured $cells cells"
