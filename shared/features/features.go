// Package features turns records into the tensors of a model by the mapping that
// an input_config states: which path of a record, or which other part of it,
// fills which input, what stands for a value that is missing, which records are
// left out. Training, previews and serving use the same Decoder, so that a model
// sees in production what it was trained on.
//
// An input_config without such members is read by the decoders of shared/codec
// alone, which is as fast as they are. Records are untrusted: a malformed one is
// an error, never a panic.
package features

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// ErrLeftOut is that a record is none of those that where keeps.
var ErrLeftOut = errors.New("where of the input_config leaves the record out")

// Decoder turns records of one format into the tensors of one model. Any number
// of goroutines may use it at once.
type Decoder struct {
	inputs, labels []codec.Tensor // of one record
	raw            bool
	window         *Window  // nil where a record is a sample
	by             []target // the column that tells the keys of windows, if one does
	// plain reads what is not mapped: inputs, labels or both; nil where all is.
	plain      *codec.Decoder
	mapped     []target // of the inputs; nil where plain reads them
	mappedTo   []target // of the labels; nil where plain reads them, or there are none
	value, key codec.FieldReader
	counts     [2]int // of fields of value and key
	join       *Join  // where the label comes from another topic
	filter     *filter
	bad        Tolerance
	means      map[string][]float64
	expects    map[string]map[string]int // of inputs, by field: values that it brings
	serves     bool                      // means and expects are what is known of them
	states     sync.Pool                 // of *state
}

// state is what decoding one record takes.
type state struct {
	record     *stream.Record
	value, key []codec.Field
	scratch    [2]codec.Scratch
	writers    []writer
	where      variables
}

// members are those of an input_config that this package knows.
type members struct {
	Inputs     json.RawMessage `json:"inputs"`
	Label      json.RawMessage `json:"label"`
	Where      json.RawMessage `json:"where"`
	OnBad      json.RawMessage `json:"on_bad"`
	Window     json.RawMessage `json:"window"`
	LabelField json.RawMessage `json:"label_field"`
	Weight     json.RawMessage `json:"sample_weight"`
}

// Option changes how a Decoder reads.
type Option func(*Decoder)

// WithLearned gives what a training has learned of its stream: what stands for missing
// values whose mean is wanted, which without it, as in training, are NaN; and how many
// values each field brings, which without it the first record says.
func WithLearned(of pipeline.Learned) Option {
	return func(d *Decoder) { d.means, d.expects, d.serves = of.Means, of.Lengths, true }
}

// Maps reports whether an input_config names inputs or label by a mapping.
func Maps(config json.RawMessage) bool {
	var m members
	return json.Unmarshal(config, &m) == nil && (said(m.Inputs) || said(m.Label))
}

// Windowed reports whether an input_config asks for windows: shapes that it states
// are then those of one record.
func Windowed(config json.RawMessage) bool {
	var m members
	return json.Unmarshal(config, &m) == nil && said(m.Window)
}

// ForServing is an input_config without what only a training takes: where the
// label is, and what to do about records at fault.
func ForServing(config json.RawMessage) json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(config, &all) != nil {
		return config
	}
	n := len(all)
	delete(all, "label")
	delete(all, "on_bad")
	if len(all) == n {
		return config
	}
	plain, err := json.Marshal(all)
	if err != nil {
		return config
	}
	return plain
}

// New binds a format and its input_config to a model. What cannot be is refused
// by the member at fault, with what there is instead where that is known.
func New(format pipeline.Format, config json.RawMessage, b codec.Binding, options ...Option) (*Decoder, error) {
	d := &Decoder{raw: format == pipeline.RAW}
	for _, o := range options {
		o(d)
	}
	var m members
	if len(config) > 0 {
		_ = json.Unmarshal(config, &m) // what is no object, the formats refuse
	}
	if said(m.Weight) {
		return nil, pipeline.Invalidf("input_config.sample_weight", "records are not weighed: each counts the same").
			WithHint("weigh classes by class_weight of training_kwargs, or send a record as often as it is to count")
	}
	var err error
	if d.bad, err = parseTolerance(m.OnBad); err != nil {
		return nil, err
	}
	if len(m.Label) == 0 && len(m.Inputs) > 0 && len(b.Labels) == 1 {
		m.Label = m.LabelField // beside mapped inputs it is a path, too
	}
	if d.window, err = parseWindow(m.Window); err != nil {
		return nil, err
	}
	if b, err = d.window.steps(b); err != nil {
		return nil, err
	}
	build := &builder{format: format}
	if err := d.bind(build, m, config, b); err != nil {
		return nil, d.window.hinted(err)
	}
	d.states.New = func() any {
		return &state{value: make([]codec.Field, d.counts[0]), key: make([]codec.Field, d.counts[1])}
	}
	if err := d.hasMeans(); err != nil {
		return nil, err
	}
	if d.serves {
		d.Expect(d.expects)
	}
	if err := d.bounded(b); err != nil {
		return nil, err
	}
	return d, d.open(build, config, b)
}

