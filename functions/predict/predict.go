// Package predict is the data plane of an inference: a record goes in, the
// prediction of a trained model comes out.
//
// Records come in three ways, through one decoder, one Predictor and one form
// of answer:
//
//   - source: KafkaSource posts each record as an event to /; the prediction is
//     on the output topic, acknowledged by all replicas, before the answer.
//     Concurrent records share a batch (batcher.go).
//   - direct: the process is a member of a consumer group and works through
//     whole fetches (direct.go), for rates above some thousand records a second.
//   - by request: an event io.kafkaml.prediction.make.v1, or the Open Inference
//     Protocol under /v2; the answer is the prediction, nothing is written.
//
// Delivery is at least once: an offset moves after the acknowledgement. The id
// of an output record is that of its input record, so what a crash repeats can
// be told. A record that cannot be decoded or predicted goes to the dead-letter
// topic and the stream goes on.
package predict

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Service serves one trained model.
type Service struct {
	job       pipeline.PredictJob
	log       *slog.Logger
	decoder   *codec.Decoder
	predictor *tensorflow.Predictor
	form      form     // of a prediction's value
	envelope  envelope // of an output record
	output    *topic
	dead      *topic
	metrics   *metrics
	consumer  consumer            // state of direct delivery
	records   *batcher            // one record an item, as it is stored
	tensors   *batcher            // rows in the model's own types
	bodies    *semaphore.Weighted // bytes of requests under way
	running   sync.WaitGroup
	stop      context.CancelFunc
}

// New opens the trained SavedModel in dir and serves it as job says. The
// cluster may be nil for a service that only answers requests. Close ends it.
func New(job pipeline.PredictJob, dir string, cluster *stream.Cluster, log *slog.Logger) (*Service, error) {
	decoder, err := codec.New(job.InputFormat, job.InputConfig, codec.Binding{Inputs: job.Export.Inputs})
	if err != nil {
		return nil, fmt.Errorf("inference %s: %w", job.Name, err)
	}
	predictor, err := tensorflow.OpenPredictor(dir, job.Export, decoder.Inputs(), tensorflow.PredictorOptions{})
	if err != nil {
		return nil, fmt.Errorf("inference %s: %w", job.Name, err)
	}
	s := &Service{
		job: job, log: log, decoder: decoder, predictor: predictor,
		form: newForm(job.Export.Outputs), envelope: newEnvelope(job), metrics: newMetrics(),
		bodies: semaphore.NewWeighted(allBodies),
	}
	if cluster != nil {
		s.output = newTopic(cluster, job.OutputTopic)
		s.dead = newTopic(cluster, job.DeadLetter)
	}
	s.consumer.wanted = job.Delivery == pipeline.Direct
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	if s.records, err = s.startBatcher(ctx, decoder.Inputs()); err == nil {
		s.tensors, err = s.startBatcher(ctx, asModel(predictor.Inputs(), decoder.Inputs()))
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) startBatcher(ctx context.Context, layout []codec.Tensor) (*batcher, error) {
	b, err := newBatcher(s, layout)
	if err != nil {
		return nil, err
	}
	s.running.Go(func() { b.run(ctx) })
	return b, nil
}

// Close waits for the batches under way and frees the model. What is still
// queued fails as unavailable.
func (s *Service) Close() error {
	s.stop()
	s.running.Wait()
	return s.predictor.Close()
}

// asModel is the layout of records in the model's own types; a size that the
// model leaves open is that of the records.
func asModel(inputs []pipeline.Tensor, stored []codec.Tensor) []codec.Tensor {
	all := make([]codec.Tensor, len(inputs))
	for i, t := range inputs {
		d, _ := codec.ParseDType(t.DType) // the Predictor names its own types
		all[i] = codec.Tensor{Name: t.Name, DType: d, Shape: t.Shape}
		if t.Elements() < 0 {
			all[i].Shape = stored[i].Shape
		}
	}
	return all
}
