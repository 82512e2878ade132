package predict

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/functions/predict/suspects"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// model is a trained model, open, with what reads records for it and writes
// what it predicts.
type model struct {
	job       pipeline.PredictJob
	protocol  string // its platform in the Open Inference Protocol
	decoder   *features.Decoder
	schemas   *schemas.Client // nil where there is no registry of schemas
	predictor framework.Predictor
	values    output.Values
	suspects  *suspects.Watch // nil where records that end the process are not looked for
}

// openModel opens the model whose served files are in dir. Its predictor is to
// be closed.
func openModel(f framework.Framework, c Config, dir string) (*model, error) {
	job := c.Job
	registry, err := schemas.New(c.Schemas)
	if err != nil {
		return nil, err
	}
	decoder, err := features.New(job.InputFormat, job.InputConfig, codec.Binding{Inputs: job.Export.Inputs, Registry: registry != nil}, features.WithLearned(job.Learned))
	if err != nil {
		return nil, fmt.Errorf("inference %s: %w", job.Name, err)
	}
	predictor, err := f.OpenPredictor(framework.PredictorOptions{Dir: dir, Export: job.Export, Stored: decoder.Inputs()})
	if err != nil {
		return nil, fmt.Errorf("inference %s: %w", job.Name, err)
	}
	return &model{
		job: job, protocol: f.Kind().Protocol, decoder: decoder, schemas: registry, predictor: predictor,
		values: output.NewValues(job.Export.Outputs),
	}, nil
}

// item is one row to predict, whose value its Value will be.
func (m *model) item(data [][]byte) *batching.Item {
	it := &batching.Item{Rows: 1, Data: data}
	it.Receive = func(outputs []framework.Output, result, _ int) {
		it.Value = m.values.Append(it.Value[:0], outputs, result)
	}
	return it
}

// decode fills a row with what a record holds. A schema registry
// that is away is waited for until ctx ends where waiting is told of it; without
// waiting the error is Unavailable. One that is Invalid is of the record;
// features.ErrLeftOut is that no prediction is wanted of it, and errWaits that it
// ends none of the windows, to which it is added; without windows, which are nil,
// a record is a row.
func (m *model) decode(ctx context.Context, windows *sequences, row [][]byte, r *stream.Record, waiting func(error)) error {
	err := m.sample(windows, row, r)
	if codec.Lacks(err) {
		again := func() error { return m.sample(windows, row, r) }
		err = m.schemas.Decode(ctx, again, schemas.Patience{Waiting: waiting})
	}
	if err == nil || errors.Is(err, errWaits) || errors.Is(err, features.ErrLeftOut) || ctx.Err() != nil {
		return err
	}
	var known *pipeline.Error // here, since it is allocated
	if errors.As(err, &known) {
		return err
	}
	return &pipeline.Error{Op: "decode record", Kind: pipeline.Invalid, Err: err, Hint: codec.Hint(err)}
}

// sample is decode without a word on what the error means.
func (m *model) sample(windows *sequences, row [][]byte, r *stream.Record) error {
	if windows == nil {
		return m.decoder.Sample(row, r)
	}
	return windows.sample(row, r)
}

// version of the model is the result that it came from.
func (m *model) version() string { return strconv.FormatInt(m.job.Result, 10) }

// asModel is the layout of rows in the model's own types; a size that the
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
