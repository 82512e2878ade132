package modelregister

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// measured is how many records a conversion is measured on at most.
const measured = 2000

// convert makes a format of a result's model that is not kept yet. One is made at
// a time in this process, so that the worker stays free for models that are
// registered: who asks for the same meanwhile waits and finds it kept. A process
// that dies in the middle leaves nothing but a file that the repetition writes
// anew.
func (s *Service) convert(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	var form pipeline.ConversionForm
	if err := eventing.Apply[pipeline.ConversionForm](call.Event, &form); err != nil {
		return err
	}
	select {
	case s.converting <- struct{}{}:
		defer func() { <-s.converting }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c, err := s.conversionOf(ctx, id, form)
	if err != nil {
		return err
	}
	if c.kept() {
		return call.Commit(ctx, func(*registry.Tx) (*event.Event, error) {
			answer := eventing.New(eventing.ResultConverted, door.Source(name), fmt.Sprint(id), c.result)
			return &answer, nil
		})
	}
	made, err := c.run(ctx)
	if err != nil {
		s.noteUnfit(ctx, id, c.key, err)
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) { return s.keepFormat(ctx, tx, c, made) })
	if pipeline.KindOf(err) == pipeline.NotFound { // the result was deleted meanwhile
		s.discard(ctx, c.blob())
	}
	return err
}

// conversion is one under way.
type conversion struct {
	*Service
	result  pipeline.Result
	model   pipeline.Model
	stream  pipeline.Datasource // of id 0 where there is none
	kind    framework.Kind
	format  framework.Format // TFLite, of which the array in C is written
	key     pipeline.FormatKey
	samples int
	asked   bool // for so many samples
}

