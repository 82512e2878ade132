package features

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	memberWindow = "input_config.window"
	windowHint   = `{"by": "key", "size": 24}, and where wanted "stride", "horizon", "within": "2h", "keys", "static": ["input"]`
)

// The bounds of a window, which comes with a message.
const (
	maxWindow     = 1 << 20 // records of one, and of a stride or a horizon
	maxWindowKeys = 10_000_000
	windowKeys    = 100_000
)

// Window says how the records of a stream become samples of several records: each
// has Size records of one key, one after the other in the order of the stream.
type Window struct {
	Size   int
	Stride int           // from the beginning of a key's window to that of the next, in training
	First  int           // the labels are those of the records First to Last after
	Last   int           // the window's last one
	Within time.Duration // at most, from its first record to its last; 0: any
	Keys   int           // that are kept at once; fewer where they were not asked for and take too much memory

	by     json.RawMessage // a column; nil: the record's key, or with whole, none
	whole  bool            // all records are of one key
	listed bool            // horizon is an array: the label has a size more
	static []string        // inputs of the last record alone, as they are written
	still  []bool          // and by the inputs of the model
	asked  bool            // for so many keys
}

// Whole reports whether all records of the stream are one sequence, whatever
// their keys.
func (w *Window) Whole() bool { return w.whole }

// ByKey reports whether it is the records' keys that tell sequences apart.
func (w *Window) ByKey() bool { return !w.whole && w.by == nil }

// Overlaps reports whether a record can be of several windows.
func (w *Window) Overlaps() bool { return w.Stride < w.Size }

// Ranges reports whether a sample has the labels of several records.
func (w *Window) Ranges() bool { return w.listed }

// late is how many records after a window its last label comes.
func (w *Window) late() int { return max(0, w.Last) }

// Suits refuses ranges that cannot hold a window, and a split by labels that are
// several. A nil Window suits all.
func (w *Window) Suits(ranges []pipeline.Range, by pipeline.SplitBy) error {
	if w == nil {
		return nil
	}
	if w.listed && by == pipeline.SplitLabel {
		return pipeline.Invalidf("split", "a sample has the labels of %d records (horizon), and a stream is split by one", w.Last-w.First+1).WithHint("split it by time, or random")
	}
	records := pipeline.Records(ranges)
	if wants := int64(w.Size + w.late()); records < wants {
		return pipeline.Invalidf(memberWindow+".size", "a window and its label take %d records one after the other, and the stream has %d in all", wants, records).
			WithHint("make windows of fewer records, or announce more of the topic")
	}
	return nil
}

// parseWindow reads the member window, nil where nothing is said.
func parseWindow(raw json.RawMessage) (*Window, error) {
	if !said(raw) {
		return nil, nil
	}
	w := &Window{Stride: 1, Keys: windowKeys, whole: true}
	members := map[string]func(json.RawMessage) error{
		"by":      w.takeBy,
		"size":    wholeNumber("size", &w.Size, 1, maxWindow),
		"stride":  wholeNumber("stride", &w.Stride, 1, maxWindow),
		"keys":    w.takeKeys,
		"horizon": w.takeHorizon,
		"within":  w.takeWithin,
		"static":  w.takeStatic,
	}
	if bytes.TrimSpace(raw)[0] != '{' {
		return nil, pipeline.Invalidf(memberWindow, "is %s, and not an object", clip(raw)).WithHint("%s", windowHint)
	}
	err := codec.Members(raw, func(name, value []byte) error {
		take, known := members[string(name)]
		if !known {
			return pipeline.Invalidf(memberWindow, "has no member %q", name).WithHint("%s", windowHint)
		}
		if string(value) == "null" {
			return nil
		}
		return take(value)
	})
	if err != nil {
		return nil, asRefusal(memberWindow, err)
	}
	if w.Size == 0 {
		return nil, pipeline.Invalidf(memberWindow+".size", "is missing").WithHint("say how many records make a window, as in %s", windowHint)
	}
	if w.First <= -w.Size {
		return nil, pipeline.Invalidf(memberWindow+".horizon", "%d is before the window's first record, which is %d from its last", w.First, 1-w.Size).
			WithHint("give a number from %d: 0 is the label of the window's last record, 1 that of the next", 1-w.Size)
	}
	return w, nil
}

