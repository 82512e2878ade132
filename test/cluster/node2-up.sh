#!/bin/bash
# Adds node2 to the node that is up, so that one can be drained: a kubelet and a
# containerd of their own mount namespace and cgroups, in the network of the first
# node, whose kube-proxy and DNS serve both.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/env.sh"
if [ "${1:-}" != inside ]; then
  sed -E "s#^root = .*#root = \"$RUN/containerd2\"#" $RUN/conf/containerd.toml > $RUN/conf/containerd2.toml
  { cat $SRC/conf/kubelet.yaml; echo "cgroupRoot: /node2"; echo "port: 10260"; echo "healthzPort: 10258"; } > $RUN/conf/kubelet2.yaml
  $SRC/kx setsid unshare -m "$(readlink -f "$0")" inside > $RUN/log/node2.log 2>&1 < /dev/null &
  K="$SRC/kx kubectl"
  for i in $(seq 3000); do $K get node node2 >/dev/null 2>&1 && break; sleep 0.2; done
  exec $K wait --for=condition=Ready node/node2 --timeout=15m
fi
LOG=$RUN/log
for d in /sys/fs/cgroup/*; do mkdir -p $d/node2; done
mount -t tmpfs -o mode=755 tmpfs /run/containerd
for d in lib/kubelet log/pods log/containers; do mkdir -p $RUN/var2/$d; mount --bind $RUN/var2/$d /var/$d; done
mount --make-rshared /var/lib/kubelet
containerd --config $RUN/conf/containerd2.toml >> $LOG/containerd2.log 2>&1 &
C="ctr -a /run/containerd/containerd.sock -n k8s.io"
for i in $(seq 1500); do $C version >/dev/null 2>&1 && break; sleep 0.2; done
for f in $IMAGES/{pause,queue}.tar $("$SRC/../../shared/toolchain/fetch.sh" dir)/images/kafkaml*.tar; do $C images import $f >/dev/null; done
$BIN/kube kubelet --config=$RUN/conf/kubelet2.yaml --kubeconfig=$RUN/pki/kubelet2.kubeconfig --hostname-override=node2 --node-ip=$NODE_IP --v=2 >> $LOG/kubelet2.log 2>&1 &
wait