func (s *Service) conversionOf(ctx context.Context, id int64, form pipeline.ConversionForm) (c *conversion, err error) {
	c = &conversion{
		Service: s, key: pipeline.FormatKey{Name: pipeline.TFLite, Quantize: form.Quantize},
		samples: cmp.Or(form.Samples, pipeline.DefaultSamples), asked: form.Samples != 0,
	}
	if err := checkConversion(form); err != nil {
		return nil, err
	}
	err = s.Store.Do(ctx, func(tx *registry.Tx) (err error) {
		if c.result, err = tx.Result(id); err != nil {
			return err
		}
		if c.model, err = tx.ModelOf(c.result); err != nil || c.result.Datasource == 0 {
			return err
		}
		c.stream, err = tx.Datasource(c.result.Datasource)
		if pipeline.KindOf(err) == pipeline.NotFound {
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.result.Status != pipeline.ResultFinished {
		return nil, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "status", Reason: fmt.Sprintf("result %d is %s", id, c.result.Status),
			Hint: "a model can be converted once it is finished",
		}
	}
	if c.kind, err = s.Kinds.Get(c.model.Framework); err != nil {
		return nil, err
	}
	var known bool
	if c.format, known = c.kind.Bundle.Format(c.key.Name); !known {
		return nil, pipeline.Invalidf("format", "a model that is kept as %s alone is not converted to %s", c.kind.Name, form.Format).
			WithHint("import the .keras file or the SavedModel that it was exported from")
	}
	if why := c.format.Unfit(c.model.Export); why != "" {
		return nil, pipeline.Invalidf("format", "the model cannot be had as %s: %s", c.key, why).WithHint("download it as SavedModel")
	}
	return c, nil
}

// mostSamples bounds what quantization takes the ranges of values from.
const mostSamples = 10_000

// checkConversion refuses a form that asks for nothing that can be made.
func checkConversion(f pipeline.ConversionForm) error {
	switch {
	case f.Format != pipeline.TFLite && f.Format != pipeline.TFLiteC:
		return pipeline.Invalidf("format", "models are not converted to %q", f.Format).
			WithHint("use %s or %s; the others of the result's formats are kept, if it has them", pipeline.TFLite, pipeline.TFLiteC)
	case !slices.Contains(pipeline.Quantizes(), f.Quantize):
		return pipeline.Invalidf("quantize", "%q is not known", string(f.Quantize)).
			WithHint("use %s or %s, or leave it out", pipeline.QuantizeFloat16, pipeline.QuantizeInt8)
	case f.Samples != 0 && f.Quantize != pipeline.QuantizeInt8:
		return pipeline.Invalidf("samples", "only int8 takes the ranges of values from samples").WithHint("leave samples out, or give quantize int8")
	case f.Samples < 0 || f.Samples > mostSamples:
		return pipeline.Invalidf("samples", "must be 1 to %d, not %d", mostSamples, f.Samples)
	}
	return nil
}

// kept reports whether the result has what is asked for.
func (c *conversion) kept() bool {
	f, ok := c.result.Format(c.key)
	return ok && f.Size > 0 && (!c.asked || f.Samples == c.samples)
}

// blob is the key of the file that is made.
func (c *conversion) blob() string { return c.result.Artifact + "/" + c.format.Key(c.key.Quantize) }

// run makes the file and stores it.
func (c *conversion) run(ctx context.Context) (made pipeline.ModelFormat, err error) {
	builder, ok := c.Builders[c.model.Framework].(framework.Converter)
	if !ok {
		return made, &pipeline.Error{Kind: pipeline.Internal, Field: "format", Reason: fmt.Sprintf("nothing converts models of %q here", c.model.Framework)}
	}
	dir, err := os.MkdirTemp(c.Scratch, "convert-*")
	if err != nil {
		return made, fmt.Errorf("make a folder for the conversion: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is the scratch folder's to clear
	read, err := c.reread(ctx)
	if err != nil {
		return made, err
	}
	if err := c.tell(ctx, pipeline.ConversionConverting); err != nil {
		return made, err
	}
	trained := filepath.Join(dir, "trained")
	if err := c.kind.Bundle.Served.Get(ctx, c.Artifacts, c.result.Artifact, trained); err != nil {
		return made, err
	}
	path := filepath.Join(dir, "converted")
	got, err := builder.Convert(ctx, framework.Conversion{Form: c.key, Dir: trained, Export: c.model.Export, Samples: read.Samples, Test: read.Tests}, path)
	if err != nil {
		return made, err
	}
	made = pipeline.ModelFormat{FormatKey: c.key, Inputs: got.Inputs, Outputs: got.Outputs, Quality: got.Quality, Samples: read.Samples.Len}
	if made.Quality != nil {
		made.Quality.Split = read.Split
	} else if c.key.Quantize != pipeline.NotQuantized && read.Lacking != "" {
		made.Notes = append(made.Notes, "what quantization costs was not measured: "+read.Lacking)
	}
	if err := c.tell(ctx, pipeline.ConversionStoring); err != nil {
		return made, err
	}
	made.Size, err = c.put(ctx, path)
	return made, err
}

// put stores the file under its key and gives its size.
func (c *conversion) put(ctx context.Context, path string) (size int64, err error) {
	f, err := os.Open(path) // #nosec G304 -- below a folder of ours
	if err != nil {
		return 0, fmt.Errorf("store the converted model: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("store the converted model: %w", err)
	}
	return info.Size(), c.Artifacts.Put(ctx, c.blob(), f)
}

// reread reads the records that quantization needs.
func (c *conversion) reread(ctx context.Context) (read framework.Reread, err error) {
	if c.key.Quantize == pipeline.NotQuantized {
		return read, nil
	}
	samples := 0
	if c.key.Quantize == pipeline.QuantizeInt8 {
		samples = c.samples
	}
	read.Lacking = "it was trained on no stream that is known here"
	if c.stream.ID != 0 {
		if err := c.tell(ctx, pipeline.ConversionReading); err != nil {
			return read, err
		}
		d := c.stream
		read, err = c.Reread(ctx, pipeline.TrainingJob{
			Result: c.result.ID, Export: c.model.Export, Datasource: d.ID, Ranges: slices.Clone(d.Ranges), InputFormat: d.InputFormat, InputConfig: d.InputConfig,
			ValidationRate: d.ValidationRate, TestRate: d.TestRate,
			ShuffleStream: d.Shuffle, StreamSeed: d.Seed, Split: d.Split, Order: d.Order, TopicIDs: d.TopicIDs,
		}, samples, measured)
		if err != nil {
			return read, fmt.Errorf("read the stream again: %w", err)
		}
	}
	if samples > 0 && read.Samples.Len == 0 {
		return read, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "quantize", Reason: fmt.Sprintf("int8 takes the ranges of values from records of the stream of result %d, and there are none: %s", c.result.ID, read.Lacking),
			Hint: "take float16, which needs no records, or train again on a stream that is in the log",
		}
	}
	return read, nil
}

// tell publishes where the conversion is.
func (c *conversion) tell(ctx context.Context, stage pipeline.ConversionStage) error {
	said := pipeline.Converting{Result: c.result}
	said.Conversion.FormatKey, said.Conversion.Stage = c.key, stage
	return c.Store.Do(ctx, func(tx *registry.Tx) error {
		_, err := door.Publish(tx, name, eventing.ResultConverting, c.result.ID, said)
		return err
	})
}

// keepFormat notes what was made in its result, also as an array in C.
func (s *Service) keepFormat(ctx context.Context, tx *registry.Tx, c *conversion, made pipeline.ModelFormat) (*event.Event, error) {
	r, err := tx.Result(c.result.ID)
	if err != nil {
		return nil, err
	}
	if err := s.complete(ctx, c.kind, c.model.Export, &r); err != nil {
		return nil, err
	}
	r.SetFormat(made)
	inC := made
	inC.Name = pipeline.TFLiteC
	inC.Size = framework.CSize(framework.CName(r, made.Quantize), inC, made.Size)
	r.SetFormat(inC)
	if err := tx.UpdateResult(&r); err != nil {
		return nil, err
	}
	return door.Publish(tx, name, eventing.ResultConverted, r.ID, r)
}

// withoutStream says of formats which a model that no stream trained cannot have.
func withoutStream(all []pipeline.ModelFormat) {
	for i, f := range all {
		if f.Quantize == pipeline.QuantizeInt8 && f.Why == "" {
			all[i].Why = "int8 takes the ranges of values from records of the stream that trained the model, and it was imported"
		}
	}
}

// complete lists the formats of a result of an earlier version.
func (s *Service) complete(ctx context.Context, kind framework.Kind, e pipeline.Export, r *pipeline.Result) (err error) {
	if len(r.Formats) == 0 {
		r.Formats, err = kind.Bundle.Have(ctx, s.Artifacts, e, *r)
	}
	return err
}

// noteUnfit notes in a result why its model does not have a format. That it failed
// is logged only: who asked is told the reason.
func (s *Service) noteUnfit(ctx context.Context, id int64, key pipeline.FormatKey, why error) {
	var unfit *pipeline.Error
	if !errors.As(why, &unfit) || unfit.Kind != pipeline.Invalid || unfit.Field != "format" || unfit.Err == nil {
		return
	}
	err := s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, err := tx.Result(id)
		if err != nil || len(r.Formats) == 0 {
			return err
		}
		for _, n := range []string{pipeline.TFLite, pipeline.TFLiteC} {
			r.SetFormat(pipeline.ModelFormat{FormatKey: pipeline.FormatKey{Name: n, Quantize: key.Quantize}, Why: unfit.Err.Error()})
		}
		if err := tx.UpdateResult(&r); err != nil {
			return err
		}
		_, err = door.Publish(tx, name, eventing.ResultConverted, r.ID, r)
		return err
	})
	if err != nil {
		s.Log.WarnContext(ctx, "why a model has no such format was not noted", "result", id, "error", err)
	}
}
