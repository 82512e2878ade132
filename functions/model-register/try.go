package modelregister

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// try serves POST /models/{id}/try: one training step of a model on a few records,
// before a training is spent on all of them. Nothing of it is kept.
func (s *Service) try(w http.ResponseWriter, r *http.Request) {
	t, err := s.trial(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, t)
}

func (s *Service) trial(r *http.Request) (t pipeline.Trial, err error) {
	id, err := door.PathID(r)
	if err != nil {
		return t, err
	}
	form, err := readTrial(r.Body)
	if err != nil {
		return t, err
	}
	m, err := registry.Read(r.Context(), s.Store, func(tx *registry.Tx) (pipeline.Model, error) {
		if form.Version == 0 {
			return tx.Model(id)
		}
		return tx.ModelVersion(id, form.Version)
	})
	if err != nil {
		return t, err
	}
	if m.Imported != nil {
		return t, pipeline.Invalidf("id", "model %d was imported from %s and has no source to be tried", m.ID, m.Imported.File).
			WithHint("what it gives for a record shows once its result is served")
	}
	builder, source, err := s.builderOf(m)
	if err != nil {
		return t, err
	}
	batch, err := unpack(form.Batch, m.Export)
	if err != nil {
		return t, err
	}
	leave, err := s.building.Enter(r.Context(), bounds.Who(r.Context()))
	if err != nil {
		return t, err
	}
	defer leave()
	got, err := builder.Try(r.Context(), source, batch)
	if err != nil {
		return t, err
	}
	return trialOf(m, got, form.Batch.Records), nil
}

func readTrial(body io.Reader) (form pipeline.TrialForm, err error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return form, err // of the door: too large
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return form, pipeline.Invalidf("body", "%v", err).WithHint(`send {"batch": ...} with the batch that POST /topics/{topic}/preview gives for {"batch": 32, ...}`)
	}
	if n := len(form.Batch.Records); n < 1 || n > pipeline.MostTried {
		return form, pipeline.Invalidf("batch.records", "names %d records, 1 to %d can be tried", n, pipeline.MostTried)
	}
	return form, nil
}

// unpack gives the tensors of a batch as the model takes them.
func unpack(b pipeline.Batch, e pipeline.Export) (out framework.TrialBatch, err error) {
	out.Records = len(b.Records)
	if out.Inputs, err = rows("batch.inputs", b.Inputs, e.Inputs, b.Records); err != nil {
		return out, err
	}
	out.Labels, err = rows("batch.labels", b.Labels, e.Labels, b.Records)
	return out, err
}

func rows(field string, given []pipeline.Packed, wants []pipeline.Tensor, records []pipeline.Place) ([]framework.Rows, error) {
	if len(given) != len(wants) {
		return nil, pipeline.Invalidf(field, "holds %d tensors, the model takes %d", len(given), len(wants))
	}
	out := make([]framework.Rows, len(wants))
	for i, w := range wants {
		var err error
		if out[i], err = cast(given[i], w, records); err != nil {
			var known *pipeline.Error
			if errors.As(err, &known) {
				return nil, err
			}
			return nil, pipeline.Invalidf(field, "%s: %v", w.Name, err)
		}
	}
	return out, nil
}

// cast gives one tensor of a batch in the type that the model wants.
func cast(p pipeline.Packed, want pipeline.Tensor, records []pipeline.Place) (out framework.Rows, err error) {
	from, err := codec.ParseDType(p.DType)
	if err != nil {
		return out, err
	}
	if out.DType, err = codec.ParseDType(want.DType); err != nil {
		return out, err
	}
	if !fits(p.Shape, want.Shape) {
		return out, fmt.Errorf("has the shape %v, the model takes %v", p.Shape, want.Shape)
	}
	if (from == codec.String) != (out.DType == codec.String) {
		return out, fmt.Errorf("holds %s, the model takes %s", from, out.DType)
	}
	out.Shape = p.Shape
	t := codec.Tensor{Name: want.Name, DType: from, Shape: p.Shape}
	left := p.Data
	for _, place := range records {
		var one []byte
		if one, left, err = codec.Cut(t, left, 1); err != nil {
			return out, err
		}
		if from == codec.String {
			out.Data = append(out.Data, one...)
			continue
		}
		room := make([]byte, t.Elements()*out.DType.Size())
		if err := codec.Cast(room, out.DType, one, from); err != nil {
			return out, fmt.Errorf("partition %d, offset %d: %w", place.Partition, place.Offset, err)
		}
		out.Data = append(out.Data, room...)
	}
	if len(left) > 0 {
		return out, fmt.Errorf("%d bytes are left over after %d records", len(left), len(records))
	}
	return out, nil
}

// fits reports whether a shape is one that a model takes.
func fits(shape, want []int) bool {
	if len(shape) != len(want) {
		return false
	}
	const most = 1 << 28 // elements of one record
	total := 1
	for i, n := range shape {
		if n < 1 || n > most/total || want[i] >= 0 && n != want[i] {
			return false
		}
		total *= n
	}
	return true
}

func trialOf(m pipeline.Model, got framework.Trial, records []pipeline.Place) pipeline.Trial {
	t := pipeline.Trial{Model: m.ID, Version: m.Version, Records: len(records), Metrics: got.Metrics, Seconds: got.Seconds}
	if t.Metrics == nil {
		t.Metrics = pipeline.Metrics{}
	}
	for _, a := range m.Adapt {
		t.Adapted = append(t.Adapted, a.Layer)
	}
	if f := got.Fault; f != nil {
		t.Fault = &pipeline.TrialFault{Failing: f.Failing, Tried: f.Tried, Reason: f.Reason, Hint: f.Hint, Field: f.Field, At: f.At}
		if f.Record >= 0 {
			t.Fault.Record = &records[f.Record]
		}
	}
	return t
}
