package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/inspect"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

const (
	lookDefault = 100
	lookMost    = 1000
	lookBytes   = 16 << 20 // of all records of a sample
	lookShown   = 50
)

// Look is the answer of GET /topics/{topic}.
type Look struct {
	Topic
	inspect.Report
	Items    []Looked          `json:"items" nullable:"false" description:"the newest of the records, as they can be read"`
	Proposal *inspect.Proposal `json:"proposal,omitempty" description:"how a deployment's model might take them"`
}

// Looked is a record of a topic.
type Looked struct {
	Partition int       `json:"partition"`
	Offset    int64     `json:"offset"`
	Time      time.Time `json:"time"`
	Headers   []string  `json:"headers,omitempty" description:"their names"`
	inspect.Shown
}

// lookAt serves GET /topics/{topic}: what the newest records of a topic are.
// With ?deployment= it proposes how its models might take them.
func (s *Service) lookAt(w http.ResponseWriter, r *http.Request) {
	answer, err := s.looks(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, answer)
}

func (s *Service) looks(r *http.Request) (l Look, err error) {
	limit, err := door.Number(r, "limit", int64(lookDefault), 1, lookMost)
	if err != nil {
		return l, err
	}
	var export *pipeline.Export
	if r.URL.Query().Has("deployment") {
		id, err := door.QueryID(r, "deployment")
		if err != nil {
			return l, err
		}
		_, e, err := s.models(r.Context(), id)
		if err != nil {
			return l, err
		}
		export = &e
	}
	a, err := s.about(r.Context(), r.PathValue("topic"))
	if err != nil {
		return l, err
	}
	if l, err = s.look(r.Context(), a, limit); err != nil || export == nil {
		return l, err
	}
	proposal := inspect.Propose(l.Report, *export)
	l.Proposal = &proposal
	return l, nil
}

func (s *Service) look(ctx context.Context, a stream.About, limit int64) (l Look, err error) {
	var sample []inspect.Record
	bytes := 0
	err = s.newestOf(ctx, a, limit, func(r stream.Record) error {
		if bytes += len(r.Key) + len(r.Value); bytes > lookBytes {
			return errEnough
		}
		r = r.Clone()
		sample = append(sample, inspect.Record{Key: r.Key, Value: r.Value})
		item := Looked{Partition: r.Partition, Offset: r.Offset, Time: r.Time}
		for _, h := range r.Headers {
			item.Headers = append(item.Headers, h.Key)
		}
		l.Items = append(l.Items, item)
		return nil
	})
	if err != nil {
		return l, err
	}
	var known inspect.Schemas
	if s.Schemas != nil {
		known = func(id uint32) (codec.Schema, error) { return s.Schemas.Schema(ctx, id) }
	}
	l.Topic, l.Report = topicOf(a), inspect.Look(sample, known)
	for i := range l.Items {
		l.Items[i].Shown = l.Shown[i]
	}
	slices.SortStableFunc(l.Items, func(a, b Looked) int { return b.Time.Compare(a.Time) })
	l.Items = append([]Looked{}, l.Items[:min(len(l.Items), lookShown)]...)
	return l, nil
}

// TryForm is the body of POST /topics/{topic}/preview.
type TryForm struct {
	Deployment int64           `json:"deployment" example:"1" description:"deployment whose models are to take the records"`
	Format     pipeline.Format `json:"input_format" example:"JSON"`
	Config     json.RawMessage `json:"input_config,omitempty" types:"object,null"`
	Since      string          `json:"since,omitempty" description:"of the records from this time on, as a datasource is made of them; the newest ones where neither is given"`
	Until      string          `json:"until,omitempty" description:"of the records before this time"`
	Ranges     []Span          `json:"ranges,omitempty" description:"of these records, in place of times"`
	Limit      int             `json:"limit,omitempty" minimum:"1" maximum:"200" description:"records to show (default: 5)"`
	Batch      int             `json:"batch,omitempty" minimum:"0" maximum:"32" description:"records to give as a batch, for POST /models/{id}/try (default: none)"`
}

