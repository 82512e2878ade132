package controllog

import (
	"context"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// isDead reports whether an event comes as a dead letter: it is not sent again.
func isDead(e event.Event) bool { return e.Extensions()["knativeerrordest"] != nil }

// lastTry bounds the announcement of a dead letter: it was tried for long.
const lastTry = 3 * time.Second

// announceDead announces a datasource once more, and keeps with it that nobody
// could be told of it.
func (s *Service) announceDead(ctx context.Context, d pipeline.Datasource, fact event.Event) error {
	trying, cancel := context.WithTimeout(ctx, lastTry)
	defer cancel()
	why := s.announce(trying, d, fact)
	if why == nil {
		return nil
	}
	s.Log.ErrorContext(ctx, "a datasource was not announced", "datasource", d.ID, "deployment", d.Deployment, "error", why)
	return s.Store.Do(ctx, func(tx *registry.Tx) error {
		d.Unused = &pipeline.Rejection{
			Reason: "deploy-training could not be told of it: " + pipeline.RejectionOf(why).Reason, Hint: "send it to its deployment again: datasources resend",
		}
		return tx.UpdateDatasource(&d)
	})
}

// catchUp takes the records before a record that did not come: KafkaSource gives
// up what it cannot send, such as a record with a control character in a header.
func (s *Service) catchUp(ctx context.Context, to pipeline.Origin) error {
	known := false
	last, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (last int64, err error) {
		last, known, err = tx.DatasourceBefore(to)
		return last, err
	})
	if err != nil || !known || last+1 == to.Offset {
		return err
	}
	first, _, err := s.Cluster.Readable(ctx, to.Topic)
	if err != nil {
		return err
	}
	from := max(last+1, first[to.Partition])
	missed := pipeline.Range{Topic: to.Topic, Partition: to.Partition, Offset: from, Length: max(0, to.Offset-from)}
	err = s.Cluster.Read(ctx, missed, func(r stream.Record) error {
		s.Log.WarnContext(ctx, "a control message did not come and is taken from the log", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset)
		_, err := s.take(stream.InTrace(ctx, r.Headers), r.Clone(), to.TopicID, false)
		return err
	})
	if pipeline.KindOf(err) == pipeline.Conflict { // a gap in the log: there is nothing to take
		return nil
	}
	return err
}
