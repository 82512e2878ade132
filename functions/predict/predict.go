// Package predict is the data plane of an inference: a record goes in, the
// prediction of a trained model comes out.
//
// Records come in three ways, through one decoder, one Predictor and one form
// of answer:
//
//   - source: KafkaSource posts each record as an event to /, that of one machine
//     also those that wait as a batch of events; the prediction is on the output
//     topic, acknowledged by all replicas, before the answer. Concurrent records
//     share a batch of the model (batching).
//   - direct: the process is a member of a consumer group and works through
//     whole fetches (direct.go), for rates above some thousand records a second.
//   - by request: an event io.kafkaml.prediction.make.v1, or the Open Inference
//     Protocol under /v2; the answer is the prediction, nothing is written.
//
// Delivery is at least once: an offset moves after the acknowledgement. The id
// of an output record is that of its input record, so what a crash repeats
// can be recognised. A record that cannot be decoded or predicted goes to the
// dead-letter topic and the stream goes on.
package predict

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// service serves one trained model, or two that share its records.
type service struct {
	model   *model
	second  *model // of the challenger; nil where there is none
	metrics *metrics
	out     *writer // nil for a service that only answers requests
	door    *door
	direct  *direct // nil unless the delivery is direct
	calls   *calls  // of the model
	running sync.WaitGroup
	stop    context.CancelFunc
}

// newService serves a model, and that of a challenger unless it is nil, which are the
// service's to close, also where there is an error. The cluster may be nil for a service that only answers requests.
func newService(m, second *model, cluster *stream.Cluster, group *member, log *slog.Logger) (*service, error) {
	job := m.job
	s := &service{model: m, second: second, metrics: newMetrics(), calls: newCalls()}
	m.predictor = &watchedPredictor{m.predictor, s.calls}
	if second != nil {
		second.predictor, second.suspects = &watchedPredictor{second.predictor, s.calls}, m.suspects
	}
	envelope := output.NewEnvelope(job)
	s.door = &door{envelope: &envelope, topic: job.InputTopic, trigger: job.Trigger, requests: &requests{model: m, metrics: s.metrics}}
	if cluster != nil {
		s.out = &writer{
			job: &m.job, envelope: &envelope, predictions: output.NewTopic(cluster, job.OutputTopic), letters: output.NewTopic(cluster, job.DeadLetter),
			metrics: s.metrics, log: log,
		}
		s.door.source = &source{model: m, second: second, out: s.out, metrics: s.metrics, log: log, find: cluster.NewFinder(job.InputTopic)}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	err := s.startBatchers(ctx)
	if err == nil && s.out != nil && job.Delivery == pipeline.Direct {
		if group == nil {
			group = newMember(job, cluster, log)
		}
		s.direct, err = newDirect(m, second, s.out, group)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// startBatchers gathers rows as records store them, and in the model's types.
func (s *service) startBatchers(ctx context.Context) (err error) {
	stored, requests := s.model.decoder.Inputs(), s.door.requests
	config := batching.Config{Predictor: s.model.predictor, Layout: asModel(s.model.predictor.Inputs(), stored), Observe: s.metrics.batch, Suspects: s.model.suspects}
	if requests.tensors, err = s.startBatcher(ctx, config); err != nil {
		return err
	}
	config.Layout = stored
	if s.out != nil {
		config.Begin, config.Finish = s.out.followItems, s.out.finish
	}
	if requests.records, err = s.startBatcher(ctx, config); err != nil {
		return err
	}
	if s.door.source == nil {
		return nil
	}
	s.door.source.records = requests.records
	if s.second != nil {
		config.Predictor, config.Layout = s.second.predictor, s.second.decoder.Inputs()
		s.door.source.challenged, err = s.startBatcher(ctx, config)
	}
	return err
}

func (s *service) startBatcher(ctx context.Context, c batching.Config) (*batching.Batcher, error) {
	b, err := batching.New(c)
	if err != nil {
		return nil, err
	}
	s.running.Go(func() { b.Run(ctx) })
	return b, nil
}

// close waits for the batches under way and frees the model. What is still
// queued fails as unavailable.
func (s *service) close() error {
	s.stop()
	s.running.Wait()
	err := errors.Join(s.model.suspects.Close(), s.model.predictor.Close())
	if s.second != nil {
		err = errors.Join(err, s.second.predictor.Close())
	}
	return err
}
