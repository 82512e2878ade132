package controllog

import (
	"context"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// resend lets another deployment train on a datasource's stream: a control
// message is produced, no data record is. The record then comes by the control
// topic as well and finds its datasource already there.
func (s *Service) resend(ctx context.Context, e event.Event) (*event.Event, error) {
	const op = "send a stream again"
	id, err := eventing.ID(e)
	if err != nil {
		return nil, err
	}
	var form struct {
		ID         *int64 `json:"id"` // may repeat the subject
		Deployment int64  `json:"deployment"`
	}
	if err := eventing.Data(e, &form); err != nil {
		return nil, err
	}
	d, err := s.resendable(ctx, id, form.Deployment)
	if err != nil {
		return nil, err
	}
	if d.Retention, err = s.Cluster.Available(ctx, d.Ranges); err != nil {
		return nil, err
	}
	message := control.MessageFor(d, form.Deployment)
	origin, err := control.Send(ctx, s.Cluster, s.ControlTopic, message)
	if err != nil {
		return nil, err
	}
	again := d
	again.ID, again.Deployment, again.ResendOf, again.Origin, again.TotalMsg = 0, form.Deployment, d.ID, origin, message.Total()
	again.Received = time.Time{} // now
	kept, err := s.keep(ctx, again)
	if pipeline.KindOf(err) == pipeline.Conflict {
		return nil, err
	}
	if err != nil {
		return nil, &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Err: err, Hint: "the control message is in the log and will be taken from there"}
	}
	fact := factOf(kept)
	return &fact, s.tell(ctx, kept, fact)
}

// resendable gives a datasource that can be sent to a deployment that exists.
func (s *Service) resendable(ctx context.Context, id, deployment int64) (d pipeline.Datasource, err error) {
	err = s.Store.View(ctx, func(tx *registry.Tx) error {
		if d, err = tx.Datasource(id); err != nil {
			return err
		}
		if d.Rejected != nil {
			return &pipeline.Error{
				Kind: pipeline.Conflict, Field: "id", Reason: "the datasource was refused: " + d.Rejected.Reason, Hint: d.Rejected.Hint,
			}
		}
		_, err = tx.Deployment(deployment)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return pipeline.Invalidf("deployment", "there is no deployment %d", deployment).WithHint("create the deployment first")
		}
		return err
	})
	return d, err
}
