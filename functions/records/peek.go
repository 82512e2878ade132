package records

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// The bounds of a preview.
const (
	previewDefault  = 24
	previewMost     = 200
	previewElements = 200_000 // numbers in all
	previewText     = 4 << 10 // bytes of one text
	previewTexts    = 1 << 20 // of all texts; those beyond are cut at fewTextBytes
	fewTextBytes    = 100
	countedRecords  = 5_000 // looked at for the count of labels
	countedLabels   = 100   // different ones, above which there is no count
)

// Preview is the answer of GET /datasources/{id}/records.
type Preview struct {
	Inputs  []pipeline.Tensor `json:"inputs" nullable:"false"`
	Labels  []pipeline.Tensor `json:"labels" nullable:"false"`
	Items   []Decoded         `json:"items" nullable:"false" description:"the first records"`
	Counts  map[string]int64  `json:"counts,omitempty" description:"of the labels, where they are few whole numbers"`
	Counted int64             `json:"counted" description:"records that counts is about"`
	Alike   string            `json:"alike,omitempty" description:"what to know where all of these labels are the same"`
	LeftOut int64             `json:"left_out,omitempty" description:"records that where of the input_config leaves out, among those looked at"`
	Windows *pipeline.Windows `json:"windows,omitempty" description:"where the input_config has a window: each item is one, or a record at fault; what became of the records looked at"`
	None    string            `json:"no_window,omitempty" description:"why none of the records looked at make one"`
}

// Decoded is a record as its tensors, or why it is none; or a window, by the record
// that completes it.
type Decoded struct {
	Partition int      `json:"partition"`
	Offset    int64    `json:"offset"`
	Sample    []Values `json:"sample" nullable:"false" description:"of each input, the values one after the other"`
	Label     []Values `json:"label" nullable:"false" description:"of each label"`
	Changed   bool     `json:"changed,omitempty" description:"a text, or an array of more than 200,000 numbers, is shown cut, or a text is not UTF-8 and shown with U+FFFD for each such byte"`
	Error     string   `json:"error,omitempty" description:"why it cannot be decoded"`
}

// peek serves the first records of a datasource's stream, decoded as it
// declares them, and counts the labels of somewhat more.
func (s *Service) peek(w http.ResponseWriter, r *http.Request) {
	id, err := door.PathID(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	limit, err := door.Number(r, "limit", previewDefault, 1, previewMost)
	if err != nil {
		door.Problem(w, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), previewTime)
	defer cancel()
	p, err := s.preview(ctx, id, limit)
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, p)
}

// errEnough ends a read that has seen as much as it needs.
var errEnough = errors.New("enough")

func (s *Service) preview(ctx context.Context, id int64, limit int) (Preview, error) {
	d, binding, err := s.bound(ctx, id)
	if err != nil {
		return Preview{}, err
	}
	for _, r := range d.Ranges {
		if err := s.MayRead.Allow(identity.Of(ctx), "id", r.Topic); err != nil {
			return Preview{}, err
		}
	}
	binding.Registry = s.Schemas != nil
	decoder, err := features.New(d.InputFormat, d.InputConfig, binding)
	if err != nil {
		return Preview{}, err
	}
	release, err := s.room(ctx, decoder)
	if err != nil {
		return Preview{}, err
	}
	defer release()
	p := newPreviewer(decoder, s.Schemas, limit)
	if err := s.Cluster.SameTopics(ctx, d.TopicIDs); err != nil {
		return Preview{}, err
	}
	ranges := d.Ranges
	if j := decoder.Join(); j != nil {
		ranges, _ = j.Parts(ranges)
	}
	for _, g := range ranges {
		err := s.Cluster.Read(ctx, g, func(r stream.Record) error { return p.add(ctx, r) })
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return Preview{}, err
		}
	}
	p.finish()
	return p.Preview, nil
}