// Span is a run of records of one partition of the topic.
type Span struct {
	Partition int   `json:"partition" minimum:"0"`
	Offset    int64 `json:"offset" minimum:"0"`
	Length    int64 `json:"length" minimum:"1"`
}

// Tried is the answer of POST /topics/{topic}/preview.
type Tried struct {
	Preview
	Tried  int64  `json:"tried" description:"records that were decoded, or could not be"`
	Failed int64  `json:"failed" description:"of them, those that could not be decoded"`
	First  string `json:"first,omitempty" description:"the first of these: its place, and why"`
	Fatal  bool   `json:"fatal,omitempty" description:"a training on them would fail: on_bad of the input_config does not take so many"`

	Joined *pipeline.Joined `json:"joined,omitempty" nullable:"false" description:"what became of labels that come later, on another topic, among the newest 20,000 of both"`

	Batch  *pipeline.Batch `json:"batch,omitempty" nullable:"false" description:"some of the records as a model takes them: the first of each partition, and those of the smallest and the largest numbers; absent where none was asked for, or one record is too large"`
	Models []Trainee       `json:"models" nullable:"false" description:"the models of the deployment, each with the version that it trains"`
}

// Trainee is a model of a deployment.
type Trainee struct {
	Model   int64  `json:"model"`
	Version int    `json:"version"`
	Name    string `json:"name"`
}

// tryOut serves POST /topics/{topic}/preview: the newest records of a topic as
// the tensors of a deployment's models, as a training would read them. Nothing
// is kept, sent or trained.
func (s *Service) tryOut(w http.ResponseWriter, r *http.Request) {
	t, err := s.try(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, t)
}

func (s *Service) try(r *http.Request) (t Tried, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), previewTime)
	defer cancel()
	r = r.WithContext(ctx)
	form := TryForm{Limit: 5}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &form)
	}
	if err != nil {
		return t, pipeline.Invalidf("body", "%v", err).WithHint(`send {"deployment": 1, "input_format": "JSON", "input_config": {...}}`)
	}
	if form.Limit < 1 || form.Limit > previewMost {
		return t, pipeline.Invalidf("limit", "%d is not from 1 to %d", form.Limit, previewMost)
	}
	if form.Batch < 0 || form.Batch > pipeline.MostTried {
		return t, pipeline.Invalidf("batch", "%d is not from 0 to %d", form.Batch, pipeline.MostTried)
	}
	if len(form.Ranges) > previewRanges {
		return t, pipeline.Invalidf("ranges", "names %d ranges, a preview takes %d", len(form.Ranges), previewRanges).
			WithHint("name the first of them, or a time by since and until")
	}
	_, export, err := s.models(r.Context(), form.Deployment)
	if err != nil {
		return t, err
	}
	if t.Models, err = s.trainees(r.Context(), form.Deployment); err != nil {
		return t, err
	}
	decoder, err := features.ForTraining(form.Format, form.Config, export, s.Schemas != nil)
	if err != nil {
		return t, err
	}
	a, err := s.about(r.Context(), r.PathValue("topic"))
	if err != nil {
		return t, err
	}
	release, err := s.room(r.Context(), decoder)
	if err != nil {
		return t, err
	}
	defer release()
	p := newPreviewer(decoder, s.Schemas, form.Limit)
	most := int64(countedRecords)
	if decoder.Join() != nil {
		if err := s.learn(r.Context(), p, form, &t); err != nil {
			return t, err
		}
		most = joinedRecords
	}
	p.checks = features.NewChecks(export, decoder)
	if form.Batch > 0 {
		p.sampler = newSampler(decoder, form.Batch, a.Partitions)
	}
	err = s.some(r.Context(), a, form, most, func(record stream.Record) error {
		fault, err := p.take(r.Context(), record)
		t.took(record, fault, "")
		return err
	})
	p.finish()
	t.Preview, t.Batch, t.Fatal = p.Preview, p.sampler.batch(), fatal(decoder.Tolerance(), t.Tried, t.Failed)
	return t, err
}

