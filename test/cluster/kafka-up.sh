#!/bin/bash
# Starts one Apache Kafka broker (KRaft) as a process of the node, at 10.77.0.10:9092
# in the open, for the test itself, and at :9094 by TLS and SASL, for what is tested.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/env.sh"
"$SRC/../../shared/toolchain/fetch.sh" kafka
LIB=$("$SRC/../../shared/toolchain/fetch.sh" dir)/kafka-4.3.1/lib
D=$RUN/kafka; mkdir -p $D
{ openssl pkcs8 -topk8 -nocrypt -in $RUN/pki/api.key; cat $RUN/pki/api.crt $RUN/pki/ca.crt; } > $D/broker.pem   # its names include the node's address
cat > $D/server.properties <<X
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://$NODE_IP:9092,SASL_SSL://$NODE_IP:9094,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://$NODE_IP:9092,SASL_SSL://$NODE_IP:9094
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$D/broker.pem
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
$SRC/kx $J kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qg -c $D/server.properties \
  --add-scram 'SCRAM-SHA-512=[name=kafkaml,password=kafkaml-e2e]' > $RUN/log/kafka-format.log 2>&1
$SRC/kx setsid $J kafka.Kafka $D/server.properties > $RUN/log/kafka.log 2>&1 < /dev/null &
for i in $(seq 3000); do $SRC/kx bash -c "exec 3<>/dev/tcp/$NODE_IP/9092 && exec 3<>/dev/tcp/$NODE_IP/9094" 2>/dev/null && exit; sleep 0.2; done
tail -5 $RUN/log/kafka.log; exit 1
