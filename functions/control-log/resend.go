package controllog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

const opResend = "send a stream again"

// resend uses a stream for another deployment. Only the registry is written: no
// record is produced, and the log must still hold the stream.
func (s *Service) resend(ctx context.Context, e event.Event) (*event.Event, error) {
	var form struct {
		ID         int64 `json:"id"`
		Deployment int64 `json:"deployment"`
	}
	if err := eventing.Data(e, &form); err != nil {
		return nil, err
	}
	id, err := eventing.ID(e)
	if err != nil {
		return nil, err
	}
	first, err := s.resendable(ctx, id, form.Deployment)
	if err != nil {
		return nil, err
	}
	retention, err := s.Cluster.Available(ctx, first.Ranges)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", opResend, err)
	}
	reply, err := door.Once(ctx, s.Store, e, func(tx *registry.Tx) (*event.Event, error) {
		d := first
		d.ResendOf, d.Deployment, d.Retention = id, form.Deployment, retention
		d.Origin, d.Received = pipeline.Origin{}, time.Time{}
		if err := tx.CreateDatasource(&d); err != nil {
			return nil, err
		}
		fact := received(d)
		return &fact, tx.Emit(fact)
	})
	if err != nil {
		return nil, err
	}
	var made pipeline.Datasource
	if err := json.Unmarshal(reply.Data(), &made); err != nil {
		return nil, fmt.Errorf("%s: %w", opResend, err)
	}
	return s.tell(ctx, made)
}

// resendable reads the datasource and holds it against the request.
func (s *Service) resendable(ctx context.Context, id, deployment int64) (d pipeline.Datasource, err error) {
	err = s.Store.View(ctx, func(tx *registry.Tx) error {
		if d, err = tx.Datasource(id); err != nil {
			return err
		}
		_, err := tx.Deployment(deployment)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return pipeline.Invalidf("deployment", "there is no deployment %d", deployment).WithHint("create it first")
		}
		return err
	})
	if err == nil && d.Rejected != nil {
		err = &pipeline.Error{
			Op: opResend, Kind: pipeline.Conflict, Field: "id",
			Reason: fmt.Sprintf("datasource %d was refused: %s", id, d.Rejected.Reason), Hint: "send a control message that is mended",
		}
	}
	return d, err
}
