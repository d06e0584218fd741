#!/bin/sh
# A real Slurm of several nodes on one machine, for tests: one munged, one slurmctld, one slurmd a node, fake GPUs.
# All of it (key, socket, configuration, state, logs, pids) is in one folder; the machine's own Slurm, munge and
# /etc stay untouched. Needs root, for each node has a host name, a boot id and processes of its own (namespaces of
# uts, pid and mounts); needs no systemd, no cgroups, no entry in /etc/hosts.
#
#   mini.sh start DIR [NODES [GPUS]]  3 nodes n1, n2, n3 of 2 GPUs; nothing happens where all of it is up
#   mini.sh crash DIR NODE            ends a node at once: its slurmd, steps and jobs (SIGKILL)
#   mini.sh cut DIR NODE              halts slurmd alone: Slurm believes the node lost, its jobs go on
#   mini.sh node DIR NODE             starts a node that crashed, lets one that was cut off go on
#   mini.sh stop DIR                  ends all of it, jobs included; the folder stays, for its logs
#
# Afterwards: export SLURM_CONF=DIR/slurm.conf, then sbatch, squeue, scancel as everywhere.
# Debian, Ubuntu: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge iproute2 procps
set -eu

fail() { echo "mini: $1" >&2; exit 1; }
usage() { sed -n '7,11s/^# *//p' "$0" >&2; exit 2; }

[ $# -ge 2 ] || usage
command=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)
PATH=$PATH:/usr/sbin:/sbin
export SLURM_CONF="$dir/slurm.conf"

# The pid in file $1, if it lives and its name is $2: the number may be somebody else's by now.
living() {
  [ -s "$1" ] && read -r pid < "$1" && [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = "$2" ] || return 1
  case $(sed 's/.*) //; s/ .*//' "/proc/$pid/stat" 2> /dev/null) in Z | '') return 1 ;; esac
  echo "$pid"
}

# Waits at most $1 tenths of a second for the command after it to succeed.
within() {
  tries=$1
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$tries" -gt 0 ] || return 1
    tries=$((tries - 1))
    sleep 0.1
  done
}

gone() { ! living "$@"; }

# Ends the program $2 of the pid file $1: SIGTERM, SIGKILL after 5 s.
end() {
  pid=$(living "$1" "$2") || return 0
  kill "$pid" 2> /dev/null || true
  within 50 gone "$1" "$2" || kill -KILL "$pid" 2> /dev/null || true
}

# $1 ports nobody listens on, below the range that clients' ends are taken from (32768 and up).
free_ports() {
  taken=$(ss -Hltn | awk '{ sub(/.*:/, "", $4); print $4 }')
  random=$(od -An -N2 -tu2 /dev/urandom)
  awk -v want="$1" -v random="$random" -v taken="$taken" 'BEGIN {
    n = split(taken, list, "\n"); for (i = 1; i <= n; i++) used[list[i]] = 1
    port = 20000 + random % 12000
    for (; want > 0; port++) if (!(port in used)) { print port; want-- }
  }'
}

nodes() { sed -n 's/^NodeName=\(n[0-9]*\) .*/\1/p' "$SLURM_CONF" 2> /dev/null; }

# The slurmd of a node, as we see it: a child of the first process of its namespace.
daemon_of() {
  pid=$(living "$dir/run/$1.pid" unshare) && init=$(pgrep -P "$pid") && pgrep -x -P "$init" slurmd ||
    fail "$1 is not up"
}

# The node is a process of ours (unshare), the first one of its namespace ends with it, and so does all in there.
start_node() {
  if living "$dir/run/$1.pid" unshare > /dev/null; then
    kill -CONT "$(daemon_of "$1")"
    return 0
  fi
  echo "boot-of-$1-$$" > "$dir/run/$1.boot"
  setsid unshare --uts --pid --mount-proc --fork --kill-child sh -c \
    'hostname "$1" && mount --bind "$3" /proc/sys/kernel/random/boot_id && slurmd -D -N "$1" -f "$2" & wait' \
    node "$1" "$SLURM_CONF" "$dir/run/$1.boot" \
    < /dev/null > "$dir/log/$1.out" 2>&1 &
  echo $! > "$dir/run/$1.pid"
}

