#!/usr/bin/env bash
# Two models learn from one stream; then the same stream is sent again to a second
# configuration: a control message of some hundred bytes, no data record.
# Runs against a kafkaml that is up (make run, or KAFKAML_URL).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH=$PWD/bin:$PATH
shared/toolchain/fetch.sh mnist
data=$(shared/toolchain/fetch.sh dir)/data/mnist
name=compare-$(date +%s)
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

for model in mnist-dense mnist-cnn; do
  kafkaml models examples "$model" > "$folder/$model.py"
  kafkaml models create --name "$name-$model" -f "$folder/$model.py"
done
kafkaml configurations create --name "$name-both" --models "$name-mnist-dense,$name-mnist-cnn"
first=$(kafkaml deployments create --configuration "$name-both" --batch-size 64 --training-kwargs 'epochs=1' -o name | cut -d/ -f2)
kafkaml stream send "$data/train-images-idx3-ubyte" "$data/train-labels-idx1-ubyte" \
  --topic "$name" --partitions 2 --deployment "$first" --limit 10000 --validation-rate 0.1 --test-rate 0.1
kafkaml deployments show "$first" --watch

kafkaml configurations create --name "$name-dense" --models "$name-mnist-dense"
second=$(kafkaml deployments create --configuration "$name-dense" --batch-size 16 --training-kwargs 'epochs=2' -o name | cut -d/ -f2)
kafkaml datasources resend "$(kafkaml datasources list --deployment "$first" -q)" --deployment "$second"
kafkaml deployments show "$second" --watch
kafkaml results list
kafkaml stream topics "$name" KAFKA_ML_CONTROL_TOPIC
