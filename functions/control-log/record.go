package controllog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// record takes one record of the control topic.
func (s *Service) record(ctx context.Context, e event.Event) (*event.Event, error) {
	r, err := eventing.RecordOf(e)
	if err != nil {
		return nil, err
	}
	if r.Topic == "" {
		return nil, pipeline.Invalidf("source", "%q does not end with #TOPIC", e.Source()).WithHint("send the envelope of KafkaSource or of func-go")
	}
	d, refusal, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	d, err = s.keep(ctx, d, refusal)
	if err != nil {
		return nil, err
	}
	if d.Rejected != nil {
		answer := rejected(d, refusal)
		return &answer, nil
	}
	return s.tell(ctx, d)
}

// read makes a datasource of a record. refusal says why it is none; err that
// it cannot be told now.
func (s *Service) read(ctx context.Context, r eventing.Record) (d pipeline.Datasource, refusal, err error) {
	d, refusal = stream.ParseControl(r.Key, r.Value)
	d.Origin.Topic, d.Origin.Partition, d.Origin.Offset = r.Topic, r.Partition, r.Offset
	if refusal == nil {
		refusal = s.Cluster.Resolve(ctx, &d)
	}
	if refusal == nil {
		d.Retention, refusal = s.Cluster.Available(ctx, d.Ranges)
	}
	if refusal == nil {
		return d, nil, nil
	}
	switch pipeline.KindOf(refusal) {
	case pipeline.Invalid, pipeline.NotFound, pipeline.Conflict:
		d.Rejected = rejection(refusal)
		return d, refusal, nil
	}
	return d, nil, refusal
}

func rejection(err error) *pipeline.Rejection {
	var e *pipeline.Error
	if !errors.As(err, &e) {
		return &pipeline.Rejection{Reason: err.Error()}
	}
	return &pipeline.Rejection{Field: e.Field, Reason: e.Message(), Hint: e.Hint}
}

// keep stores d with its fact, once for each control record, and gives what is
// stored.
func (s *Service) keep(ctx context.Context, d pipeline.Datasource, refusal error) (kept pipeline.Datasource, err error) {
	err = s.Store.Do(ctx, func(tx *registry.Tx) error {
		old, found, err := tx.DatasourceFrom(d.Origin)
		if err != nil {
			return err
		}
		if found {
			kept = old
			return sameRecord(old, d)
		}
		kept = d
		if err := tx.CreateDatasource(&kept); err != nil {
			return err
		}
		if kept.Rejected != nil {
			return tx.Emit(rejected(kept, refusal))
		}
		return tx.Emit(received(kept))
	})
	return kept, err
}

// sameRecord refuses a record at the place of another: the control topic was
// made anew while the registry was kept.
func sameRecord(old, d pipeline.Datasource) error {
	if old.Origin.Bytes == d.Origin.Bytes {
		return nil
	}
	o := d.Origin
	return &pipeline.Error{
		Op: "keep datasource", Kind: pipeline.Conflict, Field: "origin",
		Reason: fmt.Sprintf("offset %d of partition %d of %s was another record when it became datasource %d", o.Offset, o.Partition, o.Topic, old.ID),
		Hint:   "the control topic was made anew: use another one, or send the datasource again",
	}
}

// tell gives the datasource to the sink and answers with the same event. The
// id of the event follows from the datasource's, so that the sink knows it when
// it comes again.
func (s *Service) tell(ctx context.Context, d pipeline.Datasource) (*event.Event, error) {
	e := received(d)
	if err := s.Emit.Emit(ctx, e); err != nil {
		// Whatever the sink said: the datasource is kept, and it must know.
		return nil, &pipeline.Error{
			Op: "tell of datasource " + strconv.FormatInt(d.ID, 10), Kind: pipeline.Unavailable, Err: err,
			Hint: "see that deploy-training is up and K_SINK names it",
		}
	}
	return &e, nil
}

func received(d pipeline.Datasource) event.Event {
	e := eventing.New(eventing.DatasourceReceived, door.Source(Name), strconv.FormatInt(d.ID, 10), d)
	e.SetID("datasource-" + strconv.FormatInt(d.ID, 10))
	e.SetTime(d.Received.UTC())
	if d.Deployment > 0 {
		e.SetExtension("deploymentid", strconv.FormatInt(d.Deployment, 10))
	}
	return e
}

// refused is the data of datasource.rejected.
type refused struct {
	eventing.Rejection
	Datasource int64 `json:"datasource"`
	Deployment int64 `json:"deployment,omitempty"` // where the record named one
}

// rejected is the fact that a control record was refused. cause is nil when
// the record was refused before.
func rejected(d pipeline.Datasource, cause error) event.Event {
	data := refused{Datasource: d.ID, Deployment: d.Deployment}
	if cause == nil {
		cause = &pipeline.Error{Kind: pipeline.Invalid, Field: d.Rejected.Field, Reason: d.Rejected.Reason, Hint: d.Rejected.Hint}
	}
	data.Describe(cause)
	data.Type = eventing.KafkaRecord
	e := eventing.New(eventing.DatasourceRejected, door.Source(Name), strconv.FormatInt(d.ID, 10), data)
	e.SetID("datasource-" + strconv.FormatInt(d.ID, 10))
	return e
}
