package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// many trains ten models of one configuration on one stream.
func many(ctx context.Context, b *bench) ([]finding, error) {
	const models = 10
	d, err := digits()
	if err != nil {
		return nil, err
	}
	d = d.first(b.scaled(60_000, 2_000))
	s, err := b.send(ctx, d, 1, d.count)
	if err != nil {
		return nil, err
	}
	npz, err := b.arrays(d)
	if err != nil {
		return nil, err
	}
	f := fitting{model: "mnist", batch: 32, epochs: 2}
	names := make([]string, models)
	for i := range names {
		names[i] = fmt.Sprintf("%s#%d", f.model, i+1)
	}
	before, err := b.logged()
	if err != nil {
		return nil, err
	}
	ours, _, err := b.trained(ctx, s, f, names...)
	if err != nil {
		return nil, err
	}
	grown, err := b.grown(before)
	if err != nil {
		return nil, err
	}
	theirs, err := times(func() error {
		for range models {
			if _, err := b.fit(ctx, npz, f, keepBest); err != nil {
				return err
			}
		}
		return nil
	})
	size := before[s.topic]
	return []finding{
		faster("10 MNIST dense models, one configuration, one stream, 2 epochs", ours, "10 Keras fits one after the other, "+keepBest, theirs, 2).with("1 run"),
		{
			what: "bytes produced for the 10 models", ours: fmt.Sprintf("%d and a control message of %d", size+grown.others, grown.control), against: "the stream once", theirs: fmt.Sprint(size),
			ratio: once(grown), mark: 1, rule: "produced once", note: "the log's files; 1 run",
		},
	}, err
}

// keepBest is what Keras trains MNIST dense fastest with.
const keepBest = "steps_per_execution=100"

// resend trains a second deployment on a stream by its control message alone.
func resend(ctx context.Context, b *bench) ([]finding, error) {
	d, err := digits()
	if err != nil {
		return nil, err
	}
	d = d.first(b.scaled(60_000, 2_000))
	s, err := b.send(ctx, d, 1, d.count)
	if err != nil {
		return nil, err
	}
	f := fitting{model: "mnist", batch: 64, epochs: 1}
	if _, _, err := b.trained(ctx, s, f, f.model); err != nil {
		return nil, err
	}
	source, err := b.newest(ctx)
	if err != nil {
		return nil, err
	}
	before, err := b.logged()
	if err != nil {
		return nil, err
	}
	second, err := b.deploy(ctx, f, f.model)
	if err != nil {
		return nil, err
	}
	if _, err := b.client.Send(ctx, b.client.ResendDatasource(source, second.ID)); err != nil {
		return nil, err
	}
	if _, err := b.finish(ctx, second, f.asked()); err != nil {
		return nil, err
	}
	grown, err := b.grown(before)
	if err != nil {
		return nil, err
	}
	ours, again := grown.control+grown.others, before[s.topic]
	return []finding{{
		what: "bytes produced for a second deployment by re-sending", ours: fmt.Sprint(ours), against: "sending the stream again", theirs: fmt.Sprint(again),
		ratio: once(grown) * float64(again) / float64(max(1, ours)), mark: 1, rule: "only the control message", note: "the log's files; 1 run",
	}}, nil
}

// newest is the datasource that was taken last.
func (b *bench) newest(ctx context.Context) (int64, error) {
	var last int64
	for d, err := range b.client.Datasources().All(ctx, client.Query{}) {
		if err != nil {
			return 0, err
		}
		last = max(last, d.ID)
	}
	return last, nil
}

// growth is how many bytes the log gained: in the control topic and elsewhere.
type growth struct{ control, others int64 }

// once is 1 where nothing but a control message was produced.
func once(g growth) float64 {
	if g.others > 0 || g.control == 0 {
		return 0
	}
	return 1
}

// grown is how the log grew since before.
func (b *bench) grown(before map[string]int64) (growth, error) {
	after, err := b.logged()
	var g growth
	for topic, size := range after {
		if topic == control.Topic {
			g.control += size - before[topic]
		} else {
			g.others += size - before[topic]
		}
	}
	return g, err
}

// logged is the size of each topic in the broker's log.
func (b *bench) logged() (map[string]int64, error) {
	return logBytes(filepath.Join(b.dir, "kafka", "log"))
}
