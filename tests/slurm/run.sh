#!/bin/sh
# sh tests/slurm/run.sh SPECBENCH: the tests that need a Slurm, which they start and end themselves. They run with CI
# or SPECBENCH_TEST_SLURM set only (scripts/test.sh --slurm sets it to `all`): else no daemon is ever started.
set -eu
if [ -z "${CI:-}${SPECBENCH_TEST_SLURM:-}" ]; then
  echo "skipped: sh scripts/test.sh --slurm runs it"
  exit 77
fi
for program in slurmctld slurmd munged; do
  PATH=$PATH:/usr/sbin command -v $program > /dev/null && continue
  echo "$program is not installed: sh scripts/test.sh --slurm installs it"
  exit 1
done
if ! unshare --uts --pid --mount-proc --fork true; then
  echo "no namespaces here: nodes of one machine need root and CAP_SYS_ADMIN"
  exit 77
fi
exec "$1" tests/lua/run.lua tests/slurm/slurm_spec.lua
