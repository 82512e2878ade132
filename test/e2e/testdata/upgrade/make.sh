#!/usr/bin/env bash
# Makes the fixture of a version, by using its programs as a person does:
#
#   DATABASE_URL=postgres://... make.sh BIN OUT.tar.zst
#
# BIN holds kafkaml and kafkaml-tensorflow of that version; DATABASE_URL names
# an empty database of a server that is no newer than pg_dump. The archive has
#
#   sqlite/data/            a data folder: the registry in SQLite, artifacts,
#                           logs, and the topics of the development broker
#   sqlite/said/            what the programs said of it in the end
#   postgres/data/, said/   the same steps with the registry in PostgreSQL
#   postgres/registry.sql   its dump
#
# The topics are kept for ever: a fixture grows older than what Kafka keeps.
# Needs curl, go, pg_dump and zstd.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
bin=$(readlink -f "$1")
out=$(readlink -f "$2")
export KAFKAML_TENSORFLOW=$bin/kafkaml-tensorflow
export KAFKAML_ONNX=$bin/kafkaml-predict
database=$DATABASE_URL
unset DATABASE_URL KAFKA_BROKERS KAFKAML_URL BROKER
work=$(mktemp -d)
running=

kafkaml() { env KAFKAML_URL="${url:-}" KAFKA_BROKERS="${brokers:-}" "$bin/kafkaml" "$@"; }

# start runs kafkaml over data folder $1, with further arguments of run.
start() {
  rm -f "$work/ready.json"
  "$bin/kafkaml" run --data "$@" --port 0 --kafka-port 0 --broker development --ready-file "$work/ready.json" > "$work/said" 2>&1 &
  running=$!
  until [ -e "$work/ready.json" ]; do
    kill -0 "$running" || { cat "$work/said" >&2; exit 1; }
    sleep 0.1
  done
  url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' "$work/ready.json")
  brokers=$(sed 's/.*"brokers":\["\([^"]*\)".*/\1/' "$work/ready.json")
}

end() {
  [ -n "$running" ] || return 0
  kill "$running"
  wait "$running" || true
  running=
}
trap 'end; rm -rf "$work"' EXIT

# points prints $1 rows of three coordinates and whether their sum is positive.
points() {
  awk -v n="$1" 'BEGIN {
    print "x,y,z,class"
    srand(1)
    for (i = 0; i < n; i++) { x = rand()*2-1; y = rand()*2-1; z = rand()*2-1; printf "%.4f,%.4f,%.4f,%d\n", x, y, z, (x+y+z > 0) }
  }'
}

# model registers two versions of a source.
model() {
  kafkaml models create --name "$1" --description "the $1 one" -f "$here/../$1.py"
  sed 's/metrics=.*/metrics=["accuracy", "sparse_categorical_crossentropy"])/' "$here/../$1.py" > "$1-2.py"
  kafkaml models update "$1" -f "$1-2.py"
}

deploy() { kafkaml deployments create --configuration "$1" --batch-size 10 --training-kwargs "$2, verbose=0"; }
send() { kafkaml stream send "$1" --label class --format RAW --topic "$2" "${@:3}"; }

train() {
  (cd "$here" && go run topic.go "$brokers" points source-in source-out direct-in direct-out)
  model small
  model wide
  kafkaml configurations create --name both --models small,wide
  kafkaml configurations create --name one --models small

  deploy both epochs=8 # deployment 1: results 1 and 2 finish
  send points.csv points --deployment 1 --validation-rate 0.1 --test-rate 0.1 --description 'the first stream'
  kafkaml deployments show 1 --watch
  deploy one epochs=2 # deployment 2: the stream does not suit it, result 3 fails
  send narrow.csv narrow --deployment 2 --unchecked
  kafkaml deployments show 2 --watch || true
  deploy one epochs=3 # deployment 3: result 4 finishes on the first stream, sent again
  kafkaml datasources resend 1 --deployment 3
  kafkaml deployments show 3 --watch
  deploy both epochs=2 # deployment 4 waits
  deploy one epochs=200000 # deployment 5: its training is stopped
  kafkaml datasources resend 1 --deployment 5
  until kafkaml results list -o json | grep -q '"running"'; do sleep 0.1; done
  kafkaml deployments stop 5
}

serve() {
  kafkaml inferences create --result 1 --delivery source --input-topic source-in --output-topic source-out --watch
  kafkaml inferences create --result 2 --delivery direct --input-topic direct-in --output-topic direct-out --watch --name direct
  for delivery in source direct; do
    send new.csv $delivery-in --predict
    send narrow.csv $delivery-in --predict --unchecked --limit 1 # a dead letter
    kafkaml stream tail $delivery-out --from earliest --count 20 --wait 30s > /dev/null
  done
  kafkaml inferences stop direct
}

# say writes what there is into folder $1.
say() {
  mkdir "$1"
  for kind in models configurations deployments results datasources inferences; do
    kafkaml $kind list
    kafkaml $kind list -o json > "$1/$kind.json"
  done
  kafkaml models versions small -o json > "$1/versions.json"
  kafkaml results metrics 1 -o json > "$1/metrics.json"
  kafkaml results logs 1 > "$1/log.txt"
  curl -sSN --max-time 2 "$url/deploy-training/events?after=0&facts=all" > "$1/events.txt" || true
}

cd "$work"
points 400 > points.csv
cut -d, -f1,2,4 points.csv > narrow.csv
points 20 > new.csv
mkdir -p fixture/sqlite fixture/postgres
for registry in sqlite postgres; do
  start "$work/fixture/$registry/data" $([ $registry = sqlite ] || echo --database "$database")
  train
  serve
  say "$work/fixture/$registry/said"
  end
done
pg_dump --inserts --rows-per-insert=100 --no-owner --no-privileges "$database" > fixture/postgres/registry.sql
rm -rf fixture/*/data/scratch fixture/*/data/lock fixture/sqlite/data/*.lock
tar -C fixture --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - . | zstd -q --ultra -22 --long=24 -f -o "$out"
ls -l "$out"
