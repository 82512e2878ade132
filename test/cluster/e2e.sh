#!/usr/bin/env bash
# Walks through the pipeline in a real cluster and prints the table:
#   e2e.sh            on a node of its own, brought up for it and taken down after it
#   KUBECONFIG=... KAFKA_BROKERS=... E2E_DOMAIN=... [E2E_INGRESS=host:port] e2e.sh
#                     on a cluster where the functions are installed (docs/kubernetes.md)
# KEEP=1 leaves the node up for a look; down.sh takes it down.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")"); root=$(readlink -f "$here/../..")
cd "$root"
if [ -n "${KUBECONFIG:-}" ]; then exec go run ./test/cluster/walk; fi
[ "$(id -u)" = 0 ] || { echo "e2e: the node needs root; or set KUBECONFIG to a cluster of yours" >&2; exit 1; }
. "$here/env.sh"
images=$(shared/toolchain/fetch.sh dir)/images
began=$(date +%s); say() { echo "e2e: [$(( $(date +%s) - began )) s] $*"; }
for p in walk dispatcher; do CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$images/$p" "./test/cluster/$p"; done
"$images/mkimage" -name "dev.local/dispatcher:$TAG" -o "$images/dispatcher.tar" -entrypoint /dispatcher "$images/dispatcher=/dispatcher"
[ -n "${KEEP:-}" ] || trap '"$here/down.sh"' EXIT
say "node"; "$here/up.sh"
say "PostgreSQL, S3, Kafka"; "$here/services-up.sh"; "$here/kafka-up.sh"
k() { "$here/kx" kubectl "$@"; }
say "KafkaSource's controller"
k apply --server-side -f "$here/yaml/kafkasource.yaml" >/dev/null
k wait --for=condition=Established crd/kafkasources.sources.knative.dev --timeout=60s >/dev/null
say "install"
for _ in $(seq 20); do k apply -k "$here/overlay" >/dev/null && break; sleep 1; done # a webhook that is rolled out may refuse at first
k -n kafkaml get ksvc deploy-inference deploy-training model-register control-log page >/dev/null
ingress=$(k -n kourier-system get svc kourier -o jsonpath='{.spec.clusterIP}')
say "walk"
"$here/kx" env KAFKA_BROKERS=$NODE_IP:9092 E2E_INGRESS=$ingress:80 E2E_DOMAIN=e2e.test "$images/walk"
say "done"