// wholeNumber takes a member that is one.
func wholeNumber(name string, into *int, least, most int) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var n int
		if json.Unmarshal(raw, &n) != nil || n < least || n > most {
			return pipeline.Invalidf(memberWindow+"."+name, "%s is not a whole number from %d to %d", clip(raw), least, most).WithHint("as in %s", windowHint)
		}
		*into = n
		return nil
	}
}

func (w *Window) takeKeys(raw json.RawMessage) error {
	w.asked = true
	return wholeNumber("keys", &w.Keys, 1, maxWindowKeys)(raw)
}

func (w *Window) takeBy(raw json.RawMessage) error {
	w.whole = false
	if string(raw) == `"key"` {
		return nil
	}
	var err error
	w.by, err = asWord(memberWindow+".by", `name what tells sequences apart: "key", the path of a field, or {"from": "header", "path": "device"}`, raw)
	return err
}

func (w *Window) takeHorizon(raw json.RawMessage) error {
	one := wholeNumber("horizon", &w.First, -maxWindow, maxWindow)
	if raw[0] != '[' {
		err := one(raw)
		w.Last = w.First
		return err
	}
	var both []int
	if json.Unmarshal(raw, &both) != nil || len(both) != 2 || both[0] > both[1] || both[0] < -maxWindow || both[1] > maxWindow {
		return pipeline.Invalidf(memberWindow+".horizon", "%s is neither a number of records nor the first and the last of several", clip(raw)).
			WithHint("1 takes the label of the record after the window, [1, 12] those of the next twelve, [-23, 0] one for each record of a window of 24")
	}
	w.First, w.Last, w.listed = both[0], both[1], true
	return nil
}

func (w *Window) takeWithin(raw json.RawMessage) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return pipeline.Invalidf(memberWindow+".within", "%s is not a span of time", clip(raw)).WithHint(`write a number with its unit: "2h", "7d", "90 minutes"`)
	}
	var err error
	w.Within, err = pipeline.ParseSpan(memberWindow+".within", text)
	return err
}

func (w *Window) takeStatic(raw json.RawMessage) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		w.static = []string{one}
		return nil
	}
	if json.Unmarshal(raw, &w.static) != nil {
		return pipeline.Invalidf(memberWindow+".static", "%s is not a list of inputs", clip(raw)).
			WithHint(`name the inputs that take the values of the window's last record alone: ["site"]`)
	}
	return nil
}

// steps is what a model wants of one record, where it wants so many of a sample.
func (w *Window) steps(b codec.Binding) (codec.Binding, error) {
	if w == nil {
		return b, nil
	}
	if err := w.findStatic(b.Inputs); err != nil {
		return b, err
	}
	inputs := slices.Clone(b.Inputs)
	for i := range inputs {
		if w.still[i] {
			continue
		}
		if err := w.step(&inputs[i]); err != nil {
			return b, err
		}
	}
	b.Inputs = inputs
	if !w.listed {
		return b, nil
	}
	b.Labels = slices.Clone(b.Labels)
	for i := range b.Labels {
		t, n := &b.Labels[i], w.Last-w.First+1
		if len(t.Shape) == 0 || t.Shape[0] >= 0 && t.Shape[0] != n {
			return b, pipeline.Invalidf(memberWindow+".horizon", "[%d, %d] gives the labels of %d records, and label %q of the model is %s", w.First, w.Last, n, t.Name, sizes(t.Shape)).
				WithHint("the first size of the model's label is the number of records: name as many, or one record by a number alone")
		}
		t.Shape = t.Shape[1:]
	}
	return b, nil
}

// step takes the size of the window off an input's shape.
func (w *Window) step(t *pipeline.Tensor) error {
	const member = memberWindow + ".size"
	switch {
	case len(t.Shape) == 0:
		return pipeline.Invalidf(memberWindow, "a window is %d records, and input %q of the model is one value", w.Size, t.Name).
			WithHint(`an input of the window's last record alone is named in "static": [%q]`, t.Name)
	case t.Shape[0] >= 0 && t.Shape[0] != w.Size:
		return pipeline.Invalidf(member, "a window is %d records, and input %q of the model takes %d (%s)", w.Size, t.Name, t.Shape[0], sizes(t.Shape)).
			WithHint(`make windows of "size": %d, or name an input that takes the window's last record alone in "static": [%q]`, t.Shape[0], t.Name)
	}
	step := *t
	step.Shape = t.Shape[1:]
	*t = step
	return nil
}

