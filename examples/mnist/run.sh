#!/usr/bin/env bash
# Handwritten digits over RAW: 28 x 28 uint8 pixels a record, the label as the key.
# Runs against a kafkaml that is up (make run, or KAFKAML_URL).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH=$PWD/bin:$PATH
shared/toolchain/fetch.sh mnist
data=$(shared/toolchain/fetch.sh dir)/data/mnist
name=digits-$(date +%s)
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

kafkaml models examples mnist-dense > "$folder/model.py"
kafkaml models create --name "$name" -f "$folder/model.py"
kafkaml configurations create --name "$name" --models "$name"
deployment=$(kafkaml deployments create --configuration "$name" --batch-size 64 --training-kwargs 'epochs=2, shuffle=True' -o name | cut -d/ -f2)
kafkaml stream send "$data/train-images-idx3-ubyte" "$data/train-labels-idx1-ubyte" \
  --topic "$name" --partitions 4 --deployment "$deployment" --validation-rate 0.1 --test-rate 0.1
kafkaml deployments show "$deployment" --watch
result=$(kafkaml results list --deployment "$deployment" -q)
kafkaml inferences create --result "$result" --replicas 2 --input-topic "$name-in" --output-topic "$name-out" --watch
kafkaml stream send "$data/t10k-images-idx3-ubyte" "$data/t10k-labels-idx1-ubyte" --topic "$name-in" --predict --limit 100
kafkaml stream tail "$name-out" --from earliest --wait 30s --count 100
