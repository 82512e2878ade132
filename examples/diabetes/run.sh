#!/usr/bin/env bash
# A regression over JSON: the progression of diabetes after a year from ten measurements.
# Runs against a kafkaml that is up (make run, or KAFKAML_URL).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH=$PWD/bin:$PATH
shared/toolchain/fetch.sh tabular
data=$(shared/toolchain/fetch.sh dir)/data/tabular
name=progression-$(date +%s)

kafkaml models create --name "$name" -f examples/diabetes/model.py
kafkaml configurations create --name "$name" --models "$name"
deployment=$(kafkaml deployments create --configuration "$name" --batch-size 32 --training-kwargs 'epochs=60' -o name | cut -d/ -f2)
kafkaml stream send "$data/diabetes.csv" --label progression --format JSON \
  --topic "$name" --deployment "$deployment" --validation-rate 0.2
kafkaml deployments show "$deployment" --watch
result=$(kafkaml results list --deployment "$deployment" -q)
kafkaml results metrics "$result" | tail -n 3
kafkaml inferences create --result "$result" --input-topic "$name-in" --output-topic "$name-out" --watch
kafkaml stream send "$data/diabetes.csv" --label progression --format JSON --topic "$name-in" --predict --limit 10
kafkaml stream tail "$name-out" --from earliest --wait 30s --count 10
