#!/bin/bash
# Tells whether this machine can make the test node: prints what is missing and
# ends with 1, or prints nothing and ends with 0. It changes nothing that lasts.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/env.sh"
no() { echo "$*"; exit 1; }
[ "$(id -u)" = 0 ] || no "the node needs root"
[ "$(uname -m)" = x86_64 ] || no "the node's Envoy and PostgreSQL are for x86_64, this is $(uname -m)"
for c in containerd runc nft ip nsenter openssl bc; do
  command -v $c >/dev/null || command -v apt-get >/dev/null || no "$c is missing and there is no apt-get to install it"
done
unshare -m -n -p -u -i -C --fork --mount-proc bash -c 'mount -t tmpfs tmpfs /mnt && mount -t sysfs sysfs /sys' 2>/dev/null ||
  no "no new namespaces with mounts of their own (CAP_SYS_ADMIN)"
o=$(mktemp -d)   # beneath the caller's own folder for scratch files, which may be an overlay itself
unshare -m bash -c "mount -t tmpfs tmpfs $o && mkdir $o/{l,u,w,m} && mount -t overlay overlay -o lowerdir=$o/l,upperdir=$o/u,workdir=$o/w $o/m" 2>/dev/null
overlay=$?; rmdir "$o"
[ $overlay = 0 ] || no "no overlay file system"
if command -v ip >/dev/null; then
  unshare -n ip link add node0 type veth peer name node0p 2>/dev/null || no "no veth network devices"
fi
for c in $CGROUPS; do
  m=/sys/fs/cgroup/$c
  if mountpoint -q $m; then
    d=$(cgroup_dir $c)
    [ -d "$d" ] || { mkdir "$d" 2>/dev/null && rmdir "$d"; } || no "no cgroup can be made below $m"
  else
    v=$c; [ $c = systemd ] && v=none,name=systemd
    unshare -m bash -c "mount -t tmpfs tmpfs /mnt && mount -t cgroup -o $v cgroup /mnt" 2>/dev/null ||
      no "the cgroup v1 hierarchy $c cannot be mounted: the node, whose containerd is of Debian 12, runs on cgroup v1 alone"
  fi
done
free=$(df -Pm "$(dirname "$STATE")" 2>/dev/null | awk 'NR==2{print $4}')
[ "${free:-0}" -ge 12000 ] || no "$(dirname "$STATE") has ${free:-0} MB free, the images and the node take 12,000"
memory=$(awk '/MemAvailable/{print int($2/1024)}' /proc/meminfo)
[ "$memory" -ge 6000 ] || no "$memory MB of memory are available, the node takes 6,000"
