package predict

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// requests predicts what clients ask for; nothing is written.
type requests struct {
	model   *model
	records *batching.Batcher // rows as records store them
	tensors *batching.Batcher // rows in the model's own types
	metrics *metrics
}

// handle predicts the data of a prediction.make event.
func (r *requests) handle(ctx context.Context, e event.Event) (value []byte, err error) {
	began := time.Now()
	lane, row, err := r.read(ctx, e)
	if err != nil {
		return nil, err
	}
	it := r.model.item(row)
	if err := lane.Do(ctx, it); err != nil {
		return nil, err
	}
	r.metrics.done(wayRequest, 1, began)
	return it.Value, nil
}

// decode reads the data as the value of a record, whose key the extension key may
// give, and whose time is now.
func (r *requests) decode(ctx context.Context, row [][]byte, e event.Event) error {
	record := stream.Record{Value: e.Data(), Time: time.Now()}
	if key, err := types.Format(e.Extensions()["key"]); err == nil && key != "" {
		record.Key = []byte(key)
	}
	err := r.model.decode(ctx, nil, row, &record, nil)
	if errors.Is(err, features.ErrLeftOut) {
		return pipeline.Invalidf("data", "%v: it is none to predict", err)
	}
	return err
}

// read reads the data of a prediction.make event: either
//
//	{"values": [...]}                the numbers, flat or nested
//	{"values": {"left": [...], ...}} of each input, by name
//
// or what a record's value would be, in the inference's input format, unless a
// prediction takes a window of records. Data of content type application/json is
// values, unless the input format is itself JSON and fits.
func (r *requests) read(ctx context.Context, e event.Event) (lane *batching.Batcher, row [][]byte, err error) {
	media, _, _ := mime.ParseMediaType(e.DataContentType())
	asRecord := r.records.Row()
	isJSON := media == event.ApplicationJSON || strings.HasSuffix(media, "+json")
	if refusal := r.model.refuseSingle(); refusal != nil {
		if !isJSON || !bytes.Contains(e.Data(), []byte(`"values"`)) {
			return nil, nil, refusal
		}
		row = r.tensors.Row()
		return r.tensors, row, readValues(e.Data(), r.tensors.Layout, row)
	}
	if !isJSON {
		return r.records, asRecord, r.decode(ctx, asRecord, e)
	}
	if format := r.model.job.InputFormat; format == pipeline.JSON || format == pipeline.TelegrafJSON {
		err := r.decode(ctx, asRecord, e)
		if err == nil || !bytes.Contains(e.Data(), []byte(`"values"`)) {
			return r.records, asRecord, err
		}
	}
	row = r.tensors.Row()
	return r.tensors, row, readValues(e.Data(), r.tensors.Layout, row)
}
