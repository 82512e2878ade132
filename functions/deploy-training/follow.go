package deploytraining

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

const (
	// mostFollowing is how many trainings may follow streams at once. Each holds its
	// place for as long as its stream goes on.
	mostFollowing = 8
	// pointRecords is how many records a point of the curve takes at least, unless
	// steps_per_epoch says it in batches.
	pointRecords = 1_000
)

// steps refuses arguments of fit that say nothing of a stream without an end.
func steps(d pipeline.Deployment) error {
	k := d.TrainingKwargs
	switch {
	case k.Epochs > 1 || k.InitialEpoch > 0:
		return pipeline.Invalidf("training_kwargs.epochs", "a training that follows a stream takes each record once").WithHint("leave epochs and initial_epoch out")
	case k.EarlyStopping != nil || k.ReduceLR != nil:
		return pipeline.Invalidf("training_kwargs.callbacks", "early_stopping and reduce_lr_on_plateau look at epochs, which a stream does not have").WithHint("leave them out")
	case d.Engine != pipeline.Auto && d.Engine != "graph":
		return pipeline.Invalidf("engine", "a training that follows a stream begins in the graph, which checks each record; XLA takes over by itself where it is faster").WithHint("leave engine out")
	}
	return nil
}

// mayFollow refuses more trainings that follow streams than there may be.
func mayFollow(tx *registry.Tx, d pipeline.Deployment, models int) error {
	if d.Mode != pipeline.ModeStream {
		return nil
	}
	page, err := tx.Deployments(registry.Query{})
	if err != nil {
		return err
	}
	held := 0
	for _, other := range page.Items {
		if other.Mode == pipeline.ModeStream && (other.Status == pipeline.DeploymentWaiting || other.Status == pipeline.DeploymentTraining) {
			results, err := resultsOf(tx, other.ID)
			if err != nil {
				return err
			}
			for _, r := range results {
				if !r.Status.Ended() {
					held++
				}
			}
		}
	}
	if held+models <= mostFollowing {
		return nil
	}
	return &pipeline.Error{
		Kind: pipeline.Conflict, Field: "mode", Reason: fmt.Sprintf("%d trainings follow streams, and at most %d may: this deployment would add %d", held, mostFollowing, models),
		Hint: "stop a deployment of mode stream first: deployments stop",
	}
}

