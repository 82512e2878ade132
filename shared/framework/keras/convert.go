package keras

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// opConvert names the process in errors.
const opConvert = "convert the model"

// tfliteFile is what a conversion leaves in its scratch folder.
const tfliteFile = "model.tflite"

// convertRequest is what worker/convert.py reads.
type convertRequest struct {
	Quantize string          `json:"quantize"`
	Inputs   []convertTensor `json:"inputs"`
	Outputs  []convertTensor `json:"outputs"`
	Labels   []convertTensor `json:"labels"`
	Samples  int             `json:"samples"` // records
	Test     int             `json:"test"`    // records
	Task     string          `json:"task"`
	Logits   bool            `json:"logits"`
}

type convertTensor struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"` // of one record, -1 where it is open
	Sizes []int  `json:"sizes"` // of each record that is given
}

// convertReport is what worker/convert.py says.
type convertReport struct {
	Missing   string `json:"missing"`
	Unfit     string `json:"unfit"`
	Converted *struct {
		Inputs  []pipeline.FormatTensor `json:"inputs"`
		Outputs []pipeline.FormatTensor `json:"outputs"`
		Quality *quality                `json:"quality"`
	} `json:"converted"`
}

// quality has numbers as JSON can hold them: "NaN" and the infinities are text.
type quality struct {
	Records    int             `json:"records"`
	Before     json.RawMessage `json:"before"`
	After      json.RawMessage `json:"after"`
	Difference json.RawMessage `json:"difference"`
}

// Convert implements framework.Converter in a fenced child, which loads the graph
// that was verified when the model was registered. What the child leaves is
// copied after its death.
func (w *Worker) Convert(ctx context.Context, c framework.Conversion, path string) (made framework.Converted, err error) {
	if why := kerasmodel.NoTFLite(c.Export); why != "" {
		return made, unfit(c.Form, why)
	}
	lay := func(scratch string) (any, error) { return layConversion(c, scratch) }
	err = w.fork(ctx, lay, func(d *done, code int, err error) error {
		said, err := d.judgeConversion(ctx, code, err, c.Form)
		if err != nil {
			return err
		}
		if made, err = said.checked(c); err != nil {
			return err
		}
		return collectTFLite(d.scratch, path)
	})
	return made, err
}

// layConversion puts the model and the records into a child's scratch folder and
// gives the request.
func layConversion(c framework.Conversion, scratch string) (any, error) {
	if err := os.CopyFS(filepath.Join(scratch, "model"), os.DirFS(filepath.Join(c.Dir, kerasmodel.Trained))); err != nil {
		return nil, fmt.Errorf("%s: %w", opConvert, err)
	}
	r := convertRequest{
		Quantize: string(c.Form.Quantize), Samples: c.Samples.Len, Test: c.Test.Len,
		Task: string(c.Export.Task), Logits: c.Export.Logits,
		Inputs: convertTensors(c.Export.Inputs), Outputs: convertTensors(c.Export.Outputs), Labels: convertTensors(c.Export.Labels),
	}
	for _, part := range []struct {
		name    string
		tensors []convertTensor
		rows    []framework.Rows
	}{{"samples", r.Inputs, c.Samples.Inputs}, {"test", r.Inputs, c.Test.Inputs}, {"labels", r.Labels, c.Test.Labels}} {
		for i, rows := range part.rows {
			part.tensors[i].Sizes = append([]int{}, rows.Shape...)
			if part.name == "labels" { // which are not the model's: cast by who trains
				part.tensors[i].DType = rows.DType.String()
			}
			if err := os.WriteFile(filepath.Join(scratch, fmt.Sprintf("%s.%d", part.name, i)), rows.Data, 0o644); err != nil { // #nosec G306 -- the child reads it
				return nil, fmt.Errorf("%s: %w", opConvert, err)
			}
		}
	}
	return map[string]any{"convert": r}, nil
}

func convertTensors(tensors []pipeline.Tensor) []convertTensor {
	out := make([]convertTensor, len(tensors))
	for i, t := range tensors {
		out[i] = convertTensor{Name: t.SignatureName(), DType: t.DType, Shape: append([]int{}, t.Shape...)}
	}
	return out
}

