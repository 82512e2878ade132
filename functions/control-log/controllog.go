// Package controllog is the step that reads the control topic. Each control
// message becomes a datasource: where a stream lies in the log, in which
// format, how to split it. A message that cannot be used becomes a datasource,
// too, with the reason, so that a person sees it, and never stops the topic.
//
// A datasource is committed before it is announced to deploy-training, and the
// record is done once it was. A record that comes again finds its datasource by
// its place in the log and announces it again.
package controllog

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// Deps is what the step needs of the others.
type Deps struct {
	Store        *registry.Store
	Cluster      *stream.Cluster
	ControlTopic string            // where a stream that is sent again is announced
	MayRead      identity.Topics   // as a stream; control messages what an operator may
	Emit         *eventing.Emitter // to deploy-training's door
	Suits        Suits
	Log          *slog.Logger
}

// Suits is nil where a model can be trained on a stream, else says why it
// cannot. What its records hold is the business of others.
type Suits func(e pipeline.Export, d pipeline.Datasource) error

// Service holds the rules of datasources.
type Service struct {
	Deps
	fresh freshness
	ahead ahead
}

// NewService gives the step without its HTTP side.
func NewService(deps Deps) *Service {
	return &Service{Deps: deps, fresh: freshness{at: map[int64]checked{}}}
}

// Function is the step's HTTP side.
func (s *Service) Function() door.Function {
	return door.Function{
		Name: pipeline.StepControlLog,
		Commands: map[string]door.Command{
			eventing.DatasourceCreate: s.create,
			eventing.DatasourceResend: s.resend,
		},
		Events: map[string]door.EventHandler{
			eventing.KafkaRecord: s.receive,
		},
		Routes: []door.Route{
			{Pattern: "POST /datasources", Type: eventing.DatasourceCreate, Made: "/datasources"},
			{Pattern: "POST /datasources/{id}/resend", Type: eventing.DatasourceResend, Made: "/datasources"},
		},
		Resources: []door.Resource{
			{Operation: door.Listed[pipeline.Datasource]("GET /datasources", "Datasources.", "deployment", "datasource"), Handler: s.list},
			{Operation: door.One("GET /datasources/{id}", "A datasource, and what the log still holds of it.", pipeline.Datasource{}), Handler: s.get},
		},
		Flows: []api.Flow{{Topic: api.ControlTopic}, {Topic: api.ControlTopic, Send: true}},
		Facts: []string{"io.kafkaml.datasource."},
	}
}

// receive makes a datasource of a record of the control topic. Its answer is the
// fact, datasource.received or datasource.rejected; an error means that the
// record is to be delivered again.
func (s *Service) receive(ctx context.Context, e event.Event) (*event.Event, error) {
	r, err := eventing.RecordOf(e)
	if err != nil {
		return nil, err
	}
	if r.Topic == "" {
		r.Topic = s.ControlTopic
	}
	if d, ok := s.ahead.take(r, isDead(e)); ok {
		fact := factOf(d)
		return &fact, nil
	}
	r, behind, err := s.inLog(ctx, r, e)
	if err != nil {
		return nil, err
	}
	ids, err := s.Cluster.TopicIDs(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	id := ids[r.Topic]
	if err := s.catchUp(ctx, originOf(r, id)); err != nil {
		return nil, err
	}
	d, err := s.take(ctx, r, id, isDead(e))
	if err != nil {
		return nil, err
	}
	if d.Unused != nil || d.Rejected != nil {
		s.readAhead(ctx, behind, originOf(r, id))
	}
	fact := factOf(d)
	return &fact, nil
}

func originOf(r stream.Record, topicID string) pipeline.Origin {
	return pipeline.Origin{Topic: r.Topic, TopicID: topicID, Partition: r.Partition, Offset: r.Offset, Bytes: len(r.Key) + len(r.Value)}
}

// take makes a datasource of a record and announces it, unless its deployment has
// trained on its stream already: deploy-training would say so, too.
func (s *Service) take(ctx context.Context, r stream.Record, topicID string, dead bool) (pipeline.Datasource, error) {
	origin := originOf(r, topicID)
	known := false // the record came before
	d, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (d pipeline.Datasource, err error) {
		d, known, err = seen(tx, origin, r.Time)
		return d, err
	})
	if err != nil {
		return d, err
	}
	if known {
		err = s.sameRecord(ctx, d, origin)
	} else if d, err = s.read(ctx, r.Key, r.Value); err == nil {
		origin.Key = d.Origin.Key
		d.Origin = origin
		read := d
		err = s.Store.Do(ctx, func(tx *registry.Tx) error {
			if _, err := isIdle(tx, &read); err != nil {
				return err
			}
			d, err = store(tx, read)
			return err
		})
	}
	switch {
	case err != nil:
		return d, err
	case !known && d.Unused != nil:
		return d, nil
	case dead:
		return d, s.announceDead(ctx, d, factOf(d))
	}
	return d, s.announce(ctx, d, factOf(d))
}

