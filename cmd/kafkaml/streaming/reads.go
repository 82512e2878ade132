package streaming

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// asRead has records that are to be predicted written as the inferences of their
// topic read them, where those are known and agree: bytes of another schema may
// be read as other numbers.
func (s *sending) asRead(ctx context.Context) error {
	readers, err := s.readers(ctx)
	if err != nil {
		s.env.Note("not checked against the inferences of topic %s: %s", s.config.Topic, err)
		return ctx.Err()
	}
	if len(readers) == 0 {
		s.env.Note("no inference reads topic %s yet: nothing predicts these records until one does (`%s inferences list` shows which topics are read)", s.config.Topic, s.env.Program)
		return nil
	}
	i := readers[0]
	for _, other := range readers[1:] {
		if other.InputFormat != i.InputFormat || !bytes.Equal(other.InputConfig, i.InputConfig) {
			s.env.Note("inferences %s and %s do not read topic %s alike: not checked", i.Name, other.Name, s.config.Topic)
			return nil
		}
	}
	if err := s.formatOf(i); err != nil {
		return err
	}
	if err := s.layout(i); err != nil {
		return err
	}
	s.reader = i.Name
	if s.decoder, err = s.decoderOf(ctx, i); err != nil {
		s.env.Note("not checked against inference %s: %s", i.Name, err)
	}
	return ctx.Err()
}

// decoderOf reads records as an inference does, nil where one record alone tells
// nothing.
func (s *sending) decoderOf(ctx context.Context, i pipeline.Inference) (*features.Decoder, error) {
	if features.Windowed(i.InputConfig) {
		return nil, nil
	}
	c, err := s.env.Client(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.Results().Get(ctx, i.Result)
	if err != nil {
		return nil, err
	}
	m, err := client.Read[pipeline.Model](ctx, c, pipeline.StepModelRegister, fmt.Sprintf("models/%d/versions/%d", r.Model, r.ModelVersion))
	if err != nil {
		return nil, err
	}
	return features.New(i.InputFormat, i.InputConfig, codec.Binding{Inputs: m.Inputs, Registry: true}, features.WithLearned(r.Learned()))
}

// tryFirst says where the inference cannot read the first record, before it is
// sent: it has another layout then, or is one that is at fault.
func (s *sending) tryFirst(label, sample []byte) {
	if s.decoder == nil {
		return
	}
	inputs := s.decoder.Inputs()
	row := make([][]byte, len(inputs))
	for k, t := range inputs {
		row[k] = make([]byte, t.Bytes())
	}
	err := s.decoder.Sample(row, &stream.Record{Key: label, Value: sample, Time: time.Now()})
	if err == nil || errors.Is(err, features.ErrLeftOut) || codec.Lacks(err) {
		return
	}
	s.env.Note("inference %s cannot read the first record, which becomes a dead letter, as all that are like it: %s (`%s inferences show %s` has its input_config)",
		s.reader, terminal.Plain(err.Error()), s.env.Program, s.reader)
}

func (s *sending) readers(ctx context.Context) (all []pipeline.Inference, err error) {
	c, err := s.env.Client(ctx)
	if err != nil {
		return nil, err
	}
	for i, err := range c.Inferences().All(ctx, client.Query{}) {
		if err != nil {
			return nil, err
		}
		if i.InputTopic == s.config.Topic {
			all = append(all, i)
		}
	}
	return all, nil
}

// formatOf takes the format of an inference, and refuses another.
func (s *sending) formatOf(i pipeline.Inference) error {
	switch {
	case s.file.Format == "" && (i.InputFormat == pipeline.RAW || i.InputFormat == pipeline.AVRO || i.InputFormat == pipeline.JSON):
		s.file.Format = i.InputFormat
	case s.file.Format != i.InputFormat:
		return &pipeline.Error{
			Op: "send stream", Kind: pipeline.Invalid, Field: "format",
			Reason: fmt.Sprintf("inference %s reads topic %s as %s", i.Name, s.config.Topic, i.InputFormat),
			Hint:   "RAW, AVRO and JSON are sent as it reads them if --format is left out; --unchecked sends the records all the same",
		}
	}
	return nil
}

// layout takes the schema or the type that an inference reads samples by.
func (s *sending) layout(i pipeline.Inference) error {
	var config struct {
		Scheme  json.RawMessage `json:"data_scheme"`
		Type    string          `json:"data_type"`
		Framing string          `json:"framing"`
	}
	if len(i.InputConfig) > 0 {
		if err := json.Unmarshal(i.InputConfig, &config); err != nil {
			return err
		}
	}
	switch {
	case i.InputFormat == pipeline.AVRO && config.Framing == "" && len(config.Scheme) > 0:
		s.file.Scheme = config.Scheme
	case i.InputFormat == pipeline.RAW && s.file.DType == "":
		s.file.DType = config.Type
	}
	return nil
}