// judgeConversion turns a dead child's exit code, kill reason and report into
// what it says of the conversion.
func (j *job) judgeConversion(ctx context.Context, code int, err error, form pipeline.FormatKey) (r convertReport, _ error) {
	switch {
	case errors.Is(err, errWall):
		return r, unfit(form, "its conversion took longer than three minutes")
	case errors.Is(err, errRest):
		return r, unfit(form, "its conversion stood still")
	case errors.Is(err, errThreads):
		return r, unfit(form, "its conversion started too many threads")
	case errors.Is(err, errDisk):
		return r, unfit(form, "its conversion wrote too many files")
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err != nil:
		return r, unavailable(err)
	}
	d := json.NewDecoder(io.LimitReader(bytes.NewReader(j.result), maxResult))
	if code != 0 || d.Decode(&r) != nil || r.Missing+r.Unfit == "" && r.Converted == nil {
		return r, unfit(form, "its conversion "+endedBy(code, j.limits))
	}
	if r.Missing != "" {
		return r, unfenced(r.Missing)
	}
	if r.Unfit != "" {
		return r, unfit(form, line(r.Unfit))
	}
	return r, nil
}

// endedBy says how a child ended that did not say what came of it.
func endedBy(code int, l limits) string {
	switch syscall.Signal(-code) {
	case syscall.SIGXCPU:
		return fmt.Sprintf("took more than %d s of processor time", l.CPU)
	case syscall.SIGKILL:
		return "took too much memory or time and was ended"
	case syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS:
		return "crashed: " + syscall.Signal(-code).String()
	}
	return fmt.Sprintf("ended early (exit %d)", code)
}

// unfit is why a model has no such form.
func unfit(form pipeline.FormatKey, why string) *pipeline.Error {
	hint := "download it as SavedModel"
	if form.Quantize != pipeline.NotQuantized {
		hint = "download it without quantize, or as SavedModel"
	}
	return &pipeline.Error{Op: opConvert, Kind: pipeline.Invalid, Field: "format", Reason: "the model cannot be had as " + form.String() + ": " + why, Hint: hint, Err: errors.New(why)}
}

// checked holds what a child says of a conversion within bounds.
func (r convertReport) checked(c framework.Conversion) (out framework.Converted, err error) {
	odd := unfit(c.Form, "its conversion said something odd of it")
	named := func(tensors []pipeline.FormatTensor, want []pipeline.Tensor) bool {
		return len(tensors) == len(want) && !slices.ContainsFunc(tensors, func(t pipeline.FormatTensor) bool {
			_, err := codec.ParseDType(t.DType)
			known := slices.ContainsFunc(want, func(w pipeline.Tensor) bool { return w.SignatureName() == t.Name })
			return err != nil || !known || len(t.Shape) > maxRank+1 || math.IsNaN(t.Scale) || math.IsInf(t.Scale, 0)
		})
	}
	if !named(r.Converted.Inputs, c.Export.Inputs) || !named(r.Converted.Outputs, c.Export.Outputs) {
		return out, odd
	}
	out = framework.Converted{Inputs: r.Converted.Inputs, Outputs: r.Converted.Outputs}
	q := r.Converted.Quality
	if q == nil {
		return out, nil
	}
	if q.Records < 0 || q.Records > c.Test.Len {
		return out, odd
	}
	if q.Records == 0 {
		return out, nil
	}
	out.Quality = &pipeline.Quality{Records: q.Records, Before: numberOf(q.Before), After: numberOf(q.After), Difference: numberOf(q.Difference)}
	switch {
	case q.Before == nil:
	case c.Export.Task == pipeline.Regression:
		out.Quality.Metric = "mean_absolute_error"
	default:
		out.Quality.Metric = "accuracy"
	}
	return out, nil
}

// numberOf is a finite number of a child's, 0 where it is none.
func numberOf(raw json.RawMessage) float64 {
	var v float64
	if json.Unmarshal(raw, &v) != nil {
		return 0
	}
	return v
}

// collectTFLite copies what a dead child has converted to path, and refuses
// what is no TFLite file.
func collectTFLite(scratch, path string) error {
	root, err := os.OpenRoot(scratch)
	if err != nil {
		return unavailable(err)
	}
	defer root.Close()
	err = copyFile(root, tfliteFile, path, maxFile)
	if err == nil {
		err = checkTFLite(path)
	}
	if err != nil {
		return errors.Join(&pipeline.Error{Op: opConvert, Kind: pipeline.Internal, Reason: "the conversion left no usable file", Err: err}, os.RemoveAll(path))
	}
	return nil
}

// checkTFLite refuses a file that is no flatbuffer of TFLite's schema. It does
// not load it.
func checkTFLite(path string) error {
	f, err := os.Open(path) // #nosec G304 -- below a folder of ours
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var head [8]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return fmt.Errorf("it is %d bytes long", info.Size())
	}
	if string(head[4:]) != "TFL3" || int64(binary.LittleEndian.Uint32(head[:])) >= info.Size() {
		return errors.New("it does not begin as a TFLite file does")
	}
	return nil
}
