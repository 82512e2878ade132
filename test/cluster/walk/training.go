package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

const (
	dataTopic   = "e2e-data"
	dataRecords = 3000
	width       = 8 // features of a record
	dataConfig  = `{"data_type": "float32", "data_reshape": "8", "label_type": "uint8", "label_reshape": ""}`
)

const modelSource = `model = keras.Sequential([keras.Input((8,)), %skeras.layers.Dense(2, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
`

// register posts one model as a CloudEvent by hand, the other by the client.
func (w *walk) register(ctx context.Context, r *row) error {
	w.run = fmt.Sprint("-", time.Now().Unix()) // a cluster may be walked through again
	form := pipeline.ModelForm{Name: "linear" + w.run, Imports: "import keras", Source: fmt.Sprintf(modelSource, "")}
	began := time.Now()
	first, err := w.post(ctx, "model-register", eventing.ModelRegister, form)
	if err != nil {
		return err
	}
	r.notef("first model %.1f s", time.Since(began).Seconds())
	form.Name, form.Source = "dense"+w.run, fmt.Sprintf(modelSource, `keras.layers.Dense(16, activation="relu"), `)
	second, err := client.Do[pipeline.Model](ctx, w.client, w.client.RegisterModel(form))
	if err != nil {
		return err
	}
	w.models = []int64{first, second.ID}
	c, err := client.Do[pipeline.Configuration](ctx, w.client, w.client.CreateConfiguration(pipeline.ConfigurationForm{Name: "e2e" + w.run, Models: w.models}))
	w.configuration = c.ID
	return err
}

// post sends a CloudEvent in binary mode and gives the id in the answer.
func (w *walk) post(ctx context.Context, function, typ string, data any) (int64, error) {
	status, answer, err := w.event(ctx, function, typ, w.token, data)
	if err != nil {
		return 0, err
	}
	var thing struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(answer, &thing); err != nil || thing.ID == 0 {
		return 0, fmt.Errorf("%s answered %d: %s", function, status, answer)
	}
	return thing.ID, nil
}

// event sends a CloudEvent in binary mode, with a bearer token unless it is empty.
func (w *walk) event(ctx context.Context, function, typ, token string, data any) (status int, answer []byte, err error) {
	body, err := json.Marshal(data)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url(function)+"/", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for k, v := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Type": typ, "Ce-Source": "/e2e#" + w.control, "Ce-Id": fmt.Sprint(time.Now().UnixNano()), "Content-Type": "application/json",
	} {
		req.Header.Set(k, v)
	}
	if typ == eventing.KafkaRecord {
		req.Header.Set("Ce-Subject", "partition:0#999999")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, answer, err
}

// sample is a record of one of two classes that a line divides.
func sample(dst []byte, random *rand.Rand) (label byte) {
	sum := 0.0
	for i := range width {
		v := random.NormFloat64()
		if i%2 == 0 {
			sum += v
		} else {
			sum -= v
		}
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(float32(v)))
	}
	if sum > 0 {
		return 1
	}
	return 0
}

// early sends a stream and its control message while the deployment that it
// names does not exist and control-log has scaled to zero.
func (w *walk) early(ctx context.Context, r *row) error {
	for topic, partitions := range map[string]int{w.control: 1, w.prefix + dataTopic: 4} {
		if err := w.cluster.EnsureTopic(ctx, topic, partitions); err != nil {
			return err
		}
	}
	next, err := w.nextDeployment(ctx)
	if err != nil {
		return err
	}
	if err := w.atZero(ctx, controlLog); err != nil {
		return err
	}
	sink, err := control.NewSink(ctx, w.cluster, control.SinkConfig{
		Topic: w.prefix + dataTopic, ControlTopic: w.control, Deployment: next, Format: pipeline.RAW, Config: json.RawMessage(dataConfig),
		ValidationRate: 0.1, TestRate: 0.1, Description: "e2e",
	})
	if err != nil {
		return err
	}
	random, value := rand.New(rand.NewPCG(1, 2)), make([]byte, 4*width)
	for range dataRecords {
		label := sample(value, random)
		if err := sink.Send(ctx, []byte{label}, value); err != nil {
			sink.Abort()
			return err
		}
	}
	if _, err := sink.Close(ctx); err != nil {
		return err
	}
	r.records = dataRecords
	began := time.Now()
	err = until(ctx, func() (bool, error) {
		w.datasources, err = w.datasourcesOf(ctx, next)
		return len(w.datasources) > 0, err
	})
	r.notef("datasource known %.1f s after its message", time.Since(began).Seconds())
	return err
}

// datasourcesOf lists those of a deployment, none while control-log is away.
func (w *walk) datasourcesOf(ctx context.Context, deployment int64) ([]pipeline.Datasource, error) {
	page, err := w.client.Datasources().List(ctx, client.Query{Filters: map[string]string{"deployment": fmt.Sprint(deployment)}})
	if away(err) {
		return nil, nil
	}
	return page.Items, err
}

