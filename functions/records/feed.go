package records

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/datasets"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// The bounds of what a person sends by hand.
const (
	feedDefault = 100
	feedMost    = 10_000
	feedRate    = 1000 // records a second
	feedTime    = time.Minute
)

// feedSummary is the answer of POST /inferences/{id}/records.
type feedSummary struct {
	Records int    `json:"records"`
	Topic   string `json:"topic"`
}

// feed serves POST /inferences/{id}/records: it puts records on the input
// topic. The body is the value of one record, ?key= its key; or ?example= names
// a data set, of which ?limit= unseen records are sent, ?rate= a second, with
// their labels as keys. A record that the inference could not decode is refused
// here: a person would have to look for it among the dead letters.
func (s *Service) feed(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), feedTime)
	defer cancel()
	i, err := s.inference(r)
	if err == nil {
		err = s.mayWrite(ctx, "id", i.InputTopic)
	}
	var n int
	if err == nil {
		if name := r.URL.Query().Get("example"); name != "" {
			n, err = s.feedExample(ctx, i, name, r)
		} else {
			n, err = 1, s.feedOne(ctx, i, r)
		}
	}
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, feedSummary{n, i.InputTopic})
}

func (s *Service) feedOne(ctx context.Context, i pipeline.Inference, r *http.Request) error {
	value, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	decoder, err := s.decoderOf(ctx, i)
	if err != nil {
		return err
	}
	var key []byte
	if text := r.URL.Query().Get("key"); text != "" {
		key = []byte(text)
	}
	if err := s.decodes(ctx, decoder, key, value); err != nil {
		return err
	}
	return s.put(ctx, i.InputTopic, 0, key, value)
}

// put writes a record with the time it was sent.
func (s *Service) put(ctx context.Context, topic string, partition int, key, value []byte) error {
	now := time.Now()
	_, err := s.Cluster.Produce(ctx, topic, partition, []stream.Record{{
		Key: key, Value: value, Time: now, Headers: []stream.Header{{Key: pipeline.HeaderSent, Value: strconv.AppendInt(nil, now.UnixNano(), 10)}},
	}})
	return err
}

// decoderOf decodes as the inference's replicas do.
func (s *Service) decoderOf(ctx context.Context, i pipeline.Inference) (*features.Decoder, error) {
	var learned pipeline.Learned
	model, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) {
		result, err := tx.Result(i.Result)
		if err != nil {
			return pipeline.Model{}, err
		}
		learned = result.Learned()
		return tx.ModelOf(result)
	})
	if err != nil {
		return nil, err
	}
	return features.New(i.InputFormat, i.InputConfig, codec.Binding{Inputs: model.Inputs, Registry: s.Schemas != nil}, features.WithLearned(learned))
}

func (s *Service) decodes(ctx context.Context, d *features.Decoder, key, value []byte) error {
	sample := d.Sample
	if d.Window() != nil { // one record completes none: its values and its key are looked at
		windows := d.NewWindows()
		sample = func(dst [][]byte, r *stream.Record) error {
			_, err := windows.Sample(dst, r)
			return err
		}
	}
	var room [][]byte
	for _, t := range d.Inputs() {
		room = append(room, make([]byte, t.Bytes()))
	}
	record := stream.Record{Key: key, Value: value, Time: time.Now()}
	err := s.Schemas.Decode(ctx, func() error { return sample(room, &record) }, schemas.Patience{})
	if pipeline.KindOf(err) == pipeline.Unavailable {
		return err
	}
	if err != nil {
		return &pipeline.Error{Op: "send a record", Kind: pipeline.Invalid, Field: "record", Err: err, Hint: codec.Hint(err)}
	}
	return nil
}

// feedExample sends unseen records of a data set, each at its time.
func (s *Service) feedExample(ctx context.Context, i pipeline.Inference, name string, r *http.Request) (n int, err error) {
	limit, err := door.Number(r, "limit", feedDefault, 1, feedMost)
	if err != nil {
		return 0, err
	}
	rate, err := door.Number(r, "rate", feedRate, 1, feedRate)
	if err != nil {
		return 0, err
	}
	set, err := datasets.Named(name)
	if err != nil {
		return 0, err
	}
	reader, err := files.Open(set.Held(), files.Options{Limit: int64(limit)})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	decoder, err := s.decoderOf(ctx, i)
	if err != nil {
		return 0, err
	}
	partitions := max(1, i.Partitions)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for ; ; n++ {
		label, sample, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err == nil && n == 0 {
			if err = s.decodes(ctx, decoder, label, sample); errors.Is(err, features.ErrLeftOut) {
				err = nil
			}
		}
		if err == nil {
			err = s.put(ctx, i.InputTopic, n%partitions, label, sample)
		}
		if err != nil {
			return n, err
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-tick.C:
		}
	}
}