// findStatic finds the inputs that static names.
func (w *Window) findStatic(inputs []pipeline.Tensor) error {
	w.still = make([]bool, len(inputs))
	for _, name := range w.static {
		at := slices.IndexFunc(inputs, func(t pipeline.Tensor) bool {
			return t.Name == name || codec.AvroName(t.Name) == name || t.SignatureName() == name
		})
		if at < 0 {
			return pipeline.Invalidf(memberWindow+".static", "the model has no input %q", name).WithHint("its inputs are %s", namesOf(inputs))
		}
		w.still[at] = true
	}
	if len(inputs) > 0 && !slices.Contains(w.still, false) {
		return pipeline.Invalidf(memberWindow+".static", "leaves no input that takes a window").WithHint("leave window out where each record is a sample")
	}
	return nil
}

// inputs are the tensors of windows of records that have such tensors.
func (w *Window) inputs(steps []codec.Tensor) []codec.Tensor {
	if w == nil {
		return steps
	}
	all := slices.Clone(steps)
	for i := range all {
		if !w.still[i] {
			all[i] = several(all[i], w.Size)
		}
	}
	return all
}

// labels are the tensors of the labels of windows.
func (w *Window) labels(steps []codec.Tensor) []codec.Tensor {
	if w == nil || !w.listed {
		return steps
	}
	all := slices.Clone(steps)
	for i := range all {
		all[i] = several(all[i], w.Last-w.First+1)
	}
	return all
}

// several is a tensor of n records. Its elements are named by no field.
func several(t codec.Tensor, n int) codec.Tensor {
	return codec.Tensor{Name: t.Name, DType: t.DType, Shape: append([]int{n}, t.Shape...)}
}

// hinted says of a refusal that shapes are those of one record.
func (w *Window) hinted(err error) error {
	var refusal *pipeline.Error
	if w == nil || !errors.As(err, &refusal) || strings.HasPrefix(refusal.Field, memberWindow) || refusal.Field == memberWhere {
		return err
	}
	const note = "with a window the input_config describes one record, not the whole window"
	refusal.Hint = strings.TrimPrefix(refusal.Hint+"; "+note, "; ")
	return err
}

// instead is that records that fill but a part of an input may be meant as those of
// a window, where none is asked for; empty where they cannot be.
func (w *Window) instead(t *target, values int) string {
	shape := t.tensor.Shape
	if w != nil || t.member != memberInputs || len(shape) == 0 || shape[0] < 2 || values*shape[0] != t.tensor.Elements() {
		return ""
	}
	return fmt.Sprintf(`; where %d records of a key are one sample, ask for windows of them: "window": {"by": "key", "size": %d}`, shape[0], shape[0])
}

// sizes writes a shape for errors: 24x3, ?x3.
func sizes(shape []int) string {
	if len(shape) == 0 {
		return "one value"
	}
	var all []string
	for _, n := range shape {
		size := "?"
		if n >= 0 {
			size = fmt.Sprint(n)
		}
		all = append(all, size)
	}
	return strings.Join(all, "x")
}

// windowKey compiles the column that tells the keys of windows, if one does.
func (b *builder) windowKey(w *Window) ([]target, error) {
	if w == nil || w.by == nil {
		return nil, nil
	}
	t := target{member: memberWindow + ".by", tensor: codec.Tensor{Name: "by", DType: codec.String}}
	if err := b.columns(&t, w.by); err != nil {
		return nil, err
	}
	switch c := &t.columns[0]; {
	case c.from == fromTimestamp:
		return nil, pipeline.Invalidf(t.member, "a timestamp tells no sequences apart").WithHint(`name a field, "key", or a header; leave it out where all records are one sequence`)
	case c.maskName != "":
		return nil, pipeline.Invalidf(t.member, "takes no mask").WithHint(`give a text that stands for a missing value ("missing": "none"), or skip such records (on_bad: "skip")`)
	}
	return []target{t}, nil
}