// nextDeployment is the id that the next deployment will get.
func (w *walk) nextDeployment(ctx context.Context) (int64, error) {
	next := int64(1)
	for d, err := range w.client.Deployments().All(ctx, client.Query{}) {
		if err != nil {
			return 0, err
		}
		next = max(next, d.ID+1)
	}
	return next, nil
}

// deploy makes a deployment.
func (w *walk) deploy(ctx context.Context, kwargs string, resources *pipeline.Resources) (pipeline.Deployment, error) {
	return client.Do[pipeline.Deployment](ctx, w.client, w.client.CreateDeployment(pipeline.DeploymentForm{
		Configuration: w.configuration, BatchSize: 32, TrainingKwargs: pipeline.ArgumentsOf(kwargs), Resources: resources,
	}))
}

// ended waits until every result of a deployment has ended.
func (w *walk) ended(ctx context.Context, deployment int64, want int) ([]pipeline.Result, error) {
	var results []pipeline.Result
	err := until(ctx, func() (bool, error) {
		page, err := w.client.Results().List(ctx, client.Query{Filters: map[string]string{"deployment": fmt.Sprint(deployment)}})
		if away(err) {
			return false, nil
		}
		results = page.Items
		running := slices.ContainsFunc(results, func(r pipeline.Result) bool { return !r.Status.Ended() })
		return len(results) >= want && !running, err
	})
	if err != nil {
		for _, r := range results {
			err = fmt.Errorf("%w; result %d is %s", err, r.ID, r.Status)
		}
	}
	return results, err
}

// finished is ended, and all ended well.
func (w *walk) finished(ctx context.Context, deployment int64, want int) ([]pipeline.Result, error) {
	results, err := w.ended(ctx, deployment, want)
	for _, r := range results {
		if err == nil && r.Status != pipeline.ResultFinished {
			err = fmt.Errorf("result %d is %s: %s", r.ID, r.Status, r.Reason)
		}
	}
	return results, err
}

// train makes the deployment that the stream waits for.
func (w *walk) train(ctx context.Context, r *row) (err error) {
	if w.deployment, err = w.deploy(ctx, "epochs=5", nil); err != nil {
		return err
	}
	if w.results, err = w.finished(ctx, w.deployment.ID, 2); err != nil {
		return err
	}
	jobs, err := w.names(ctx, "jobs", "app.kubernetes.io/name=train")
	r.pods, r.records = len(jobs), dataRecords
	for _, result := range w.results {
		r.notef("%s: %s, test accuracy %.3f, Job's process %.1f s", result.ModelName, result.Engine, result.Metrics.Test["accuracy"], result.Seconds)
	}
	return err
}

// download fetches the trained model in both formats.
func (w *walk) download(ctx context.Context, r *row) error {
	for _, format := range []string{"savedmodel", "keras"} {
		n, err := w.client.Download(ctx, w.results[0].ID, pipeline.FormatKey{Name: format}, io.Discard)
		if err != nil {
			return err
		}
		if n < 1000 {
			return fmt.Errorf("%s has %d bytes", format, n)
		}
		r.notef("%s %d bytes", format, n)
	}
	var log strings.Builder
	err := until(ctx, func() (bool, error) { // it is kept once the Job has ended, shortly after the result
		log.Reset()
		err := w.client.Logs(ctx, w.results[0].ID, &log)
		return log.Len() > 0, err
	})
	r.notef("log %d bytes", log.Len())
	return err
}

// again sends the control message a second time: the stream is known, so
// nothing may be trained again.
func (w *walk) again(ctx context.Context, r *row) error {
	msg := control.MessageFor(w.datasources[0], w.deployment.ID)
	if _, err := control.Send(ctx, w.cluster, w.control, msg); err != nil {
		return err
	}
	err := until(ctx, func() (bool, error) {
		now, err := w.datasourcesOf(ctx, w.deployment.ID)
		return len(now) > len(w.datasources), err
	})
	if err != nil {
		return err
	}
	results, err := w.finished(ctx, w.deployment.ID, 2)
	if err == nil && len(results) != 2 {
		err = fmt.Errorf("it has %d results now", len(results))
	}
	r.notef("still %d results", len(results))
	return err
}

// resend reuses the stream for a second deployment.
func (w *walk) resend(ctx context.Context, r *row) error {
	results, err := w.trainAgain(ctx, "epochs=2", nil, w.finished)
	r.pods, r.records = len(results), dataRecords
	return err
}

// trainAgain makes a deployment, re-sends the stream to it and waits for it by
// the given function.
func (w *walk) trainAgain(ctx context.Context, kwargs string, resources *pipeline.Resources, wait func(context.Context, int64, int) ([]pipeline.Result, error)) ([]pipeline.Result, error) {
	d, err := w.deploy(ctx, kwargs, resources)
	if err != nil {
		return nil, err
	}
	if _, err := w.client.Send(ctx, w.client.ResendDatasource(w.datasources[0].ID, d.ID)); err != nil {
		return nil, err
	}
	return wait(ctx, d.ID, len(w.results))
}