// learn reads the labels that come later, on another topic.
func (s *Service) learn(ctx context.Context, p *previewer, form TryForm, t *Tried) error {
	j := newJoined(p.decoder.Join(), s.Schemas)
	a, err := s.about(ctx, j.Topic)
	if err != nil {
		var refusal *pipeline.Error
		if errors.As(err, &refusal) && refusal.Field == "topic" {
			refusal.Field = "input_config.label.topic"
		}
		return err
	}
	_, labels := p.decoder.Step()
	size := labels[0].Bytes()
	err = s.some(ctx, a, TryForm{Since: form.Since, Until: form.Until}, joinedRecords, func(r stream.Record) error {
		fault, err := j.learn(ctx, r, size)
		if fault != nil {
			t.took(r, fault, "topic "+j.Topic+", ")
		}
		return err
	})
	p.joins(j)
	t.Joined = &j.Joined
	return err
}

// took counts a record that was tried; the place of one at fault begins by prefix.
func (t *Tried) took(r stream.Record, fault error, prefix string) {
	t.Tried++
	if fault == nil {
		return
	}
	if t.Failed++; t.First == "" {
		t.First = fmt.Sprintf("%spartition %d, offset %d: %s", prefix, r.Partition, r.Offset, explained(fault))
	}
}

// fatal reports whether so many records at fault, of so many, end a training.
func fatal(t features.Tolerance, tried, failed int64) bool {
	if !t.Skips() {
		return failed > 0
	}
	most := t.Most(0) // 0 where it is a share of all records, which nobody has counted
	return failed > 0 && (failed == tried || most > 0 && failed > most)
}

// some gives records of a topic to each, about most of them: the newest, or of the
// ranges between two times the first and the last of each.
func (s *Service) some(ctx context.Context, a stream.About, form TryForm, most int64, each func(stream.Record) error) error {
	ranges, err := s.ranges(ctx, a, form)
	if err != nil {
		return err
	}
	if ranges == nil {
		return s.newestOf(ctx, a, most, each)
	}
	share := max(1, most/2/int64(len(ranges)))
	for _, r := range ranges {
		ends := []pipeline.Range{r}
		if r.Length > 2*share {
			first, last := r, r
			first.Length, last.Length, last.Offset = share, share, r.Offset+r.Length-share
			ends = []pipeline.Range{first, last}
		}
		for _, end := range ends {
			err := s.Cluster.Read(ctx, end, each)
			if errors.Is(err, errEnough) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// ranges are those that a form names, nil where it names none.
func (s *Service) ranges(ctx context.Context, a stream.About, form TryForm) (all []pipeline.Range, err error) {
	for i, r := range form.Ranges {
		if r.Partition < 0 || r.Partition >= a.Partitions || r.Offset < 0 || r.Length < 1 {
			return nil, pipeline.Invalidf(fmt.Sprintf("ranges.%d", i), "%d:%d:%d is no range of the %d partitions of %s", r.Partition, r.Offset, r.Length, a.Partitions, a.Name)
		}
		all = append(all, pipeline.Range{Topic: a.Name, Partition: r.Partition, Offset: r.Offset, Length: r.Length})
	}
	if all != nil || (form.Since == "" || form.Since == control.Earliest) && form.Until == "" {
		return all, nil
	}
	since, until, err := form.times()
	if err != nil {
		return nil, err
	}
	return s.Cluster.Between(ctx, a.Name, nil, since, until)
}

// times are those between which records are to be tried.
func (f TryForm) times() (since, until time.Time, err error) {
	now := time.Now()
	if f.Since != "" && f.Since != control.Earliest {
		since, err = pipeline.ParseMoment("since", f.Since, now)
	}
	if f.Until != "" && err == nil {
		until, err = pipeline.ParseMoment("until", f.Until, now)
	}
	return since, until, err
}

// trainees are the models of a deployment.
func (s *Service) trainees(ctx context.Context, deployment int64) (all []Trainee, err error) {
	return registry.Read(ctx, s.Store, func(tx *registry.Tx) ([]Trainee, error) {
		page, err := tx.Results(registry.Query{By: map[string]int64{"deployment": deployment}})
		for _, r := range page.Items {
			all = append(all, Trainee{r.Model, r.ModelVersion, r.ModelName})
		}
		return all, err
	})
}
