package deployinference

import (
	"strconv"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// token is what the events of an inference's KafkaSource carry. A KafkaSource
// has no other place for it: who may read it in the cluster may send records to
// that inference, and nothing else.
func (d Deps) token(i pipeline.Inference) string {
	return d.Signer.Token(identity.Trigger(i.Group()), 0)
}

// serviceName is what the Service and the KafkaSource of an inference are called.
func (d Deps) serviceName(i pipeline.Inference) string {
	if d.ServiceName == nil {
		return i.Name
	}
	return d.ServiceName(i.Name)
}

// service is the Service of an inference.
func (d Deps) service(i pipeline.Inference, sub subject) platform.Service {
	engine := i.ServedBy
	if engine == "" { // made by an earlier version
		engine = sub.model.Framework
	}
	var second *pipeline.Challenger
	if c := sub.challenger; c != nil {
		second = &pipeline.Challenger{Result: c.result.ID, Percent: i.Challenger().Percent, Artifact: c.result.Artifact, Export: c.model.Export, Learned: c.result.Learned()}
	}
	return platform.Service{
		Name: d.serviceName(i), Env: d.Env, MinScale: i.Replicas, MaxScale: i.MaxReplicas, Delivery: i.Delivery,
		Spec: pipeline.PredictJob{
			Inference: i.ID, Name: i.Name, Result: i.Result, Framework: engine, Artifact: sub.result.Artifact, Export: sub.model.Export,
			Delivery: i.Delivery, InputFormat: i.InputFormat, InputConfig: i.InputConfig,
			InputTopic: i.InputTopic, OutputTopic: i.OutputTopic, DeadLetter: i.DeadLetter, Group: i.Group(),
			Learned: sub.result.Learned(), Challenger: second, Trigger: identity.HashOf(d.token(i)),
		},
	}
}

// The delivery of records to predict: it dead-letters what it cannot use by
// itself, so what is left to retry is an output topic that cannot be written,
// or a replica that has just died. Both pass within the 14 minutes of the retries
// (0.1 s doubled 12 times), or within those that the record then has as a dead
// letter, whose sink is predict again. A record that cannot be sent at all (a
// control character in a header) holds the commits of its partition no longer.
const (
	sourceRetries = 12
	sourceBackoff = "PT0.1S"
	sourceTimeout = "PT30S"
)

// source is the KafkaSource of an inference, with everything written out that
// Knative's defaults would make unfit: latest, ordered, a random group.
func (d Deps) source(i pipeline.Inference) eventing.KafkaSource {
	consumers, retry := int32(1), int32(sourceRetries)
	if d.PerPartition {
		consumers = int32(max(1, i.Partitions)) // #nosec G115 -- Kafka's partitions are int32
	}
	name := d.serviceName(i)
	sink := eventing.Destination{Ref: &eventing.Reference{APIVersion: "serving.knative.dev/v1", Kind: "Service", Namespace: d.Namespace, Name: name}, Audience: d.Audience}
	s := d.sourceNamed(name, i.ID)
	s.Spec = eventing.KafkaSourceSpec{
		ConsumerGroup: i.Group(), BootstrapServers: d.Brokers, Topics: []string{i.InputTopic},
		Consumers: &consumers, InitialOffset: eventing.Earliest, Ordering: eventing.Unordered,
		Delivery:  &eventing.Delivery{DeadLetterSink: &sink, Retry: &retry, BackoffPolicy: eventing.Exponential, BackoffDelay: sourceBackoff, Timeout: sourceTimeout},
		Sink:      sink,
		Overrides: &eventing.Overrides{Extensions: map[string]string{eventing.TokenExtension: d.token(i)}},
	}
	return s
}

// sourceNamed is a KafkaSource of an inference without what it does.
func (d Deps) sourceNamed(name string, inference int64) eventing.KafkaSource {
	return eventing.KafkaSource{
		APIVersion: eventing.SourceAPIVersion, Kind: eventing.SourceKind,
		Metadata: eventing.Metadata{
			Name: name, Namespace: d.Namespace,
			Labels: map[string]string{
				eventing.KeyTypeLabel:          eventing.KeyByteArray,
				pipeline.InferenceLabel:        strconv.FormatInt(inference, 10),
				"app.kubernetes.io/name":       pipeline.StepPredict,
				"app.kubernetes.io/instance":   name,
				"app.kubernetes.io/part-of":    "kafkaml",
				"app.kubernetes.io/managed-by": pipeline.StepDeployInference,
			},
		},
	}
}
