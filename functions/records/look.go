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
	"github.com/kafkaml/kafkaml/shared/stream"
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
		e, err := s.models(r.Context(), id)
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

// tryForm is the body of POST /topics/{topic}/preview.
type tryForm struct {
	Deployment int64           `json:"deployment" example:"1" description:"deployment whose models are to take the records"`
	Format     pipeline.Format `json:"input_format" example:"JSON"`
	Config     json.RawMessage `json:"input_config,omitempty" types:"object,null"`
	Since      string          `json:"since,omitempty" description:"of the records from this time on, as a datasource is made of them; the newest ones where neither is given"`
	Until      string          `json:"until,omitempty" description:"of the records before this time"`
	Limit      int             `json:"limit,omitempty" minimum:"1" maximum:"200" description:"records to show (default: 5)"`
}

// Tried is the answer of POST /topics/{topic}/preview.
type Tried struct {
	Preview
	Tried  int64  `json:"tried" description:"records that were decoded, or could not be"`
	Failed int64  `json:"failed" description:"of them, those that could not be decoded"`
	First  string `json:"first,omitempty" description:"the first of these: its place, and why"`
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
	form := tryForm{Limit: 5}
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
	export, err := s.models(r.Context(), form.Deployment)
	if err != nil {
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
	p := newPreviewer(decoder, s.Schemas, form.Limit)
	if decoder.Join() == nil {
		p.checks = features.NewChecks(export, decoder)
	}
	err = s.some(r.Context(), a, form, func(record stream.Record) error {
		fault, err := p.take(r.Context(), record)
		if t.Tried++; fault != nil {
			if t.Failed++; t.First == "" {
				t.First = fmt.Sprintf("partition %d, offset %d: %s", record.Partition, record.Offset, explained(fault))
			}
		}
		return err
	})
	p.finish()
	t.Preview = p.Preview
	return t, err
}

// some gives records of a topic to each, at most countedRecords: the newest, or
// of the ranges between two times the first and the last of each.
func (s *Service) some(ctx context.Context, a stream.About, form tryForm, each func(stream.Record) error) error {
	if form.Since == "" && form.Until == "" {
		return s.newestOf(ctx, a, countedRecords, each)
	}
	since, until, err := form.times()
	if err != nil {
		return err
	}
	ranges, err := s.Cluster.Between(ctx, a.Name, nil, since, until)
	if err != nil {
		return err
	}
	share := max(1, countedRecords/2/int64(len(ranges)))
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

// times are those between which records are to be tried.
func (f tryForm) times() (since, until time.Time, err error) {
	now := time.Now()
	if f.Since != "" {
		since, err = pipeline.ParseMoment("since", f.Since, now)
	}
	if f.Until != "" && err == nil {
		until, err = pipeline.ParseMoment("until", f.Until, now)
	}
	return since, until, err
}