// bound reads a datasource and what its records are to be decoded to.
func (s *Service) bound(ctx context.Context, id int64) (d pipeline.Datasource, b codec.Binding, err error) {
	b, err = registry.Read(ctx, s.Store, func(tx *registry.Tx) (b codec.Binding, err error) {
		if d, err = tx.Datasource(id); err != nil {
			return b, err
		}
		if d.Rejected != nil {
			return b, &pipeline.Error{Kind: pipeline.Conflict, Field: "id", Reason: "the datasource was refused: " + d.Rejected.Reason, Hint: d.Rejected.Hint}
		}
		if !features.Maps(d.InputConfig) && !features.Windowed(d.InputConfig) { // else by the names and shapes of the model
			b, err = codec.Declared(d.InputFormat, d.InputConfig)
			if err != nil || b.Inputs != nil {
				return b, err
			}
		}
		e, err := exportOf(tx, d.Deployment)
		return codec.Binding{Inputs: e.Inputs, Labels: e.Labels}, err
	})
	return d, b, err
}

// exportOf is of the first of the models of a deployment; all of them take the
// same.
func exportOf(tx *registry.Tx, deployment int64) (pipeline.Export, error) {
	page, err := tx.Results(registry.Query{By: map[string]int64{"deployment": deployment}, Limit: 1})
	if err != nil {
		return pipeline.Export{}, err
	}
	if len(page.Items) == 0 {
		if d, err := tx.Deployment(deployment); err == nil && d.Study != 0 { // its trials are still to come
			st, err := tx.Study(d.Study)
			if err != nil {
				return pipeline.Export{}, err
			}
			m, err := tx.ModelVersion(st.Models[0].ID, st.Models[0].Version)
			return m.Export, err
		}
		return pipeline.Export{}, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "deployment", Reason: "the deployment that the stream names is not there, so no model says how to read it",
			Hint: "create the deployment, or send the stream again to another one",
		}
	}
	m, err := tx.ModelVersion(page.Items[0].Model, page.Items[0].ModelVersion)
	return m.Export, err
}

// previewer collects a preview record by record.
type previewer struct {
	Preview
	decoder       *features.Decoder
	checks        *features.Checks  // what a training refuses beside; nil where nobody asks
	windows       *features.Windows // nil where each record is a sample
	sampler       *sampler
	joined        *joined // nil where records hold their labels, or nobody looks for those of another topic
	schemas       *schemas.Client
	inputs        [][]byte
	labels        [][]byte
	limit         int
	texts         int // bytes of text that are shown
	countsAreOver bool
}

func newPreviewer(d *features.Decoder, registry *schemas.Client, limit int) *previewer {
	p := &previewer{decoder: d, schemas: registry, Preview: Preview{Items: []Decoded{}, Inputs: []pipeline.Tensor{}, Labels: []pipeline.Tensor{}, Counts: map[string]int64{}}}
	elements := 1
	for _, t := range d.Inputs() {
		p.Inputs, p.inputs = append(p.Inputs, described(t)), append(p.inputs, make([]byte, t.Bytes()))
		elements += weight(t)
	}
	for _, t := range d.Labels() {
		elements += weight(t)
	}
	p.limit = max(1, min(limit, previewElements/elements))
	if d.Window() != nil {
		p.windows = d.NewPreview()
	}
	p.makeRoom()
	return p
}

// joins lets labels come from another topic.
func (p *previewer) joins(j *joined) {
	p.joined = j
	p.makeRoom()
}

// makeRoom makes room for the labels that are shown.
func (p *previewer) makeRoom() {
	for _, t := range p.labelled() {
		p.Labels, p.labels = append(p.Labels, described(t)), append(p.labels, make([]byte, t.Bytes()))
	}
	p.countsAreOver = len(p.labels) != 1 || p.decoder.Labels()[0].Elements() != 1
}

// labelled are the labels that are known of records.
func (p *previewer) labelled() []codec.Tensor {
	if p.decoder.Join() != nil && p.joined == nil {
		return nil
	}
	return p.decoder.Labels()
}

