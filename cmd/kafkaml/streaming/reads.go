package streaming

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
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
	return s.layout(i)
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
