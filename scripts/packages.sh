# Read by quickstart.sh, real.sh and test.sh ('.'): what they need from the system, and how it gets there. POSIX sh.
#
# Each need is a probe and the Debian package that answers it, so that what is there in another way (another
# libcurl flavour, a distribution without apt) is left alone. The names are those of Debian 12, where the
# scripts are tried on a bare system. Ubuntu 24.04 has them all under the same names (several in its universe
# component), but nobody has tried that yet.

say() {
  printf '%s: %s\n' "${0##*/}" "$*"
}

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

cores() {
  getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1
}

# link_program PROGRAM: a link to it in /usr/local/bin ($LINK_FOLDER), or, where that is not ours to write, in
# ~/.local/bin. Another program of that name is left alone.
link_program() {
  folder=${LINK_FOLDER:-/usr/local/bin}
  if [ ! -w "$folder" ]; then
    folder=$HOME/.local/bin
    mkdir -p "$folder"
  fi
  link=$folder/${1##*/}
  if [ -e "$link" ] && [ ! -L "$link" ]; then
    say "$link is a program of its own and stays: call $1"
    return
  fi
  ln -sfn "$1" "$link"
  case :$PATH: in
    *":$folder:"*) say "${1##*/} is on the PATH: $link -> $1" ;;
    *) say "linked $link -> $1; $folder is not on the PATH: export PATH=\"$folder:\$PATH\"" ;;
  esac
}

# logged FILE COMMAND...: its output goes to the file; where it fails, the end of that is shown and we stop.
logged() {
  log=$1
  shift
  "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    die "failed: $* (all of its output: $log)"
  }
}

has_library() {
  command -v pkg-config >/dev/null && pkg-config --exists "$1"
}

has_compiler() {
  printf '#include <stdio.h>\nint main(void) { return 0; }\n' | "${CC:-cc}" -x c -o /dev/null -
}

has_lua_module() {
  lua5.4 -e "require '$1'"
}

has_python_venv() {
  python3 -c 'import ensurepip, venv'
}

# Ubuntu's package only fetches a snap, which cannot open a test's files.
has_browser() {
  command -v chromium || grep -q '^ID=ubuntu$' /etc/os-release
}

has_certificates() {
  [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -n "${SSL_CERT_FILE:-}" ]
}

# need PACKAGE PROBE...: remembers the package where the probe fails.
need() {
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}

needs_to_run() {
  need build-essential has_compiler
  need build-essential command -v make
  need cmake command -v cmake
  need pkg-config command -v pkg-config
  need liblua5.4-dev has_library lua5.4
  need lua5.4 command -v lua5.4
  need lua-cjson has_lua_module cjson
  need libuv1-dev has_library libuv
  need libcurl4-openssl-dev has_library libcurl
  need zlib1g-dev has_library zlib
  need libssl-dev has_library libcrypto
  need gnuplot-nox command -v gnuplot
  need ca-certificates has_certificates
  need libjs-dygraphs test -e /usr/share/javascript/dygraphs/dygraph.min.js
}

needs_to_serve() {
  needs_to_run
  need python3-venv has_python_venv
}

needs_to_test() {
  needs_to_run
  need libcmocka-dev has_library cmocka
  need lua-busted has_lua_module busted.core
  need lua-check command -v luacheck
  need python3-venv has_python_venv
  need procps command -v ps
  need openssl command -v openssl
  need groff-base command -v groff
  need sqlite3 command -v sqlite3
  # A system of its own for the release's test, and a browser for the page's: only where all tests must run.
  [ -z "${CI:-}" ] || need debootstrap command -v debootstrap
  [ -z "${CI:-}" ] || need chromium has_browser
}

needs_valgrind() {
  need valgrind command -v valgrind
}

has_daemon() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1"
}

needs_slurm() {
  need slurmctld has_daemon slurmctld
  need slurmd has_daemon slurmd
  need slurm-client command -v sbatch
  need munge has_daemon munged
  need iproute2 has_daemon ss
  need procps command -v pgrep
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif [ -t 0 ]; then
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo -n env DEBIAN_FRONTEND=noninteractive "$@" # nobody is there to type a password
  fi
}

# find_missing NEEDS...: sets $missing to the packages of the named functions whose probes fail, each once.
find_missing() {
  missing=
  for needs in "$@"; do
    "$needs"
  done
  missing=$(printf '%s\n' $missing | sort -u | paste -s -d ' ')
}

install_missing() {
  find_missing "$@"
  if [ -z "$missing" ]; then
    say "every package needed is there"
    return
  fi
  command -v apt-get >/dev/null || die "install these first (Debian's names; there is no apt-get here): $missing"
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    die "run this as root, or install these first (there is no sudo here): $missing"
  fi
  say "installing $missing"
  # An update that fails is no trouble where the lists are here already; the install below tells.
  as_root apt-get update -qq || say "apt-get update failed: trying with the package lists that are here"
  # shellcheck disable=SC2086 # one word a package
  as_root apt-get install -y -qq --no-install-recommends $missing >build/packages.log 2>&1 || {
    tail -n 5 build/packages.log >&2
    die "apt-get failed (no network? all of its output: build/packages.log); install these by hand," \
      "then run this again: $missing"
  }
  installed=$missing
  find_missing "$@"
  [ -z "$missing" ] || die "these were installed and still do not answer: $missing (of $installed)"
}

# install_python VENV REQUIREMENTS WHAT [LOST]: Python packages in a virtual environment of their own; made again when
# the pin changes. Where that fails, LOST is skipped, or all stops: in CI, and where LOST is not given.
install_python() {
  venv=$1
  cmp -s "$2" "$venv/installed.txt" && return
  say "installing $3 into $venv"
  rm -rf "$venv"
  if python3 -m venv "$venv" && "$venv/bin/pip" install -q -r "$2"; then
    cp "$2" "$venv/installed.txt"
  elif [ -n "${CI:-}" ] || [ -z "${4:-}" ]; then
    die "pip could not install $3: no network?"
  else
    say "pip could not install $3 (no network?): $4 will be skipped"
  fi
}
