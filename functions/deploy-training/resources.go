package deploytraining

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// name is the function's.
const name = pipeline.StepDeployTraining

// Function is the step's HTTP side: its commands, as events and as REST
// requests, and what can be read.
func (s *Service) Function() door.Function {
	return door.Function{
		Name: name,
		Commands: map[string]door.Command{
			eventing.DeploymentCreate: s.create,
			eventing.DeploymentStop:   s.stop,
			eventing.DeploymentDelete: s.remove,
			eventing.ResultRetry:      s.retry,
			eventing.ResultVerify:     s.verify,
			eventing.ResultStop:       s.stopResult,
			eventing.ResultDelete:     s.removeResult,
			eventing.ResultAlias:      s.alias,
			eventing.ResultUnalias:    s.unalias,
			eventing.ResultUpdate:     s.edit,
			eventing.StudyCreate:      s.createStudy,
			eventing.StudyStop:        s.stopStudy,
			eventing.StudyDelete:      s.removeStudy,
		},
		Events: map[string]door.EventHandler{
			eventing.DatasourceReceived: s.received,
			eventing.TrainingProgressed: s.progressed,
			eventing.TrainingYielded:    s.yielded,
			eventing.TrainingFinished:   s.finished,
			eventing.TrainingFailed:     s.failed,
			eventing.TrainingVerified:   s.replayed,
		},
		Routes: []door.Route{
			{Pattern: "POST /deployments", Type: eventing.DeploymentCreate, Made: "/deployments"},
			{Pattern: "POST /deployments/{id}/stop", Type: eventing.DeploymentStop},
			{Pattern: "DELETE /deployments/{id}", Type: eventing.DeploymentDelete},
			{Pattern: "POST /results/{id}/retry", Type: eventing.ResultRetry},
			{Pattern: "POST /results/{id}/verify", Type: eventing.ResultVerify},
			{Pattern: "POST /results/{id}/stop", Type: eventing.ResultStop},
			{Pattern: "DELETE /results/{id}", Type: eventing.ResultDelete},
			{Pattern: "PATCH /results/{id}", Type: eventing.ResultUpdate},
			{Pattern: "POST /results/{id}/alias", Type: eventing.ResultAlias},
			{Pattern: "POST /results/{id}/unalias", Type: eventing.ResultUnalias},
			{Pattern: "POST /studies", Type: eventing.StudyCreate, Made: "/studies"},
			{Pattern: "POST /studies/{id}/stop", Type: eventing.StudyStop},
			{Pattern: "DELETE /studies/{id}", Type: eventing.StudyDelete},
		},
		Resources:  s.resources(),
		Measures:   s.measures(),
		Collectors: []prometheus.Collector{s.figures.epochs, s.figures.seconds},
		Facts:      []string{"io.kafkaml.deployment.", "io.kafkaml.result.", "io.kafkaml.study.", eventing.DatasourceRejected},
	}
}

// resources serves what can be read.
func (s *Service) resources() []door.Resource {
	epochs := door.One(
		"GET /results/{id}/metrics", "What each epoch of the present attempt reported.", registry.Page[pipeline.Epoch]{},
		api.Param{Name: "after", Value: 0, About: "only epochs after this one", Example: 0}, api.Param{Name: "limit", Value: 0, About: "at most so many", Example: 100},
	)
	logs := door.One("GET /results/{id}/logs", "The last lines that the training wrote.", nil)
	logs.Answer.Media = api.Text
	model := door.One("GET /results/{id}/model", "The trained model, as a file.", nil,
		api.Param{Name: "format", Value: "", About: "of the file: savedmodel, keras, onnx, tflite or tflite-c"},
		api.Param{Name: "quantize", Value: "", About: "of tflite and tflite-c, which are made by POST /results/{id}/convert first: float16 or int8"})
	model.Answer.Media = "application/zip," + api.Binary
	model.Errors = append(model.Errors, http.StatusConflict)
	return []door.Resource{
		door.ListOf("GET /deployments", "Deployments.", s.Store, s.deployments, "configuration"),
		door.GetOf("GET /deployments/{id}", "A deployment.", s.Store, s.deployment),
		door.ListOf("GET /results", "Results.", s.Store, s.results, "deployment", "configuration", "model", "datasource", "parent", "tag", "alias"),
		door.GetOf("GET /results/{id}", "A result.", s.Store, s.result),
		door.ListOf("GET /studies", "Studies.", s.Store, (*registry.Tx).Studies, "configuration", "deployment"),
		door.GetOf("GET /studies/{id}", "A study.", s.Store, (*registry.Tx).Study),
		{Operation: epochs, Handler: s.metrics},
		{Operation: logs, Handler: s.logs},
		{Operation: model, Handler: s.download},
	}
}

