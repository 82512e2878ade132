// Package walk takes the first example through every step of the pipeline
// without a person: two models of handwritten digits are registered, grouped
// and deployed; one stream and its control message train both; the better one
// is deployed on an input and an output topic and fed with digits it has not
// seen. Each step is printed with its time.
package walk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// Walk is one walk through a running pipeline.
type Walk struct {
	Client       *client.Client
	Cluster      *stream.Cluster
	ControlTopic string
	Data         string // folder of the four IDX files of MNIST
	Epochs       int
	Predictions  int // digits to predict, sent at Rate a second
	Rate         int
	Say          func(format string, args ...any)

	began, step time.Time
	models      []pipeline.Model
	deployment  pipeline.Deployment
	results     []pipeline.Result
	inference   pipeline.Inference
}

// Report is what a walk found.
type Report struct {
	Accuracy    float64       // of the better model, on the test split
	Predictions int           // distinct predictions that came out
	Correct     int           // of them
	P50, P99    time.Duration // from a record's sending to its prediction in the output topic
	Took        time.Duration
}

// The topics of the example.
const (
	topicData   = "mnist"
	topicInput  = "mnist-in"
	topicOutput = "mnist-out"
	partitions  = 4
)

// linear is what the dense network is compared with.
const linear = `model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
`

// Run walks from the models to the predictions.
func (w *Walk) Run(ctx context.Context) (Report, error) {
	w.began, w.step = time.Now(), time.Now()
	for _, step := range []func(context.Context) error{w.register, w.deploy, w.send, w.train, w.serve} {
		if err := step(ctx); err != nil {
			return Report{}, err
		}
	}
	report, err := w.predict(ctx)
	report.Took = time.Since(w.began)
	return report, err
}

// done prints a step with the time since the one before.
func (w *Walk) done(format string, args ...any) {
	w.Say("  %6.1f s  %s", time.Since(w.step).Seconds(), fmt.Sprintf(format, args...))
	w.step = time.Now()
}

// register keeps both models and groups them.
func (w *Walk) register(ctx context.Context) error {
	forms := []pipeline.ModelForm{{Name: "mnist-linear", Description: "Handwritten digits without a hidden layer.", Imports: "import keras\nfrom keras import layers\n", Source: linear}}
	examples, err := w.Client.ModelExamples(ctx)
	if err != nil {
		return err
	}
	for _, e := range examples {
		if e.Name == "mnist-dense" {
			forms = append(forms, e)
		}
	}
	for _, form := range forms {
		m, err := client.Do[pipeline.Model](ctx, w.Client, w.Client.RegisterModel(form))
		if err != nil {
			return err
		}
		w.models = append(w.models, m)
		w.done("registered model %d, %s: %d parameters", m.ID, m.Name, m.Parameters)
	}
	return nil
}

// deploy makes a configuration of the models and deploys it for training.
func (w *Walk) deploy(ctx context.Context) error {
	form := pipeline.ConfigurationForm{Name: "mnist", Description: "Two models of handwritten digits, to compare."}
	for _, m := range w.models {
		form.Models = append(form.Models, m.ID)
	}
	c, err := client.Do[pipeline.Configuration](ctx, w.Client, w.Client.CreateConfiguration(form))
	if err != nil {
		return err
	}
	w.deployment, err = client.Do[pipeline.Deployment](ctx, w.Client, w.Client.Deployments().Command("create", 0, pipeline.DeploymentForm{
		Configuration: c.ID, BatchSize: 64, TrainingKwargs: pipeline.ArgumentsOf(fmt.Sprintf("epochs=%d, shuffle=True, verbose=0", w.Epochs)),
	}))
	if err != nil {
		return err
	}
	w.done("configuration %d deployed for training as deployment %d; it waits for its stream", c.ID, w.deployment.ID)
	return nil
}

// send sends the digits and their control message.
func (w *Walk) send(ctx context.Context) error {
	if err := w.Cluster.EnsureTopic(ctx, topicData, partitions); err != nil {
		return err
	}
	digits, err := w.openDigits("train")
	if err != nil {
		return err
	}
	defer digits.Close()
	sink, err := control.NewSink(ctx, w.Cluster, control.SinkConfig{
		Topic: topicData, ControlTopic: w.ControlTopic, Deployment: w.deployment.ID,
		Format: digits.Format(), Config: digits.Config(), ValidationRate: 0.1, TestRate: 0.1, Description: "MNIST",
	})
	if err != nil {
		return err
	}
	for {
		label, image, err := digits.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = sink.Send(ctx, label, image)
		}
		if err != nil {
			sink.Abort()
			return err
		}
	}
	sum, err := sink.Close(ctx)
	if err != nil {
		return err
	}
	w.done("sent %d records (%.1f MB) over %d partitions, and a control message of %d bytes", sum.Records, float64(sum.Bytes)/1e6, len(sum.Ranges), sum.Control.Bytes)
	return nil
}