// weight is how many numbers the elements of a tensor count for.
func weight(t codec.Tensor) int {
	const ofText = 100
	if t.DType == codec.String {
		return ofText * t.Elements()
	}
	return t.Elements()
}

func described(t codec.Tensor) pipeline.Tensor {
	return pipeline.Tensor{Name: t.Name, DType: t.DType.String(), Shape: append([]int{}, t.Shape...)}
}

func (p *previewer) add(ctx context.Context, r stream.Record) error {
	if len(p.Items) >= p.limit && (p.countsAreOver || p.Counted >= countedRecords) || p.LeftOut >= countedRecords || p.looked() >= windowRecords {
		return errEnough
	}
	_, err := p.take(ctx, r)
	return err
}

// take shows a record, or the window that it completes, or counts its label, and
// gives why it cannot be decoded. An error is of the registry of schemas.
func (p *previewer) take(ctx context.Context, r stream.Record) (fault, err error) {
	complete := false
	fault = p.schemas.Decode(ctx, func() (err error) {
		complete, err = p.decode(ctx, &r)
		return err
	}, schemas.Patience{})
	if pipeline.KindOf(fault) == pipeline.Unavailable {
		return nil, fault
	}
	switch {
	case errors.Is(fault, features.ErrUnlabelled): // counted by joined; it may be a step of a window
		fault = nil
	case errors.Is(fault, features.ErrLeftOut):
		p.LeftOut++
		return nil, nil
	}
	if (fault != nil || complete) && len(p.Items) < p.limit {
		p.append(r, fault)
	}
	if complete {
		p.count()
		p.sampler.add(r, p.inputs, p.labels)
	}
	return fault, nil
}

// decode reports whether inputs and labels now hold a sample.
func (p *previewer) decode(ctx context.Context, r *stream.Record) (complete bool, err error) {
	if p.windows != nil {
		return p.step(ctx, r)
	}
	if err = p.decoder.Record(p.inputs, p.labels, r); err != nil {
		return false, err
	}
	if err := p.find(ctx, p.labels, r); err != nil {
		return false, err
	}
	if p.checks != nil {
		err = p.checks.Record(p.inputs, p.labels, p.keyOf(r))
	}
	return err == nil, err
}

// find looks for the label of a record on another topic, if it comes from one.
func (p *previewer) find(ctx context.Context, labels [][]byte, r *stream.Record) error {
	if p.joined == nil {
		return nil
	}
	return p.joined.find(ctx, labels, *r)
}

// keyOf is the key that may hold the label, nil where the label comes from elsewhere.
func (p *previewer) keyOf(r *stream.Record) []byte {
	if p.joined != nil {
		return nil
	}
	return r.Key
}

// explained is why a record cannot be decoded, with what to do.
func explained(fault error) string {
	if hint := codec.Hint(fault); hint != "" {
		return fault.Error() + ": " + hint
	}
	return fault.Error()
}

func (p *previewer) append(r stream.Record, fault error) {
	item := Decoded{Partition: r.Partition, Offset: r.Offset, Sample: []Values{}, Label: []Values{}}
	if fault != nil {
		item.Error = explained(fault)
	} else {
		item.Sample, item.Label = p.values(&item, p.decoder.Inputs(), p.inputs), p.values(&item, p.labelled(), p.labels)
	}
	p.Items = append(p.Items, item)
}

// count counts a label, until there are too many different ones or one is not
// whole: then they are no classes.
func (p *previewer) count() {
	if p.countsAreOver {
		return
	}
	label := p.decoder.Labels()[0]
	all, err := codec.Floats(p.labels[0], label.DType)
	if err != nil { // labels are numbers
		p.countsAreOver = true
		return
	}
	v := all[0]
	if v != math.Trunc(v) || len(p.Counts) > countedLabels {
		p.Counts, p.countsAreOver, p.Counted = nil, true, 0
		return
	}
	p.Counted++
	p.Counts[strconv.FormatFloat(v, 'f', -1, 64)]++
}