func (s *Service) deployments(tx *registry.Tx, q registry.Query) (registry.Page[pipeline.Deployment], error) {
	page, err := tx.Deployments(q)
	s.setPlaces(page.Items)
	return page, err
}

func (s *Service) deployment(tx *registry.Tx, id int64) (pipeline.Deployment, error) {
	d, err := tx.Deployment(id)
	one := []pipeline.Deployment{d}
	s.setPlaces(one)
	return one[0], err
}

// setPlaces says of deployments where the first of their trainings stands among
// those that wait for others to end.
func (s *Service) setPlaces(all []pipeline.Deployment) {
	places := s.places()
	for i := range all {
		for _, result := range all[i].Results {
			if at := places[jobOf{result, false}]; at != 0 && (all[i].Place == 0 || at < all[i].Place) {
				all[i].Place = at
			}
		}
	}
}

func (s *Service) results(tx *registry.Tx, q registry.Query) (registry.Page[pipeline.Result], error) {
	page, err := tx.Results(q)
	s.sayTurns(page.Items)
	return page, err
}

func (s *Service) result(tx *registry.Tx, id int64) (pipeline.Result, error) {
	r, err := tx.Result(id)
	one := []pipeline.Result{r}
	s.sayTurns(one)
	return one[0], err
}

// sayTurns says of results, and of their verifications, that they wait for others to
// end. It is so at this moment, and stands in no row.
func (s *Service) sayTurns(all []pipeline.Result) {
	places := s.places()
	for i := range all {
		r := &all[i]
		if at := places[jobOf{r.ID, false}]; at != 0 && r.Status == pipeline.ResultScheduled {
			r.Reason, r.Hint = itsTurn(at)
		}
		if v := r.Verification; v != nil && v.Status == pipeline.VerificationScheduled {
			if at := places[jobOf{r.ID, true}]; at != 0 {
				v.Reason, v.Hint = itsTurn(at)
			}
		}
	}
}

func itsTurn(at int) (reason, hint string) {
	return fmt.Sprintf("waits: for other trainings to end, at place %d in the queue", at), "stop what need not run"
}

// jobOf is which Job of a result: that which trains it, or that which verifies it.
type jobOf struct {
	result   int64
	verifies bool
}

// places are those of the Jobs that wait for others to end: 1 comes next.
func (s *Service) places() map[jobOf]int {
	places := map[jobOf]int{}
	for i, job := range s.Jobs.Queue() {
		if result, _, ok := parseJob(job); ok {
			places[jobOf{result, false}] = i + 1
		} else if result, _, ok := parseVerify(job); ok {
			places[jobOf{result, true}] = i + 1
		}
	}
	return places
}

// maxEpochs is the largest page of epochs.
const maxEpochs = 10_000

// metrics serves what each epoch of the present attempt reported: those that
// follow the epoch after, at most limit of them.
func (s *Service) metrics(w http.ResponseWriter, r *http.Request) {
	after, err := door.Number(r, "after", 0, 0, math.MaxInt32)
	if err != nil {
		door.Problem(w, err)
		return
	}
	limit, err := door.Number(r, "limit", maxEpochs, 1, maxEpochs)
	if err != nil {
		door.Problem(w, err)
		return
	}
	read := func(tx *registry.Tx, id int64) (registry.Page[pipeline.Epoch], error) {
		epochs, err := tx.Epochs(id, after, limit+1)
		page := registry.Page[pipeline.Epoch]{Items: epochs}
		if len(epochs) > limit {
			page.Items = epochs[:limit]
			page.Next = strconv.Itoa(epochs[limit-1].Epoch)
		}
		return page, err
	}
	door.Get(s.Store, read)(w, r)
}

// logs serves the last lines that the training process wrote: from the process
// while it runs, from the registry afterwards.
func (s *Service) logs(w http.ResponseWriter, r *http.Request) {
	id, err := door.PathID(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	text, err := s.readLog(r.Context(), id)
	if err != nil {
		door.Problem(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(text)) // the client may be gone
}

// readLog finds a result's log where it is now. A training reports its outcome
// before its process ends, and the log is stored after that.
func (s *Service) readLog(ctx context.Context, id int64) (string, error) {
	result, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Result, error) { return tx.Result(id) })
	if err != nil {
		return "", err
	}
	job := jobName(result)
	if result.Status.Active() {
		live, err := s.Jobs.Log(ctx, job)
		if pipeline.KindOf(err) != pipeline.NotFound { // else it has not started yet
			return live, err
		}
	} else if names, err := s.Jobs.Running(ctx); err == nil && slices.Contains(names, job) {
		if live, err := s.Jobs.Log(ctx, job); err == nil && live != "" {
			return live, nil
		}
	}
	return registry.Read(ctx, s.Store, func(tx *registry.Tx) (string, error) { return tx.Logs(id) })
}
