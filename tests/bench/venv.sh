#!/bin/sh
# sh tests/bench/venv.sh
#
# Makes build/bench-venv, the Python environment of tests/bench/aiohttp_client.py: PyPI's aiohttp and what it needs.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build
[ -x build/bench-venv/bin/python ] || python3 -m venv build/bench-venv
build/bench-venv/bin/pip install -q aiohttp
build/bench-venv/bin/python -c 'import aiohttp; print("build/bench-venv has aiohttp " + aiohttp.__version__)'