// bind takes what the members say, and has the format read the rest.
func (d *Decoder) bind(build *builder, m members, config json.RawMessage, b codec.Binding) error {
	rest, err := d.compile(build, m, config, b)
	if err != nil {
		return err
	}
	if len(rest.Inputs)+len(rest.Labels) > 0 {
		if d.plain, err = codec.New(build.format, config, rest); err != nil {
			return err
		}
	}
	if d.by, err = build.windowKey(d.window); err != nil {
		return err
	}
	d.unmapped()
	return nil
}

// hasMeans refuses to serve what no training has computed the means for.
func (d *Decoder) hasMeans() error {
	for _, i := range d.Averaged() {
		t := &d.mapped[i].tensor
		if d.serves && len(d.means[t.Name]) != t.Elements() {
			return pipeline.Invalidf(memberInputs, "the mean of the training split is to stand for missing values of %q, and the result was trained without", t.Name).
				WithHint("give a constant, or serve a result that was trained with this input_config")
		}
	}
	return nil
}

// compile takes what the members say, and gives what they leave to the format.
func (d *Decoder) compile(build *builder, m members, config json.RawMessage, b codec.Binding) (rest codec.Binding, err error) {
	rest = b
	if said(m.Inputs) {
		if d.mapped, err = build.inputs(m.Inputs, b.Inputs); err != nil {
			return rest, err
		}
		d.inputs, rest.Inputs = tensorsOf(d.mapped), nil
	}
	if joins(m.Label) && len(b.Labels) > 0 {
		if d.join, err = newJoin(build.format, config, m.Label, b); err != nil {
			return rest, err
		}
		d.labels, rest.Labels = d.join.label.labels, nil
	} else if said(m.Label) && len(b.Labels) > 0 {
		if d.mappedTo, err = build.labels(m.Label, b.Labels); err != nil {
			return rest, err
		}
		d.labels, rest.Labels = tensorsOf(d.mappedTo), nil
	}
	if said(m.Where) {
		d.filter, err = build.filter(m.Where)
	}
	return rest, err
}

// said reports whether a member of an input_config says something.
func said(raw json.RawMessage) bool {
	text := string(raw)
	return text != "" && text != "null" && text != `""`
}

// unmapped takes the tensors that are read without a mapping.
func (d *Decoder) unmapped() {
	if d.mapped == nil {
		d.inputs = d.plain.Inputs()
	}
	if d.mappedTo == nil && d.join == nil && d.plain != nil {
		d.labels = d.plain.Labels()
	}
}

