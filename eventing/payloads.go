package eventing

import (
	"github.com/kafkaml/kafkaml/eventing/schema"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// payload is what the data of an event type is.
type payload struct {
	about string // one sentence
	make  func(*schema.Set) schema.Schema
}

// payloads describe the data of each type. A type that is absent carries free
// data.
var payloads = map[string]payload{
	ModelValidate:   change("Build the source and say what it is, keeping nothing.", pipeline.ModelForm{}).requiring("source"),
	ModelRegister:   form("Build the source and keep it under a name.", pipeline.ModelForm{}),
	ModelImport:     form("Keep a model that was trained elsewhere, and a finished result of it.", pipeline.ImportForm{}),
	ModelUpdate:     change("Change members of a model; other source or imports make a new version.", pipeline.ModelForm{}),
	ModelDelete:     reference("Delete a model that nothing uses."),
	ModelValidated:  fact("What the source builds.", Validated{}, nil),
	ModelRegistered: fact("A model that is new.", pipeline.Model{}, pipeline.ModelForm{}),
	ModelImported:   fact("A model that was imported, and the result that can be served.", pipeline.ImportedModel{}, nil),
	ModelUpdated:    fact("A model as it now is.", pipeline.Model{}, pipeline.ModelForm{}),
	ModelDeleted:    gone("A model that is gone."),
	ModelRejected:   rejected,

	ConfigurationCreate:   form("Group models under a name.", pipeline.ConfigurationForm{}),
	ConfigurationUpdate:   change("Change members of a configuration.", pipeline.ConfigurationForm{}),
	ConfigurationDelete:   reference("Delete a configuration that nothing uses."),
	ConfigurationCreated:  fact("A configuration that is new.", pipeline.Configuration{}, pipeline.ConfigurationForm{}),
	ConfigurationUpdated:  fact("A configuration as it now is.", pipeline.Configuration{}, pipeline.ConfigurationForm{}),
	ConfigurationDeleted:  gone("A configuration that is gone."),
	ConfigurationRejected: rejected,

	DeploymentCreate:    form("Train each model of a configuration on the stream that names the deployment.", pipeline.DeploymentForm{}),
	DeploymentStop:      reference("End the trainings of a deployment."),
	DeploymentDelete:    reference("Delete a deployment with its results and their models."),
	DeploymentCreated:   fact("A deployment that is new.", pipeline.Deployment{}, pipeline.DeploymentForm{}),
	DeploymentStopped:   fact("A deployment whose trainings were ended.", pipeline.Deployment{}, pipeline.DeploymentForm{}),
	DeploymentScheduled: fact("A deployment that trains again by its schedule, or how far that is: retraining.blocked says why it cannot.", pipeline.Deployment{}, pipeline.DeploymentForm{}),
	DeploymentDecided:   fact("A deployment, and which of two results its alias names: the one that had it, or the one that was trained.", pipeline.Decided{}, nil),
	DeploymentDeleted:   gone("A deployment that is gone."),
	DeploymentRejected:  rejected,

	ResultRetry:      reference("Train a failed or stopped result again."),
	ResultStop:       reference("End one training."),
	ResultDelete:     reference("Delete a result with its model."),
	ResultAlias:      change("Give a finished result a name among those of its model, in place of the one that has it.", pipeline.AliasForm{}).requiring("alias"),
	ResultUnalias:    change("Take a name off a result.", pipeline.AliasForm{}).requiring("alias"),
	ResultUpdate:     change("Change the notes and tags of a result.", pipeline.ResultForm{}),
	ResultScheduled:  fact("A result whose training was asked for.", pipeline.Result{}, nil),
	ResultProgressed: fact("A result as it now is.", pipeline.Result{}, nil),
	ResultDrifted:    fact("A result whose training found a drift in the stream that it follows.", pipeline.Drifted{}, nil),
	ResultAdopted:    fact("A result whose training goes on from another result, as the alias that it follows has moved.", pipeline.Adopted{}, nil),
	ResultFinished:   fact("A result whose model is trained.", pipeline.Result{}, nil),
	ResultFailed:     fact("A result whose training failed.", pipeline.Result{}, nil),
	ResultStopped:    fact("A result whose training was ended.", pipeline.Result{}, nil),
	ResultPruned:     fact("A trial of a study that was ended early, as others did better.", pipeline.Result{}, nil),
	ResultConvert:    change("Convert the model of a result to a format that it is not kept in.", pipeline.ConversionForm{}).requiring("format"),
	ResultConverting: fact("A result, and where the conversion of its model is.", pipeline.Converting{}, nil),
	ResultConverted:  fact("A result whose model was converted, or cannot be.", pipeline.Result{}, nil),
	ResultAliased:    fact("A result whose aliases changed.", pipeline.Result{}, nil),
	ResultUpdated:    fact("A result whose notes or tags changed.", pipeline.Result{}, nil),
	ResultVerify:     reference("Train a finished result again from its receipt, and compare. Nothing of it is changed."),
	ResultVerifying:  fact("A result that is being verified.", pipeline.Result{}, nil),
	ResultVerified:   fact("A result that came out the same when it was trained again.", pipeline.Result{}, nil),
	ResultDiverged:   fact("A result that came out otherwise when it was trained again: verification.difference says where first.", pipeline.Result{}, nil),
	ResultUnverified: fact("A result whose training could not be repeated: verification.reason says why.", pipeline.Result{}, nil),
	ResultDeleted:    gone("A result that is gone."),
	ResultRejected:   rejected,

	StudyCreate:     form("Search for the values with which a model trains best on one stream.", pipeline.StudyForm{}),
	StudyStop:       reference("End a study and its trainings; what it found stays."),
	StudyDelete:     reference("Delete a study with its deployment, its trials and their models."),
	StudyCreated:    fact("A study that is new.", pipeline.Study{}, pipeline.StudyForm{}),
	StudyStarted:    fact("A study that has a stream.", pipeline.Study{}, pipeline.StudyForm{}),
	StudyProgressed: fact("A study as it now is: a trial began or ended.", pipeline.Study{}, pipeline.StudyForm{}),
	StudyFinished:   fact("A study whose trials have ended.", pipeline.Study{}, pipeline.StudyForm{}),
	StudyFailed:     fact("A study none of whose trials finished.", pipeline.Study{}, pipeline.StudyForm{}),
	StudyStopped:    fact("A study that was ended.", pipeline.Study{}, pipeline.StudyForm{}),
	StudyDeleted:    gone("A study that is gone."),
	StudyRejected:   rejected,

	TrainingProgressed: form("Where a training stands, and the epochs that ended since the last event.", pipeline.Progress{}),
	TrainingYielded:    form("A model that a training which follows a stream has stored on its way.", pipeline.Yield{}).requiring("artifact"),
	TrainingFinished:   form("A training that ended well.", pipeline.Outcome{}).requiring("artifact"),
	TrainingFailed:     form("A training that ended badly.", pipeline.Outcome{}).requiring("reason"),
	TrainingVerified:   form("A repetition of a training that came to its end.", pipeline.Replay{}),
	TrainingRejected:   rejected,

	DatasourceCreate:   form("Train on records that lie in topics already: a control message of their ranges is sent, no record is.", pipeline.DatasourceForm{}),
	DatasourceResend:   change("Use a stream again for another deployment; no record is produced.", pipeline.ResendForm{}).requiring("deployment"),
	DatasourceReceived: fact("A stream that can be trained on.", pipeline.Datasource{}, nil),
	DatasourceRejected: form("A control message or a command that was refused.", DatasourceRejection{}),

	InferenceDeploy:   form("Serve a finished result between two topics.", pipeline.InferenceForm{}),
	InferenceUpdate:   change("Serve with other replicas, or another result of the same shapes. Name and input topic may be repeated, not changed.", pipeline.InferenceForm{}),
	InferenceRollBack: reference("Serve the result again that was served before. Of an inference that follows an alias, the alias moves back."),
	InferenceStart:    reference("Start a stopped inference where it stopped."),
	InferenceStop:     reference("End the replicas of an inference and keep its offsets."),
	InferenceDelete:   reference("Delete an inference; its topics stay."),
	InferenceDeployed: fact("An inference that is new.", pipeline.Inference{}, pipeline.InferenceForm{}),
	InferenceUpdated:  fact("An inference as it now is.", pipeline.Inference{}, pipeline.InferenceForm{}),
	InferenceChanged:  fact("An inference whose status or replicas changed.", pipeline.Inference{}, pipeline.InferenceForm{}),
	InferenceStarted:  fact("An inference that was started again.", pipeline.Inference{}, pipeline.InferenceForm{}),
	InferenceStopped:  fact("An inference that was stopped.", pipeline.Inference{}, pipeline.InferenceForm{}),
	InferenceDeleted:  gone("An inference that is gone."),
	InferenceRejected: rejected,

	PredictionMade:     fact("What a model says of one record.", Prediction{}, nil),
	PredictionRejected: rejected,
	TypesAccepted:      fact("The types that a function takes.", Accepted{}, nil),
}

func form(about string, v any) payload {
	return payload{about, func(s *schema.Set) schema.Schema { return s.Form(v) }}
}

func change(about string, v any) payload {
	return payload{about, func(s *schema.Set) schema.Schema { return s.Change(v) }}
}

func fact(about string, v, form any) payload {
	return payload{about, func(s *schema.Set) schema.Schema { return s.Answer(v, form) }}
}

func reference(about string) payload { return form(about, Subject{}) }

func gone(about string) payload { return fact(about, Deleted{}, nil) }

var rejected = form("Why a command was refused.", Rejection{})

// requiring gives p with one more member that must be there.
func (p payload) requiring(member string) payload {
	made := p.make
	p.make = func(s *schema.Set) schema.Schema {
		all := made(s)
		all.Required = append(all.Required, member)
		return all
	}
	return p
}
