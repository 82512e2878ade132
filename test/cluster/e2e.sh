#!/usr/bin/env bash
# Walks through the pipeline in a real cluster and prints the table:
#   e2e.sh            on a node of its own, brought up for it and taken down after it
#   KUBECONFIG=... KAFKA_BROKERS=... E2E_DOMAIN=... [E2E_INGRESS=host:port] [E2E_OVERLAY=...] e2e.sh
#                     on a cluster of yours: where the functions are installed
#                     (docs/kubernetes.md), or into it by the overlay
# KEEP=1 leaves the node up for a look; down.sh takes it down. FAULTS, a part of their
# names or all, lets things go wrong on the node instead (make fault-cluster).
set -euo pipefail
here=$(dirname "$(readlink -f "$0")"); root=$(readlink -f "$here/../..")
cd "$root"
export KAFKAML=$root/bin/kafkaml
if [ -n "${KUBECONFIG:-}" ]; then exec go run ./test/cluster/walk; fi
reason=$("$here/can.sh") || { echo "e2e: this machine cannot make the node: $reason; set KUBECONFIG to a cluster of yours" >&2; exit 1; }
. "$here/env.sh"
images=$(shared/toolchain/fetch.sh dir)/images
began=$(date +%s); say() { echo "e2e: [$(( $(date +%s) - began )) s] $*"; }
for p in walk dispatcher; do CGO_ENABLED=0 go build -ldflags '-s -w' -o "$images/$p" "./test/cluster/$p"; done
"$images/mkimage" -name "dev.local/dispatcher:$TAG" -o "$images/dispatcher.tar" -entrypoint /dispatcher "$images/dispatcher=/dispatcher"
CGO_ENABLED=0 go test -c -tags cluster -ldflags '-s -w' -o "$images/platform.test" ./shared/platform/kubernetes
"$images/mkimage" -name "dev.local/platform:$TAG" -o "$images/platform.tar" -entrypoint /platform "$images/platform.test=/platform"
[ -n "${KEEP:-}" ] || trap '"$here/down.sh"' EXIT
say "node"; "$here/up.sh"
say "PostgreSQL, S3, Kafka"; "$here/services-up.sh"; "$here/kafka-up.sh"
k() { "$here/kx" kubectl "$@"; }
say "KafkaSource's controller"
k apply --server-side -f "$here/yaml/kafkasource.yaml" >/dev/null
k wait --for=condition=Established crd/kafkasources.sources.knative.dev --timeout=15m >/dev/null
k -n knative-eventing rollout status deploy/dispatcher --timeout=15m >/dev/null
on_node() { # NAMESPACE OVERLAY: the overlay with the node's authority, in $RUN
  local to=$RUN/$2; mkdir -p "$to"; cp "$RUN/pki/ca.crt" "$to/"
  cat > "$to/kustomization.yaml" <<X
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $1
resources: ["$(realpath --relative-to="$to" "$here/$2")"]
secretGenerator: [{name: kafkaml-kafka-tls, files: [ca.crt]}]
generatorOptions: {disableNameSuffixHash: true}
X
}
on_node kafkaml overlay; overlay=$RUN/overlay
walk() { "$here/kx" env KAFKAML="$KAFKAML" KAFKA_BROKERS=$NODE_IP:9092 E2E_DOMAIN=$DOMAIN E2E_OVERLAY="$overlay" "$@" "$images/walk"; }
if [ -n "${FAULTS+x}" ]; then
  say "a second node"; "$here/node2-up.sh"
  say "faults"
  on_node team-b tenant
  walk E2E_FAULTS="${FAULTS#all}" E2E_RUN="$RUN" E2E_TENANT="$RUN/tenant" E2E_DOCS="$root/docs/kubernetes.md"
  exit
fi
say "the contract of Jobs and Services, beside the rest"
k create namespace platform --dry-run=client -o yaml | k apply -f - >/dev/null
k label namespace platform --overwrite pod-security.kubernetes.io/enforce=restricted >/dev/null
k -n platform apply -f "$root/manifests/base/accounts.yaml" >/dev/null
"$here/kx" env PLATFORM_NAMESPACE=platform PLATFORM_IMAGE="dev.local/platform:$TAG" "$images/platform.test" -test.v -test.timeout 60m -test.run TestContract >"$RUN/platform.log" 2>&1 &
contract=$!
say "README's section on clusters, word by word"
"$here/readme.sh" "$overlay"
k -n kafkaml delete ksvc,kafkasource --all --wait=false >/dev/null # first: a namespace with pods that drain waits for minutes
k -n kafkaml wait --for=delete pod -l serving.knative.dev/service --timeout=15m >/dev/null
k delete -k "$overlay" --ignore-not-found >/dev/null
say "walk"
walk
say "the contract of Jobs and Services"
wait $contract && held=0 || held=$?
grep -E '^ *--- |^PASS|^FAIL' "$RUN/platform.log"
[ $held = 0 ] || { cat "$RUN/platform.log"; exit 1; }
say "done"
