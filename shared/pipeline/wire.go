package pipeline

import (
	"strconv"
	"strings"
)

// What several programs must spell alike has its one spelling here. Event types
// are in eventing, beside their schemas.

// The steps of the pipeline: each is a function and the path of its HTTP side.
// The first five share a program, which FUNCTION narrows to one of them.
const (
	StepModelRegister   = "model-register"
	StepDeployTraining  = "deploy-training"
	StepControlLog      = "control-log"
	StepDeployInference = "deploy-inference"
	StepRecords         = "records"
	StepTrain           = "train"
	StepPredict         = "predict"
)

// Steps lists those with an HTTP side of their own at all times, in the order
// of the pipeline: train and predict run once for each result and inference.
var Steps = []string{StepModelRegister, StepDeployTraining, StepControlLog, StepDeployInference, StepRecords}

// GRPCService is the path of the Open Inference Protocol over gRPC before a method,
// and GRPCInfer that of the one which predicts.
const (
	GRPCService = "/inference.GRPCInferenceService/"
	GRPCInfer   = GRPCService + "ModelInfer"
)

// GRPCMethods are its methods.
var GRPCMethods = []string{"ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer"}

// DefaultPort is where functions and kafkaml run listen unless PORT says
// otherwise.
const DefaultPort = 8080

// The headers of a dead letter, beside those of its record: why it was not
// predicted, as a person reads it, and where it came from.
const (
	HeaderError           = "kafkaml-error"
	HeaderSourceTopic     = "kafkaml-source-topic"
	HeaderSourcePartition = "kafkaml-source-partition"
	HeaderSourceOffset    = "kafkaml-source-offset"
)

// HeaderResult is the result that made a prediction, as a header of its record.
const HeaderResult = "ce_kafkamlresult"

// HeaderHops counts how many inferences made a record one out of another's:
// absent on what people send and on what the first one makes of that. A record
// that has come through MaxHops is given up, so that a circle of topics ends,
// whoever closed it.
const (
	HeaderHops = "kafkaml-hops"
	MaxHops    = 16
)

// HeaderSent says when a record was sent, in nanoseconds since 1970 as decimal
// text. Who sends records to be timed writes it, and predictions carry it on.
const HeaderSent = "sent"

// DeadLetterTopic is where the records of an input topic go that cannot be
// predicted, unless the inference names another.
func DeadLetterTopic(input string) string { return input + ".dead-letter" }

// TenantVariable names an installation among others that share Kafka with it.
const TenantVariable = "KAFKAML_TENANT"

// OfTenant is what a tenant calls a topic or a consumer group of its own: no two
// tenants call any the same, since a tenant's name has no dot. Empty is the tenant
// that has Kafka for itself.
func OfTenant(tenant, name string) string {
	if tenant == "" {
		return name
	}
	return tenant + "." + name
}

// ControlGroup is the consumer group by which a tenant's control topic is read.
func ControlGroup(tenant string) string { return OfTenant(tenant, "kafkaml-control-log") }

// InferenceGroup is the consumer group of an inference, by its id or, where it
// is served without a registry, its name. Both deliveries use it, so that a
// change from one to the other goes on where the first stopped.
func InferenceGroup(tenant, inference string) string {
	return OfTenant(tenant, "kafkaml-inference-"+inference)
}

// Group is the consumer group of an inference that is kept. It stays the tenant's
// that made it: its offsets lie there.
func (i Inference) Group() string { return InferenceGroup(i.Tenant, strconv.FormatInt(i.ID, 10)) }

// InferenceLabel holds, on what serves an inference in a cluster, the inference's
// id.
const InferenceLabel = "kafkaml.io/inference"

// AppendPredictionID writes the event id of a prediction, which is the same
// each time the record at an offset is predicted.
func AppendPredictionID(dst []byte, inference, topic string, partition int, offset int64) []byte {
	dst = append(append(dst, inference...), ':')
	dst = append(append(dst, topic...), ':')
	dst = append(strconv.AppendInt(dst, int64(partition), 10), ':')
	return strconv.AppendInt(dst, offset, 10)
}

// ParsePredictionID reads which record a prediction was made of; ok is false
// for an id that AppendPredictionID did not write.
func ParsePredictionID(id string) (topic string, partition int, offset int64, ok bool) {
	parts := strings.Split(id, ":")
	if len(parts) != 4 {
		return "", 0, 0, false
	}
	partition, err := strconv.Atoi(parts[2])
	if err != nil || partition < 0 {
		return "", 0, 0, false
	}
	offset, err = strconv.ParseInt(parts[3], 10, 64)
	if err != nil || offset < 0 {
		return "", 0, 0, false
	}
	return parts[1], partition, offset, true
}
