#!/bin/bash
# Starts one Apache Kafka broker (KRaft) as a process of the node, at 10.77.0.10:9092.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/env.sh"
"$SRC/../../shared/toolchain/fetch.sh" kafka
LIB=$("$SRC/../../shared/toolchain/fetch.sh" dir)/kafka-4.3.1/lib
D=$RUN/kafka; mkdir -p $D
cat > $D/server.properties <<X
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://$NODE_IP:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://$NODE_IP:9092
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$D/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
X
export CLASSPATH="$LIB/*"
J="java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
$SRC/kx $J kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qg -c $D/server.properties > $RUN/log/kafka-format.log 2>&1
$SRC/kx setsid $J kafka.Kafka $D/server.properties > $RUN/log/kafka.log 2>&1 < /dev/null &
for i in $(seq 300); do $SRC/kx bash -c "exec 3<>/dev/tcp/$NODE_IP/9092" 2>/dev/null && exit; sleep 0.2; done
tail -5 $RUN/log/kafka.log; exit 1
