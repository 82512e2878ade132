# Shared settings. Every address below exists only inside the node's own network namespace.
SRC=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
STATE=${RIG_HOME:-$("$SRC/../../shared/toolchain/fetch.sh" dir)/cluster}   # programs, images and the running node; never the checkout
BIN=$STATE/bin
IMAGES=$STATE/images
RUN=$STATE/run            # everything of one node; down.sh removes it
NODE_IP=10.77.0.10
POD_CIDR=10.244.0.0/24
SVC_CIDR=10.96.0.0/16
SVC_API=10.96.0.1
INGRESS_IP=10.96.0.80       # of Kourier; *.e2e.test resolves to it in the node and in its pods
DOMAIN=e2e.test
CGROUPS="cpu cpuacct cpuset memory devices freezer blkio pids systemd"  # systemd: the named hierarchy; the kubelet wants every hierarchy of /proc/self/cgroup mounted
CGNAME=knode
TAG=e2e
# What the node's programs are built from: a change builds them anew.
sources() { (cd $SRC/src && find . -name '*.go' -o -name 'go.*' | sort | xargs cat | sha256sum; go env GOVERSION); }
# The node's cgroups lie beneath the caller's own, so its memory stays in the caller's account.
cgroup_dir() { # CONTROLLER
  local n=$1; [ $n = systemd ] && n=name=systemd
  local p; p=$(awk -F: -v n="$n" '$2==n{print $3}' /proc/self/cgroup); p=${p%/}
  echo /sys/fs/cgroup/$1$p/$CGNAME
}