// open makes the readers of the fields that are wanted.
func (d *Decoder) open(build *builder, config json.RawMessage, b codec.Binding) (err error) {
	d.counts = [2]int{len(build.value), len(build.key)}
	if len(build.value) > 0 {
		if d.value, err = codec.NewFields(build.format, config, codec.Value, build.value, b.Registry); err != nil {
			return err
		}
	}
	if len(build.key) > 0 {
		if d.key, err = keyFields(build, config, b.Registry); err != nil {
			return err
		}
	}
	framed := build.format == pipeline.AVRO && d.value != nil && d.value.Kinds() == nil
	for _, of := range [][]target{d.mapped, d.mappedTo, d.by} {
		for i := range of {
			if err := of[i].suits(d.value, framed, d.window); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyFields reads keys: by the format where it has fields, else as text.
func keyFields(build *builder, config json.RawMessage, registry bool) (codec.FieldReader, error) {
	whole := true
	for _, p := range build.key {
		whole = whole && len(p) == 0
	}
	format := build.format
	if whole && (format == pipeline.RAW || format == pipeline.TelegrafJSON) {
		format = pipeline.JSON // which takes any key
	}
	return codec.NewFields(format, config, codec.Key, build.key, registry)
}

// ForTraining is New for records that are to train a model, as codec.ForTraining.
func ForTraining(format pipeline.Format, config json.RawMessage, e pipeline.Export, registry bool) (*Decoder, error) {
	d, err := New(format, config, codec.Binding{Inputs: e.Inputs, Labels: e.Labels, Registry: registry})
	var refusal *pipeline.Error
	if errors.As(err, &refusal) && strings.HasPrefix(refusal.Field, memberLabel) {
		own := refusal.Field == memberLabel || strings.HasPrefix(refusal.Field, memberLabel+".") // of a mapping, whose hints say more
		if hint := codec.LabelHint(e); hint != "" && (refusal.Hint == "" || !own) {
			refusal.Hint = hint
		}
	}
	return d, err
}

// Inputs are the tensors of a sample, in the model's input order: of one record,
// which Sample fills, or with a window of as many records as it has.
func (d *Decoder) Inputs() []codec.Tensor { return d.window.inputs(d.inputs) }

// Labels are the tensors of a sample's label, in the model's label order; none for
// inference.
func (d *Decoder) Labels() []codec.Tensor { return d.window.labels(d.labels) }

// Step are the tensors of one record, which Sample and Record fill: without a
// window those of Inputs and Labels.
func (d *Decoder) Step() (inputs, labels []codec.Tensor) { return d.inputs, d.labels }

// Window is what the input_config says of windows, nil where it says nothing.
func (d *Decoder) Window() *Window { return d.window }

// Join is nil unless the label comes from another topic: Record then leaves the
// labels as they are.
func (d *Decoder) Join() *Join { return d.join }

// Tolerance is what on_bad says.
func (d *Decoder) Tolerance() Tolerance { return d.bad }

// Raw reports whether records are the bytes of their numbers, which do not tell the
// type of these.
func (d *Decoder) Raw() bool { return d.raw }

// Filters reports whether records may be left out.
func (d *Decoder) Filters() bool { return d.filter != nil }

// Mapped reports whether a mapping reads the inputs.
func (d *Decoder) Mapped() bool { return d.mapped != nil }

// Classes are the texts that a mapped label is numbered from, by their numbers;
// nil where it is none.
func (d *Decoder) Classes() []string {
	if len(d.mappedTo) != 1 || len(d.mappedTo[0].columns) != 1 {
		return nil
	}
	return d.mappedTo[0].columns[0].classNames()
}

// lengths are those of the inputs that need to be checked.
func (d *Decoder) lengths() (all []*codec.Lengths) {
	if d.plain != nil {
		all = append(all, d.plain.Lengths())
	}
	for i := range d.mapped {
		all = append(all, d.mapped[i].lengths)
	}
	return slices.DeleteFunc(all, func(l *codec.Lengths) bool { return l == nil })
}

// Lengths are how many values each field brings, by input and field, of inputs that
// several fields fill and where the records have said so; nil where there are none.
func (d *Decoder) Lengths() map[string]map[string]int {
	all := map[string]map[string]int{}
	for _, l := range d.lengths() {
		l.AddTo(all)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// Unheld are the inputs of fields that may be longer and shorter than in the training:
// it did not learn their lengths. By their names, with the fields of each.
func (d *Decoder) Unheld() map[string][]string {
	all := map[string][]string{}
	for _, l := range d.lengths() {
		if fields := l.Unknown(); fields != nil {
			all[l.Tensor()] = fields
		}
	}
	return all
}

// Expect holds records against what others have said, as Lengths gave it.
func (d *Decoder) Expect(lengths map[string]map[string]int) {
	for _, l := range d.lengths() {
		l.Expect(lengths[l.Tensor()])
	}
}

// Averaged are the places among Inputs of those in which NaN stands for a missing
// value whose mean is wanted: a mean for each element of one record.
func (d *Decoder) Averaged() []int {
	var all []int
	for i := range d.mapped {
		if d.mapped[i].averaged {
			all = append(all, i)
		}
	}
	return all
}
