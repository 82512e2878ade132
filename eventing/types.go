package eventing

import (
	"slices"
	"strings"
)

// The types that the functions take. A command's subject is the id of the
// thing it is about; a command that makes a thing has none.
const (
	ModelValidate = "io.kafkaml.model.validate.v1"
	ModelRegister = "io.kafkaml.model.register.v1"
	ModelImport   = "io.kafkaml.model.import.v1"
	ModelUpdate   = "io.kafkaml.model.update.v1"
	ModelDelete   = "io.kafkaml.model.delete.v1"

	ConfigurationCreate = "io.kafkaml.configuration.create.v1"
	ConfigurationUpdate = "io.kafkaml.configuration.update.v1"
	ConfigurationDelete = "io.kafkaml.configuration.delete.v1"

	DeploymentCreate = "io.kafkaml.deployment.create.v1"
	DeploymentStop   = "io.kafkaml.deployment.stop.v1"
	DeploymentDelete = "io.kafkaml.deployment.delete.v1"

	ResultRetry   = "io.kafkaml.result.retry.v1"
	ResultVerify  = "io.kafkaml.result.verify.v1"
	ResultStop    = "io.kafkaml.result.stop.v1"
	ResultDelete  = "io.kafkaml.result.delete.v1"
	ResultConvert = "io.kafkaml.result.convert.v1"
	ResultAlias   = "io.kafkaml.result.alias.v1"
	ResultUnalias = "io.kafkaml.result.unalias.v1"
	ResultUpdate  = "io.kafkaml.result.update.v1"

	DatasourceCreate = "io.kafkaml.datasource.create.v1"
	DatasourceResend = "io.kafkaml.datasource.resend.v1"

	StudyCreate = "io.kafkaml.study.create.v1"
	StudyStop   = "io.kafkaml.study.stop.v1"
	StudyDelete = "io.kafkaml.study.delete.v1"

	InferenceDeploy   = "io.kafkaml.inference.deploy.v1"
	InferenceUpdate   = "io.kafkaml.inference.update.v1"
	InferenceRollBack = "io.kafkaml.inference.rollback.v1"
	InferenceStart    = "io.kafkaml.inference.start.v1"
	InferenceStop     = "io.kafkaml.inference.stop.v1"
	InferenceDelete   = "io.kafkaml.inference.delete.v1"

	PredictionMake = "io.kafkaml.prediction.make.v1"
)

// The facts. Those of a training and DatasourceReceived are also handled, by
// deploy-training.
const (
	ModelValidated  = "io.kafkaml.model.validated.v1"
	ModelRegistered = "io.kafkaml.model.registered.v1"
	ModelImported   = "io.kafkaml.model.imported.v1"
	ModelUpdated    = "io.kafkaml.model.updated.v1"
	ModelDeleted    = "io.kafkaml.model.deleted.v1"
	ModelRejected   = "io.kafkaml.model.rejected.v1"

	ConfigurationCreated  = "io.kafkaml.configuration.created.v1"
	ConfigurationUpdated  = "io.kafkaml.configuration.updated.v1"
	ConfigurationDeleted  = "io.kafkaml.configuration.deleted.v1"
	ConfigurationRejected = "io.kafkaml.configuration.rejected.v1"

	DeploymentCreated   = "io.kafkaml.deployment.created.v1"
	DeploymentStopped   = "io.kafkaml.deployment.stopped.v1"
	DeploymentDeleted   = "io.kafkaml.deployment.deleted.v1"
	DeploymentScheduled = "io.kafkaml.deployment.scheduled.v1"
	DeploymentDecided   = "io.kafkaml.deployment.decided.v1"
	DeploymentRejected  = "io.kafkaml.deployment.rejected.v1"

	ResultScheduled  = "io.kafkaml.result.scheduled.v1"
	ResultProgressed = "io.kafkaml.result.progressed.v1"
	ResultDrifted    = "io.kafkaml.result.drifted.v1"
	ResultAdopted    = "io.kafkaml.result.adopted.v1"
	ResultFinished   = "io.kafkaml.result.finished.v1"
	ResultFailed     = "io.kafkaml.result.failed.v1"
	ResultStopped    = "io.kafkaml.result.stopped.v1"
	ResultPruned     = "io.kafkaml.result.pruned.v1"
	ResultConverting = "io.kafkaml.result.converting.v1"
	ResultConverted  = "io.kafkaml.result.converted.v1"
	ResultAliased    = "io.kafkaml.result.aliased.v1"
	ResultUpdated    = "io.kafkaml.result.updated.v1"
	ResultVerifying  = "io.kafkaml.result.verifying.v1"
	ResultVerified   = "io.kafkaml.result.verified.v1"
	ResultDiverged   = "io.kafkaml.result.diverged.v1"
	ResultUnverified = "io.kafkaml.result.unverified.v1"
	ResultDeleted    = "io.kafkaml.result.deleted.v1"
	ResultRejected   = "io.kafkaml.result.rejected.v1"

	TrainingProgressed = "io.kafkaml.training.progressed.v1"
	TrainingYielded    = "io.kafkaml.training.yielded.v1"
	TrainingFinished   = "io.kafkaml.training.finished.v1"
	TrainingFailed     = "io.kafkaml.training.failed.v1"
	TrainingVerified   = "io.kafkaml.training.verified.v1"
	TrainingRejected   = "io.kafkaml.training.rejected.v1"

	StudyCreated    = "io.kafkaml.study.created.v1"
	StudyStarted    = "io.kafkaml.study.started.v1"
	StudyProgressed = "io.kafkaml.study.progressed.v1"
	StudyFinished   = "io.kafkaml.study.finished.v1"
	StudyFailed     = "io.kafkaml.study.failed.v1"
	StudyStopped    = "io.kafkaml.study.stopped.v1"
	StudyDeleted    = "io.kafkaml.study.deleted.v1"
	StudyRejected   = "io.kafkaml.study.rejected.v1"

	DatasourceReceived = "io.kafkaml.datasource.received.v1"
	DatasourceRejected = "io.kafkaml.datasource.rejected.v1"

	InferenceDeployed = "io.kafkaml.inference.deployed.v1"
	InferenceUpdated  = "io.kafkaml.inference.updated.v1"
	InferenceChanged  = "io.kafkaml.inference.changed.v1"
	InferenceStarted  = "io.kafkaml.inference.started.v1"
	InferenceStopped  = "io.kafkaml.inference.stopped.v1"
	InferenceDeleted  = "io.kafkaml.inference.deleted.v1"
	InferenceRejected = "io.kafkaml.inference.rejected.v1"

	PredictionMade     = "io.kafkaml.prediction.made.v1"
	PredictionRejected = "io.kafkaml.prediction.rejected.v1"
)

