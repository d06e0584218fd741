#!/bin/sh
# sh tests/slurm/nfs.sh SPECBENCH: round 1's conversations on three machines that share a folder by NFS 4.2, of which
# the file server serves two; one of them, whose clock is three hours slow, loses its power in a unit, and another one
# joins. Then the same round on one machine, and what the two have in common. Two minutes and a half.
#
# The machines are user-mode Linux, so that client and server are Linux' own. Root, Debian; its packages are unpacked
# in a folder of this run's, nothing is installed. The machines see this machine's files, to read, and a network that
# nothing else is on.
set -eu

# What every machine does first. PACKAGES, NODE, ROLE and the like come from its kernel's command line.
boot() {
  PATH=/usr/sbin:/usr/bin:/sbin:/bin
  LD_LIBRARY_PATH=$PACKAGES/usr/lib/x86_64-linux-gnu:$PACKAGES/lib/x86_64-linux-gnu
  TMPDIR=/srv HOME=/srv
  export PATH LD_LIBRARY_PATH TMPDIR HOME
  mount -t proc proc /proc
  mount -t sysfs sys /sys
  for folder in /mnt /run /srv /var/lib; do mount -t tmpfs tmpfs "$folder"; done
  mkdir -p /mnt/share /var/lib/nfs/v4recovery /var/lib/nfs/rpc_pipefs
  kernel=$(echo "$PACKAGES"/usr/lib/uml/modules/*/kernel)
  for module in net/sunrpc/sunrpc fs/nfs_common/grace fs/lockd/lockd "$@"; do
    bash -c 'exec -a insmod "$0" "$1"' "$PACKAGES/bin/kmod" "$kernel/$module.ko"
  done
  ip link set lo up
  ip link set eth0 up
  ip addr add "10.9.0.$NODE/24" dev eth0
  hostname "node$NODE"
}

halt() {
  sync
  poweroff -f || echo o > /proc/sysrq-trigger
  sleep 9
}

serve() {
  boot fs/nfs_common/nfs_acl lib/oid_registry net/sunrpc/auth_gss/auth_rpcgss fs/nfsd/nfsd
  mount /dev/ubda /mnt/share
  mount -t nfsd nfsd /proc/fs/nfsd
  touch /var/lib/nfs/etab /var/lib/nfs/rmtab
  "$PACKAGES/usr/sbin/exportfs" -i -o rw,no_root_squash,fsid=0,insecure,no_subtree_check 10.9.0.0/24:/mnt/share
  "$PACKAGES/usr/sbin/rpc.mountd" -N 2 -N 3
  "$PACKAGES/usr/sbin/rpc.nfsd" -N 3 -G 10 -L 10 4
  until [ -e /mnt/share/halt ]; do sleep 1; done
  "$PACKAGES/usr/sbin/rpc.nfsd" 0
  "$PACKAGES/usr/sbin/exportfs" -au
  umount /mnt/share
  halt
}

work() {
  boot fs/netfs/netfs fs/fscache/fscache fs/nfs/nfs net/dns_resolver/dns_resolver fs/nfs/nfsv4
  until "$PACKAGES/sbin/mount.nfs4" 10.9.0.1:/ /mnt/share -o vers=4.2,sec=sys; do sleep 1; done
  cd /srv
  if [ "$NODE" = 3 ]; then date -s "-3 hours"; fi
  if [ "$NODE" = 2 ]; then
    { until ls -d /mnt/share/shared/share/tries/*.node3-*/cells/?* > /dev/null 2>&1; do sleep 0.5; done
      echo "node3 has cells"; } &
  fi
  status=0
  # shellcheck disable=SC2086
  "$SPECBENCH" run $ROUND --unit-time 30m --share --stale 75 --out /mnt/share/shared || status=$?
  echo "worker: status $status"
  touch "/mnt/share/ended$NODE"
  if [ "$NODE" = 2 ]; then
    until [ -e /mnt/share/ended4 ]; do sleep 1; done
    touch /mnt/share/halt
  fi
  umount /mnt/share || true
  halt
}

case ${ROLE-} in
  server) serve ;;
  client) work ;;
esac

# In the network's namespace.
machines() {
  ip link set lo up multicast on
  ip route add 224.0.0.0/4 dev lo
  machine() {
    node=$1
    shift
    exec "$PACKAGES/usr/bin/linux.uml" rootfstype=hostfs rootflags=/ ro quiet con=null con0=null,fd:1 con1=null \
      ssl=null uml_dir="$FOLDER/" umid="node$node" eth0="mcast,52:54:00:00:00:0$node" init="$FOLDER/nfs.sh" \
      PACKAGES="$PACKAGES" SPECBENCH="$SPECBENCH" SPECBENCH_HOME="$SPECBENCH_HOME" NODE="$node" "$@" \
      < /dev/null > "$FOLDER/node$node.txt" 2>&1
  }
  machine 1 ROLE=server mem=192M ubd0="$FOLDER/disk" &
  server=$!
  for node in 2 3; do machine $node ROLE=client mem=512M "ROUND=\"$ROUND\"" & done
  lost=$!
  until grep -q "node3 has cells" "$FOLDER/node2.txt"; do sleep 1; done
  kill -9 $lost
  echo "node3 lost its power"
  sleep 5
  machine 4 ROLE=client mem=512M "ROUND=\"$ROUND\"" &
  wait $server
}

if [ "${1-}" = machines ]; then
  machines
  exit
fi

SPECBENCH=$(realpath "$1")
SPECBENCH_HOME=${SPECBENCH_HOME:-$(realpath "$(dirname "$0")/../..")}
ROUND="$SPECBENCH_HOME/rounds/round1.lua --only task=conversation --virtual --no-pictures --no-rerun"
FOLDER=$(mktemp -d)
PACKAGES=$FOLDER/packages
export SPECBENCH SPECBENCH_HOME ROUND FOLDER PACKAGES
trap 'rm -rf "$FOLDER"' EXIT
cp "$0" "$FOLDER/nfs.sh"
chmod +x "$FOLDER/nfs.sh"
(cd "$FOLDER" && apt-get -qq -o APT::Sandbox::User=root download user-mode-linux nfs-kernel-server nfs-common kmod \
  libkmod2 libnfsidmap1 libevent-core-2.1-7 libtirpc3 libkeyutils1 libwrap0)
for package in "$FOLDER"/*.deb; do dpkg -x "$package" "$PACKAGES"; done
truncate -s 1G "$FOLDER/disk"
mkfs.ext4 -q "$FOLDER/disk"
timeout 500 unshare --net --pid --fork --kill-child --mount-proc sh "$FOLDER/nfs.sh" machines || {
  tail -n 20 "$FOLDER"/node?.txt
  exit 1
}
grep -h "units done here\|taken for dead\|finished elsewhere\|worker: status" "$FOLDER"/node?.txt
mkdir "$FOLDER/mnt"
unshare --mount sh -c 'mount -o loop,ro "$1/disk" "$1/mnt" && cp -a "$1/mnt/shared" "$1/shared"' - "$FOLDER"
# shellcheck disable=SC2086
"$SPECBENCH" run $ROUND --out "$FOLDER/alone" > /dev/null 2>&1
"$SPECBENCH" report "$FOLDER/shared" --no-pictures > /dev/null
"$SPECBENCH" -e 'local judge = dofile(os.getenv "SPECBENCH_HOME" .. "/tests/slurm/judge.lua")
  for host, cells in pairs(judge.folders(os.getenv "FOLDER")) do print(host, cells, "cells") end
  os.exit(judge.failures == 0 and 0 or 1)'
