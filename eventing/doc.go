// Package eventing is what the functions say to one another: the CloudEvent
// types with their JSON Schemas, the envelopes in which a Kafka record becomes
// a CloudEvent, the emitter that delivers an event to a sink, and the
// dispatcher that honours KafkaSource manifests on one machine.
//
// Commands are imperative (io.kafkaml.model.register.v1), facts past
// (io.kafkaml.model.registered.v1). A refused command is answered by
// io.kafkaml.<thing>.rejected.v1. The HTTP side that takes commands is the
// package eventing/door.
package eventing
