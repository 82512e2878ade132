package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// served is a trained model, and records for it.
type served struct {
	model  string
	data   *dataset
	result pipeline.Result
	keras  string // path of the .keras file that the result gives
	onnx   string // path of the .onnx file
}

// serve trains a model for an epoch, once, and fetches its files.
func (b *bench) serve(ctx context.Context, model string) (*served, error) {
	if s, ok := b.trainedOnce[model]; ok {
		return s, nil
	}
	d := points(2000)
	if model != "small" {
		var err error
		if d, err = digits(); err != nil {
			return nil, err
		}
	}
	s, err := b.send(ctx, d.first(2000), 1, 2000)
	if err != nil {
		return nil, err
	}
	_, results, err := b.trained(ctx, s, fitting{model: model, batch: 32, epochs: 1}, model)
	if err != nil {
		return nil, err
	}
	v := &served{model: model, data: d, result: results[0], keras: filepath.Join(b.dir, model+".keras"), onnx: filepath.Join(b.dir, model+".onnx")}
	b.trainedOnce[model] = v
	return v, errors.Join(b.download(ctx, v, "keras", v.keras), b.download(ctx, v, "onnx", v.onnx))
}

func (b *bench) download(ctx context.Context, v *served, format, path string) (err error) {
	f, err := os.Create(path) // #nosec G304 -- below a folder of ours
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = b.client.Download(ctx, v.result.ID, pipeline.FormatKey{Name: format}, f)
	return err
}

// contender is one way from an input topic to an output topic.
type contender struct {
	name  string
	start func(ctx context.Context, b *bench, v *served, in, out string) (*running, error)
}

// running is a contender at work.
type running struct {
	pid   int
	began time.Time // of its process
	stop  func() error

	stopped atomic.Bool // stop was called
}

// The contenders: (a), (b) and (c) are how the rows of the table call them.
var (
	direct    = contender{"direct", product(pipeline.Direct)}
	source    = contender{"source", product(pipeline.Source)}
	single    = contender{"(a) Python, one Keras predict a record", loop("predict_single.py", asKeras)}
	batched   = contender{"(b) Python, batched", loop("predict_batched.py", asKeras, "2000")}
	pipelined = contender{"(c) Python, ONNX Runtime, pipelined", loop("predict_onnx.py", asONNX, "2000")}
)

func asKeras(v *served) string { return v.keras }
func asONNX(v *served) string  { return v.onnx }

// product serves by kafkaml, one replica.
func product(delivery pipeline.Delivery) func(context.Context, *bench, *served, string, string) (*running, error) {
	return func(ctx context.Context, b *bench, v *served, in, out string) (*running, error) {
		before, err := children(b.product.Process.Pid, "predict")
		if err != nil {
			return nil, err
		}
		b.named++
		i, err := client.Do[pipeline.Inference](ctx, b.client, b.client.DeployInference(pipeline.InferenceForm{
			Name: fmt.Sprintf("bench-%d", b.named), Result: v.result.ID, Replicas: 1, Delivery: delivery,
			InputFormat: pipeline.RAW, InputConfig: v.data.config(), InputTopic: in, OutputTopic: out,
		}))
		if err != nil {
			return nil, err
		}
		r := &running{stop: func() error { return b.remove(context.WithoutCancel(ctx), i.ID) }}
		if err := b.replica(ctx, i.ID, len(before), r); err != nil {
			return nil, errors.Join(err, r.stop())
		}
		return r, nil
	}
}

// replica waits for the process of an inference, then until it is ready.
func (b *bench) replica(ctx context.Context, id int64, before int, r *running) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("an inference is not ready after a minute"))
	defer cancel()
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		if r.pid == 0 {
			pids, err := children(b.product.Process.Pid, "predict")
			if err != nil || len(pids) <= before {
				return false, err
			}
			r.pid = pids[len(pids)-1]
			if r.began, err = startOf(r.pid); err != nil {
				return false, err
			}
		}
		i, err := b.client.Inferences().Get(ctx, id)
		if err == nil && i.Status == pipeline.InferenceFailed {
			err = fmt.Errorf("inference %d failed: %s", id, i.Reason)
		}
		return i.Ready == 1, err
	})
}

// remove ends an inference and waits until its process is gone.
func (b *bench) remove(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("an inference does not end"))
	defer cancel()
	if _, err := b.client.Send(ctx, b.client.Inferences().Delete(id)); err != nil {
		return err
	}
	return poll(ctx, 50*time.Millisecond, func() (bool, error) {
		pids, err := children(b.product.Process.Pid, "predict")
		return len(pids) == 0, err
	})
}

// ways makes an input and an output topic.
func (b *bench) ways(ctx context.Context, partitions int) (in, out string, err error) {
	if in, err = b.topic(ctx, "in", partitions); err != nil {
		return "", "", err
	}
	out, err = b.topic(ctx, "out", partitions)
	return in, out, err
}

// reached waits until a topic holds n records and returns when that was seen and
// how many there were.
func (b *bench) reached(ctx context.Context, topic string, n int64, every time.Duration) (at time.Time, have int64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, fmt.Errorf("%s does not reach %d records in five minutes", topic, n))
	defer cancel()
	err = poll(ctx, every, func() (bool, error) {
		have, err = b.count(ctx, topic)
		at = time.Now()
		return have >= n, err
	})
	return at, have, err
}