crash_node() {
  pid=$(living "$dir/run/$1.pid" unshare) || return 0
  kill -KILL "$pid"
  within 50 gone "$dir/run/$1.pid" unshare || fail "$1 does not end"
}

all_idle() { states=$(sinfo -h -N -p main -o %t) && [ "$(echo "$states" | sort -u)" = idle ]; }

all_up() {
  living "$dir/run/munged.pid" munged && living "$dir/run/slurmctld.pid" slurmctld || return 1
  for node in $(nodes); do living "$dir/run/$node.pid" unshare || return 1; done
  scontrol ping | grep -q ' is UP'
}

stop() {
  if living "$dir/run/slurmctld.pid" slurmctld > /dev/null; then
    scancel --state=PENDING --quiet -u root 2> /dev/null || true
    end "$dir/run/slurmctld.pid" slurmctld
  fi
  for node in $(nodes); do crash_node "$node"; done
  end "$dir/run/munged.pid" munged
}

configure() { # nodes, gpus a node, a port for slurmctld and one a node
  count=$1 gpus=$2
  shift 2
  i=0
  while [ $i -lt "$gpus" ]; do ln -sfn /dev/null "$dir/gpu/gpu$i"; i=$((i + 1)); done
  host=$(hostname -s)
  {
    cat << END
ClusterName=mini
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$1
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/spool/%n/pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
# nothing here needs cgroups, accounting or MPI
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$dir/log/jobs.txt
MpiDefault=none
MailProg=/bin/true
# more CPUs and GPUs than the machine has
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
# a test waits seconds, not minutes
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmdTimeout=4
KillWait=${KILL_WAIT:-3}
MessageTimeout=5
ReturnToService=2
MinJobAge=300
# partition "urgent" preempts "main"
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
END
    shift
    for port; do
      i=$((count - $# + 1))
      echo "NodeName=n$i NodeAddr=127.0.0.1 Port=$port CPUs=16 Gres=gpu:$gpus"
      shift
    done
    echo "PartitionName=main Nodes=ALL Default=YES PriorityTier=1 GraceTime=${GRACE:-5} State=UP"
    echo "PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF State=UP"
  } > "$SLURM_CONF"
  {
    echo "AutoDetect=off"
    echo "NodeName=n[1-$count] Name=gpu File=$dir/gpu/gpu[0-$((gpus - 1))]"
  } > "$dir/gres.conf"
}

start() { # nodes, gpus
  [ "$(id -u)" = 0 ] || fail "needs root"
  for program in munged slurmctld slurmd sbatch ss unshare; do
    command -v $program > /dev/null || fail "$program is not installed"
  done
  all_up > /dev/null 2>&1 && return 0
  stop
  rm -rf "$dir/state" "$dir/spool" "$dir/run" "$dir/munge" "$dir/log" "$dir/gpu"
  mkdir -p "$dir/state" "$dir/run" "$dir/munge" "$dir/log" "$dir/gpu"
  i=1
  while [ $i -le "$1" ]; do mkdir -p "$dir/spool/n$i"; i=$((i + 1)); done
  chmod 755 "$dir" "$dir/munge"
  (umask 077 && head -c 128 /dev/urandom > "$dir/munge/key")
  munged --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/run/munged.pid" \
    --log-file="$dir/log/munged.log" --seed-file="$dir/munge/seed" || fail "munged did not start"
  # shellcheck disable=SC2046 # ports are words
  configure "$1" "$2" $(free_ports $(($1 + 1)))
  slurmctld -f "$SLURM_CONF" || fail "slurmctld did not start: see $dir/log/slurmctld.log"
  for node in $(nodes); do start_node "$node"; done
  sleep 0.5 # one that does not like its configuration ends after it went to the background
  living "$dir/run/slurmctld.pid" slurmctld > /dev/null || fail "slurmctld ended: see $dir/log/slurmctld.log"
  within 100 all_idle || fail "not all nodes came up: see $dir/log"
}

case $command in
  start)
    start "${3:-3}" "${4:-2}"
    echo "export SLURM_CONF=$SLURM_CONF"
    ;;
  stop) stop ;;
  node) start_node "$3" ;;
  crash) crash_node "$3" ;;
  cut) kill -STOP "$(daemon_of "$3")" ;;
  *) usage ;;
esac
