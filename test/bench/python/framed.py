"""Takes numbers out of one record that a schema registry frames, again and again, by confluent-kafka's deserializers;
prints records a second and the sum of the numbers of one.

usage: framed.py SITE AVRO|PROTOBUF SCHEMA RECORD NAMES COUNT

SITE holds confluent-kafka with its serializers, RECORD is hexadecimal, NAMES are separated by commas. The registry is
confluent-kafka's own stand-in, asked once for the schema as a real one would be.
"""

import re
import sys
import time

site, kind, schema, record, names, count = sys.argv[1:]
sys.path.insert(0, site)

import numpy as np
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.serialization import MessageField, SerializationContext

record, names, count = bytes.fromhex(record), names.split(","), int(count)
registry = SchemaRegistryClient.new_client({"url": "mock://bench"})
known = registry.register_schema("wide-value", Schema(schema, kind))
record = record[:1] + known.to_bytes(4, "big") + record[5:]
context = SerializationContext("wide", MessageField.VALUE)


def avro():
    from confluent_kafka.schema_registry.avro import AvroDeserializer

    read = AvroDeserializer(registry)

    def take(row):
        r = read(record, context)
        row[:] = [r[n] for n in names]

    return take


def message():
    """The class of the message, as protoc would generate it."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="wide.proto", syntax="proto3")
    m = file.message_type.add(name="M")
    for of, name, number in re.findall(r"(\w+) (\w+) = (\d+);", schema):
        kind_of = getattr(descriptor_pb2.FieldDescriptorProto, "TYPE_" + of.upper())
        m.field.add(name=name, number=int(number), type=kind_of, label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("M"))


def protobuf():
    from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer

    read = ProtobufDeserializer(message(), {"use.deprecated.format": False})

    def take(row):
        r = read(record, context)
        row[:] = [getattr(r, n) for n in names]

    return take


take = {"AVRO": avro, "PROTOBUF": protobuf}[kind]()
rows = np.empty((count, len(names)), np.float32)
take(rows[0])
began = time.perf_counter()
for i in range(count):
    take(rows[i])
print(count / (time.perf_counter() - began), float(rows[0].astype(np.float64).sum()))
