"""Sends records by confluent-kafka and its serializers, as a producer of a company does."""

import base64
import json
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

work = json.load(sys.stdin)
registry = SchemaRegistryClient({"url": work["registry"]})
producer = Producer({"bootstrap.servers": work["brokers"]})
topic = work["topic"]


def failed(error, _):
    if error is not None:
        sys.exit(str(error))


def references(batch):
    all = []
    for r in batch.get("references") or []:
        registry.register_schema(r["subject"], Schema(r["schema"], "AVRO"))
        all.append(SchemaReference(r["name"], r["subject"], 1))
    return all


def protobuf(batch):
    files = descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(batch["descriptors"]))
    pool = descriptor_pool.DescriptorPool()
    for f in files.file:
        pool.Add(f)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(batch["message"]))
    write = ProtobufSerializer(kind, registry, {"use.deprecated.format": False})
    return lambda value, context: write(json_format.ParseDict(value, kind()), context)


def serializer(batch, schema, refs):
    if batch.get("format") == "PROTOBUF":
        return protobuf(batch)
    if batch.get("format") == "JSON":
        return JSONSerializer(schema, registry)
    return AvroSerializer(registry, Schema(schema, "AVRO", refs))


ids = []
for batch in work["batches"]:
    value = serializer(batch, batch["schema"], [] if batch.get("format") == "PROTOBUF" else references(batch))
    key = serializer(batch, batch["key_schema"], []) if batch.get("key_schema") else None
    for r in batch["records"]:
        v = value(r["value"], SerializationContext(topic, MessageField.VALUE))
        k = r.get("key")
        if key is not None:
            k = key(k, SerializationContext(topic, MessageField.KEY))
        while True:
            try:
                producer.produce(topic, value=v, key=k, partition=0, on_delivery=failed)
                break
            except BufferError:
                producer.poll(0.1)
        last = v
    ids.append(int.from_bytes(last[1:5], "big"))
producer.flush()
json.dump(ids, sys.stdout)
