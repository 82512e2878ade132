#!/bin/bash
# Starts the node in its own namespaces, imports the images and waits for Ready.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/env.sh"
$SRC/down.sh
mkdir -p $RUN/log
$SRC/certs.sh
for k in vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes; do
  echo "$k $(sysctl -n $k 2>/dev/null)"; done | awk 'NF==2' > $RUN/sysctls   # the kubelet sets these for the whole machine; down.sh puts them back
T0=$(date +%s.%N); say() { echo "[$(echo "$(date +%s.%N) - $T0" | bc)] $*"; }
for c in $CGROUPS; do
  m=/sys/fs/cgroup/$c
  if ! mountpoint -q $m; then o=$c; [ $c = systemd ] && o=none,name=systemd; mkdir -p $m; mount -t cgroup -o $o cgroup $m; fi   # where the machine has not mounted them
  d=$(cgroup_dir $c); mkdir -p $d; echo $d >> $RUN/cgroups
  if [ $c = cpuset ]; then cat $d/../cpuset.cpus > $d/cpuset.cpus; cat $d/../cpuset.mems > $d/cpuset.mems; echo 1 > $d/cgroup.clone_children; fi
done
mkdir -p $RUN/conf; echo "nameserver $NODE_IP" > $RUN/conf/resolv.conf; for f in Corefile containerd.toml; do sed "s#@RUN@#$RUN#g; s#@SRC@#$SRC#g; s#@DOMAIN@#$DOMAIN#g; s#@INGRESS_IP@#$INGRESS_IP#g" $SRC/conf/$f.in > $RUN/conf/$f; done
setsid unshare -m -n -p -u -i --fork --kill-child --mount-proc $SRC/node-init.sh > $RUN/log/init.log 2>&1 < /dev/null &
up=$!
for i in $(seq 1000); do
  c=$(cat /proc/$up/task/$up/children 2>/dev/null || true); c=${c%% *}
  [ -n "$c" ] && break; sleep 0.1
done
echo $c > $RUN/init.pid; readlink /proc/$c/ns/pid > $RUN/init.ns
say "node process 1 is $c"
CTR="$SRC/kx ctr -a /run/containerd/containerd.sock -n k8s.io"
for i in $(seq 1500); do $SRC/kx test -S /run/containerd/containerd.sock 2>/dev/null && $CTR version >/dev/null 2>&1 && break; sleep 0.2; done
say "containerd answers"
for f in $IMAGES/*.tar $("$SRC/../../shared/toolchain/fetch.sh" dir)/images/*.tar; do [ -e $f ] || continue; $CTR images import $f >/dev/null; done
say "images imported"
K="$SRC/kx kubectl"
for i in $(seq 3000); do [ "$($K get --raw /readyz 2>/dev/null)" = ok ] && break; sleep 0.2; done
say "API server ready"
for i in $(seq 3000); do $K get node node1 >/dev/null 2>&1 && break; sleep 0.2; done
$K wait --for=condition=Ready node/node1 --timeout=15m
say "node ready"
for i in $(seq 3000); do $K get sa default >/dev/null 2>&1 && break; sleep 0.2; done
say "default service account there"
