#!/usr/bin/env bash
# Thirty measurements of a tumour over AVRO, benign or not as the label.
# Runs against a kafkaml that is up (make run, or KAFKAML_URL).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH=$PWD/bin:$PATH
shared/toolchain/fetch.sh tabular
data=$(shared/toolchain/fetch.sh dir)/data/tabular
name=tumours-$(date +%s)

kafkaml models create --name "$name" -f examples/breast-cancer/model.py
kafkaml configurations create --name "$name" --models "$name"
deployment=$(kafkaml deployments create --configuration "$name" --batch-size 16 --training-kwargs 'epochs=40, class_weight={0: 1.4, 1: 0.8}' -o name | cut -d/ -f2)
kafkaml stream send "$data/breast_cancer.csv" --label benign --format AVRO \
  --topic "$name" --deployment "$deployment" --validation-rate 0.2 --test-rate 0.1
kafkaml deployments show "$deployment" --watch
result=$(kafkaml results list --deployment "$deployment" -q)
kafkaml results show "$result"
kafkaml inferences create --result "$result" --input-topic "$name-in" --output-topic "$name-out" --delivery direct --watch
kafkaml stream send "$data/breast_cancer.csv" --label benign --format AVRO --topic "$name-in" --predict --limit 20
kafkaml stream tail "$name-out" --from earliest --wait 30s --count 20