// seen finds the datasource that a record became when it came before. Rows of
// earlier versions, and of brokers without them, lack the topic's id: such a row
// is the record's if it has its size and is no older than the record.
func seen(tx *registry.Tx, origin pipeline.Origin, written time.Time) (pipeline.Datasource, bool, error) {
	d, known, err := tx.DatasourceFrom(origin)
	if known || err != nil || origin.TopicID == "" {
		return d, known, err
	}
	nameless := origin
	nameless.TopicID = ""
	d, known, err = tx.DatasourceFrom(nameless)
	return d, known && d.Origin.Bytes == origin.Bytes && !written.After(d.Received), err
}

// sameRecord refuses a record at the place of another, where no topic's id tells
// them apart: the control topic was made anew while the registry stayed. Silence
// would lose its stream.
func (s *Service) sameRecord(ctx context.Context, d pipeline.Datasource, o pipeline.Origin) error {
	if d.Origin.Bytes == o.Bytes {
		return nil
	}
	s.Log.ErrorContext(ctx, "a control message was not taken: another one lay at its place", "topic", o.Topic, "partition", o.Partition, "offset", o.Offset, "datasource", d.ID)
	return otherRecord(d, o)
}

func otherRecord(d pipeline.Datasource, o pipeline.Origin) error {
	return &pipeline.Error{
		Op: "store datasource", Kind: pipeline.Conflict, Field: "origin",
		Reason: fmt.Sprintf("offset %d of partition %d of %s was another record when it became datasource %d", o.Offset, o.Partition, o.Topic, d.ID),
		Hint:   "the control topic was made anew: use another one, or send the datasource again",
	}
}

// read reads a control message and looks whether the log holds its stream. The
// error is one that may pass, such as a broker that does not answer; a message
// that cannot be used is a datasource that is rejected.
func (s *Service) read(ctx context.Context, key, value []byte) (pipeline.Datasource, error) {
	d, err := control.Read(ctx, s.Cluster, key, value, s.follows(ctx))
	if err == nil {
		err = s.mayRead(anySender, d)
	}
	switch pipeline.KindOf(err) {
	case "":
		return d, nil
	case pipeline.Unavailable, pipeline.Internal:
		return d, err
	}
	d.Rejected = pipeline.RejectionOf(err)
	return d, nil
}

// follows reports whether a deployment follows streams, as far as the registry tells.
func (s *Service) follows(ctx context.Context) func(int64) bool {
	return func(deployment int64) bool {
		d, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Deployment, error) { return tx.Deployment(deployment) })
		return err == nil && d.Mode == pipeline.ModeStream
	}
}

// store stores a datasource with its fact. Where another delivery of the same
// record was faster, it gives that one's.
func store(tx *registry.Tx, d pipeline.Datasource) (pipeline.Datasource, error) {
	first, found, err := tx.DatasourceFrom(d.Origin)
	if err != nil {
		return d, err
	}
	if !found {
		err := keep(tx, &d)
		return d, err
	}
	if first.Origin.Bytes != d.Origin.Bytes {
		return first, otherRecord(first, d.Origin)
	}
	if d.ResendOf == 0 || first.ResendOf != 0 {
		return first, nil
	}
	first.ResendOf = d.ResendOf // the record came before the command that sent it had ended
	return first, tx.UpdateDatasource(&first)
}

// keep stores a datasource that is new, with the facts about it.
func keep(tx *registry.Tx, d *pipeline.Datasource) error {
	if err := tx.CreateDatasource(d); err != nil {
		return err
	}
	if err := tx.Emit(factOf(*d)); err != nil || d.Unused == nil {
		return err
	}
	return tx.Emit(eventing.UnusedDatasource(door.Source(pipeline.StepControlLog), *d))
}

// factOf is the fact about a datasource. Its id is the same each time, so that
// publishing it twice is publishing it once.
func factOf(d pipeline.Datasource) event.Event {
	subject := strconv.FormatInt(d.ID, 10)
	var e event.Event
	if d.Rejected != nil {
		e = eventing.New(eventing.DatasourceRejected, door.Source(pipeline.StepControlLog), subject, eventing.DatasourceRejection{
			Rejection:  eventing.Rejection{Kind: pipeline.Invalid, Field: d.Rejected.Field, Reason: d.Rejected.Reason, Hint: d.Rejected.Hint},
			Datasource: d.ID, Deployment: max(0, d.Deployment),
		})
	} else {
		e = eventing.New(eventing.DatasourceReceived, door.Source(pipeline.StepControlLog), subject, d)
		e.SetExtension("deploymentid", strconv.FormatInt(d.Deployment, 10))
	}
	e.SetID("datasource-" + subject)
	return e
}

// announce sends deploy-training a datasource that can be trained on.
func (s *Service) announce(ctx context.Context, d pipeline.Datasource, fact event.Event) error {
	if d.Rejected != nil {
		s.logRefused(ctx, d)
		return nil
	}
	if err := s.Emit.Emit(ctx, fact); err != nil {
		return &pipeline.Error{
			Op: "announce a datasource to deploy-training", Kind: pipeline.Unavailable, Err: err,
			Hint: "the control message stays in the log and is delivered again",
		}
	}
	return nil
}

func (s *Service) logRefused(ctx context.Context, d pipeline.Datasource) {
	s.Log.WarnContext(ctx, "a control message was refused", "datasource", d.ID, "deployment", d.Deployment, "field", d.Rejected.Field, "reason", d.Rejected.Reason)
}