// Types that are not ours: a record that KafkaSource delivers, the event that
// `func invoke` sends, and our answer to it.
const (
	KafkaRecord   = "dev.knative.kafka.event"
	FuncInvoke    = "boson.fn"
	TypesAccepted = "io.kafkaml.types.accepted.v1"
)

// free are our types whose data has no schema of ours: a record to predict is
// whatever the model's input format says.
var free = []string{PredictionMake}

// Types lists every type of ours, sorted.
func Types() []string {
	all := slices.Clone(free)
	for t := range payloads {
		all = append(all, t)
	}
	slices.Sort(all)
	return all
}

// Known reports whether typ is a type of ours.
func Known(typ string) bool {
	_, ok := payloads[typ]
	return ok || slices.Contains(free, typ)
}

// Thing is the noun of a type of ours: "model" for io.kafkaml.model.register.v1.
// It is empty for any other type.
func Thing(typ string) string {
	rest, ok := strings.CutPrefix(typ, "io.kafkaml.")
	if !ok {
		return ""
	}
	thing, _, _ := strings.Cut(rest, ".")
	return thing
}

// Operation is what a command of typ does, in words: "register model" for
// io.kafkaml.model.register.v1.
func Operation(typ string) string {
	rest, _ := strings.CutPrefix(typ, "io.kafkaml.")
	thing, rest, _ := strings.Cut(rest, ".")
	verb, _, _ := strings.Cut(rest, ".")
	return verb + " " + thing
}

// answers are the facts that answer commands which are carried out.
var answers = map[string]string{
	ModelValidate: ModelValidated, ModelRegister: ModelRegistered, ModelImport: ModelImported, ModelUpdate: ModelUpdated, ModelDelete: ModelDeleted,
	ConfigurationCreate: ConfigurationCreated, ConfigurationUpdate: ConfigurationUpdated, ConfigurationDelete: ConfigurationDeleted,
	DeploymentCreate: DeploymentCreated, DeploymentStop: DeploymentStopped, DeploymentDelete: DeploymentDeleted,
	ResultRetry: ResultScheduled, ResultVerify: ResultVerifying, ResultStop: ResultStopped, ResultDelete: ResultDeleted, ResultConvert: ResultConverted,
	ResultAlias: ResultAliased, ResultUnalias: ResultAliased, ResultUpdate: ResultUpdated,
	DatasourceCreate: DatasourceReceived,
	DatasourceResend: DatasourceReceived,
	StudyCreate:      StudyCreated, StudyStop: StudyStopped, StudyDelete: StudyDeleted,
	InferenceDeploy: InferenceDeployed, InferenceUpdate: InferenceUpdated, InferenceRollBack: InferenceUpdated, InferenceStart: InferenceStarted,
	InferenceStop: InferenceStopped, InferenceDelete: InferenceDeleted,
	PredictionMake: PredictionMade,
}

// Answer is the type of the fact that answers a command of typ which is carried
// out; empty where typ is no command.
func Answer(typ string) string { return answers[typ] }

// Makes reports whether a command of typ is about no thing that is there yet,
// so that its event has no subject.
func Makes(typ string) bool {
	switch typ {
	case ModelValidate, ModelRegister, ModelImport, ConfigurationCreate, DeploymentCreate, StudyCreate, DatasourceCreate, InferenceDeploy, PredictionMake:
		return true
	}
	return false
}

// Rejected is the type of the event that answers a refused command: model.rejected
// for model.register, datasource.rejected for a record of the control topic.
func Rejected(typ string) string {
	if typ == KafkaRecord {
		return DatasourceRejected
	}
	return "io.kafkaml." + Thing(typ) + ".rejected.v1"
}
