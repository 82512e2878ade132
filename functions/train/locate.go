package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// errFound ends the search of a record.
var errFound = errors.New("found")

// refusal is the error of a training or an evaluation: where the model refuses
// a record, with the place of the first one in the log.
func (t *training) refusal(ctx context.Context, what string, err error) error {
	var one *framework.RecordError
	if !errors.As(err, &one) {
		return op(what, err)
	}
	place, lost := t.locate(ctx, one.Columns)
	if lost != nil {
		t.Log.WarnContext(ctx, "the record at fault was not found again", "error", lost)
		place = "a record of the stream"
	}
	refusal := &pipeline.Error{
		Op: what, Kind: pipeline.Invalid, Field: "topic", Err: err,
		Reason: fmt.Sprintf("%s: the model refuses it: %v", place, one.Err), Hint: framework.RefusedHint,
	}
	if one.Others {
		refusal.Reason = fmt.Sprintf("%s: the model refuses it, and each other one that was tried: %v", place, one.Err)
		refusal.Hint = "see whether the input_config reads the records as the model is meant to get them (ids and classes count from 0 and end below the table's or the output's size); where it does, mend the model"
	}
	return refusal
}

// locate reads the stream again for the first record with such columns. Orders
// and shuffles are of no account to it.
func (t *training) locate(ctx context.Context, columns [][]byte) (place string, err error) {
	decoder, err := features.ForTraining(t.Job.InputFormat, t.Job.InputConfig, t.Job.Export, t.schemas != nil)
	if err != nil {
		return "", err
	}
	cluster, err := stream.Dial(ctx, t.Kafka)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	c, err := newCache(t.scratch, decoder.Inputs(), decoder.Labels(), 1, memoryBytes)
	if err != nil {
		return "", err
	}
	c.fills = t.cache.fills
	inputs, labels, err := c.next()
	if err != nil {
		return "", err
	}
	want, got := t.trainer.Columns(), make([][]byte, len(columns))
	for i, col := range want {
		got[i] = make([]byte, col.Bytes())
	}
	re := newRereader(t, decoder)
	ranges := t.Job.Ranges
	if j := decoder.Join(); j != nil {
		ranges, _ = j.Parts(ranges)
	}
	err = cluster.ReadAll(ctx, ranges, t.Job.Order, func(r stream.Record) error {
		complete, err := re.take(ctx, t, inputs, labels, &r)
		if errors.Is(err, features.ErrLeftOut) || errors.Is(err, features.ErrUnlabelled) || err != nil && decoder.Tolerance().Skips() && pipeline.KindOf(err) != pipeline.Unavailable {
			return nil // none of those that were trained on
		}
		if err != nil || !complete {
			return err
		}
		if err := c.again(); err != nil {
			return err
		}
		for i, col := range want {
			got[i] = got[i][:col.Bytes()] // of text, nothing
		}
		if err := newSplit(c, want, 0, 1).scatter(c.memory, 0, got); err != nil {
			return err
		}
		for i := range got {
			if !bytes.Equal(got[i], columns[i]) {
				return nil
			}
		}
		place = fmt.Sprintf("%s %s[%d]@%d", re.what, r.Topic, r.Partition, r.Offset)
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
		return place, nil
	case err != nil:
		return "", err
	}
	return "", errors.New("no record of the stream has these values")
}

// rereader decodes a stream again, as the training did.
type rereader struct {
	decoder *features.Decoder
	checks  *features.Checks
	windows *features.Windows // nil where each record is a sample
	what    string            // a sample is, of which the last record's place is known
}

func newRereader(t *training, d *features.Decoder) rereader {
	re := rereader{decoder: d, checks: features.NewChecks(t.Job.Export, d), what: "record"}
	if d.Window() != nil {
		re.windows, re.what = d.NewSamples(), "the window that is complete with record"
	}
	return re
}

// take reports whether inputs and labels now hold a sample.
func (re *rereader) take(ctx context.Context, t *training, inputs, labels [][]byte, r *stream.Record) (complete bool, err error) {
	if re.windows == nil {
		err = t.schemas.Decode(ctx, func() error { return re.decoder.Record(inputs, labels, r) }, t.patience(ctx))
		if err == nil {
			_, err = t.joined.label(ctx, t.schemas, t.patience(ctx), labels, r)
		}
		return err == nil, err
	}
	var label error
	err = t.schemas.Decode(ctx, func() (err error) {
		label, err = re.windows.Read(r)
		return err
	}, t.patience(ctx))
	steps, of := re.windows.Step()
	if err == nil {
		err = re.checks.Inputs(steps)
	}
	if err != nil {
		return false, err
	}
	if label == nil {
		_, label = t.joined.label(ctx, t.schemas, t.patience(ctx), of, r)
	}
	if label == nil {
		label = re.checks.Labels(of, r.Key)
	}
	if !re.windows.Add(r, label == nil) {
		return false, nil
	}
	re.windows.Put(inputs, labels)
	return true, nil
}