// following says why a deployment does not follow another stream: it follows one.
func following(tx *registry.Tx, dep pipeline.Deployment) (*pipeline.Rejection, error) {
	for _, status := range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning} {
		active, err := tx.Results(registry.Query{By: map[string]int64{"deployment": dep.ID}, Status: string(status), Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(active.Items) > 0 {
			return &pipeline.Rejection{
				Field: "deployment", Reason: fmt.Sprintf("deployment %d follows another stream, datasource %d", dep.ID, active.Items[0].Datasource),
				Hint: fmt.Sprintf("stop it first (deployments stop %d), or send the stream to another deployment", dep.ID),
			}, nil
		}
	}
	return nil, nil
}

// followingOf says how a training follows its stream.
func followingOf(r pipeline.Result, dep pipeline.Deployment, d pipeline.Datasource) *pipeline.Following {
	each := int64(dep.TrainingKwargs.StepsPerEpoch) * int64(dep.BatchSize)
	return &pipeline.Following{
		Open: d.Open, Silence: float64(dep.StreamTimeout) / 1000, Epoch: cmp.Or(each, max(pointRecords, int64(dep.BatchSize))), Ending: r.Ending,
		Drift: dep.Drift, OnDrift: dep.OnDrift, Rate: dep.DriftRate, Raised: dep.DriftRecords, Given: r.Interims,
		Follows: r.Follows != "", Adopted: pipeline.LastAdoption(r.Adoptions),
		Interim: pipeline.Interim{
			Monitor: dep.Monitor, Change: dep.Change, Improvement: dep.Improvement, Records: dep.ResultRecords, Seconds: 60 * float64(dep.ResultMinutes),
		},
	}
}

// readable is nil where a model of a deployment can be trained on a datasource, else
// the reason why it cannot.
func (s *Service) readable(dep pipeline.Deployment, m pipeline.Export, d pipeline.Datasource) error {
	if dep.Mode != pipeline.ModeStream {
		if err := Readable(m, d, s.Registry); err != nil || !dep.Unsupervised || d.Unsupervised == nil {
			return err
		}
		return unlabelled(m, d)
	}
	decoder, err := features.ForTraining(d.InputFormat, d.InputConfig, m, s.Registry)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, r := range d.Ranges {
		key := fmt.Sprintf("%s:%d", r.Topic, r.Partition)
		if seen[key] {
			return pipeline.Invalidf("topic", "%s is named twice: a training follows a partition from one offset on", key).WithHint("name it once")
		}
		seen[key] = true
	}
	return followable(decoder, m)
}

// unlabelled is nil where a model can label the records that a datasource has
// without labels.
func unlabelled(m pipeline.Export, d pipeline.Datasource) error {
	if why := d.Unsupervised.Rejected; why != nil {
		return why.Refusal()
	}
	if features.Windowed(d.InputConfig) {
		return pipeline.Invalidf("input_config.window", "records that are read into windows cannot be trained on without labels").
			WithHint("send the stream to a deployment that is not unsupervised")
	}
	return m.CheckUnsupervised()
}

// detectable is nil where a model reports what a detector of drifts takes, and has
// what a drift is to change.
func detectable(d pipeline.Deployment, e pipeline.Export) error {
	switch {
	case d.Drift == pipeline.DetectDDM && pipeline.RightMetric(e.Monitors) == "":
		return pipeline.Invalidf("drift", "ddm counts errors, and the model reports no accuracy").
			WithHint("compile it with metrics=['accuracy'], or use adwin or page_hinkley, which take the loss")
	case d.OnDrift == pipeline.DriftRaises && !strings.ContainsRune(e.Variables, pipeline.VariableRate):
		return pipeline.Invalidf("on_drift", "the model has no learning rate that could be raised: its optimizer follows a schedule, or it has none").
			WithHint("use restart, or give the optimizer a number as its learning_rate")
	}
	return nil
}

// followable is nil where a model can follow a stream, else why it cannot.
func followable(d *features.Decoder, e pipeline.Export) error {
	switch {
	case d.Window() != nil:
		return pipeline.Invalidf("input_config.window", "a training that follows a stream takes no windows").WithHint("leave window, or mode stream, out")
	case d.Join() != nil:
		return pipeline.Invalidf("input_config.label", "a training that follows a stream takes no labels of another topic: they may come after the record").WithHint("put the label into the record")
	case len(d.Averaged()) > 0:
		return pipeline.Invalidf("input_config.inputs", "there is no mean of a stream that has no end").WithHint(`give a constant ("missing": 0)`)
	case len(e.Adapt) > 0:
		return pipeline.Invalidf("source", "layer %s is to be adapted, which needs a stream that ends", e.Adapt[0].Layer).WithHint("adapt the layer in the source, or give it what it shall know")
	}
	return nil
}

// endsItself gives the fact that a result's training is to end, nil where it does not
// follow a stream. It lets a training that follows a stream end by itself, so that nothing that
// it has learned is lost: its result is finished then. A second command ends it at
// once, and so does the first where it has not begun.
func endsItself(tx *registry.Tx, r *pipeline.Result) (*event.Event, error) {
	if r.Deployment == 0 || r.Status != pipeline.ResultRunning || r.Ending {
		return nil, nil
	}
	dep, err := tx.Deployment(r.Deployment)
	if err != nil || dep.Mode != pipeline.ModeStream {
		return nil, err
	}
	r.Ending = true
	if err := tx.UpdateResult(r); err != nil {
		return nil, err
	}
	return door.Publish(tx, name, eventing.ResultProgressed, r.ID, Progressed{Result: *r})
}

// tellToEnd tells trainings to end that endsItself has marked. What could not be told
// is told by Reconcile.
func (s *Service) tellToEnd(ctx context.Context, results ...int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	for _, id := range results {
		if err := s.Artifacts.Put(ctx, pipeline.EndingMark(pipeline.ResultCheckpoint(id)), strings.NewReader("")); err != nil {
			s.Log.WarnContext(ctx, "a training could not be told to end yet", "result", id, "error", err)
		}
	}
}
