package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// labelBytes is how large a table of labels may be to stay in memory.
const labelBytes = 64 << 20

// joined gives the records of a stream the labels that came later, on another
// topic. A nil joined is that of a stream that holds its labels.
type joined struct {
	join  *features.Join
	table *labelTable
	key   []byte
	audit pipeline.Joined
}

// join reads the labels of another topic, if they come from one, and gives the
// ranges of the records.
func (t *training) join(ctx context.Context, cluster *stream.Cluster, in *intake) (ranges []pipeline.Range, err error) {
	j := in.decoder.Join()
	if j == nil {
		return t.Job.Ranges, nil
	}
	if err := j.Covers(t.Job.Ranges); err != nil {
		return nil, err
	}
	ranges, late := j.Parts(t.Job.Ranges)
	_, labels := in.decoder.Step()
	size := labels[0].Bytes()
	if t.joined, err = newJoined(j, t.scratch, late, size); err != nil {
		return nil, err
	}
	label := make([]byte, size)
	err = cluster.ReadAll(ctx, late, t.Job.Order, func(r stream.Record) error {
		in.note(&r)
		err := t.joined.learn(ctx, in, label, &r)
		if err != nil {
			return in.bad.take(r, fmt.Errorf("label: %w", err), in.refuse)
		}
		return nil
	})
	if err != nil {
		return nil, op("read the labels", err)
	}
	t.joined.table.sort()
	return ranges, nil
}

func newJoined(j *features.Join, dir string, late []pipeline.Range, label int) (*joined, error) {
	most := pipeline.Records(late)
	table, err := newLabelTable(dir, most, label, labelBytes)
	if err != nil {
		return nil, err
	}
	return &joined{join: j, table: table, audit: pipeline.Joined{Topic: j.Topic}}, nil
}

// learn takes a record of the topic of labels.
func (j *joined) learn(ctx context.Context, in *intake, label []byte, r *stream.Record) error {
	var key []byte
	err := in.schemas.Decode(ctx, func() (err error) {
		key, err = j.join.Label(label, j.key[:0], r)
		return err
	}, in.patience)
	if err != nil {
		return err
	}
	j.table.add(key, r.Time, label)
	j.key = key
	j.audit.Labels++
	return nil
}

// label writes the label of a record, and tells how many came for it. Its error is
// features.ErrUnlabelled where none did.
func (j *joined) label(ctx context.Context, registry *schemas.Client, patience schemas.Patience, labels [][]byte, r *stream.Record) (matches int, err error) {
	if j == nil {
		return 0, nil
	}
	var key []byte
	err = registry.Decode(ctx, func() (err error) {
		key, err = j.join.Key(j.key[:0], r)
		return err
	}, patience)
	if err != nil {
		return 0, fmt.Errorf("label: %w", err)
	}
	j.key = key
	found, matches := j.table.find(key, r.Time, j.join.Within)
	if matches == 0 {
		return 0, j.join.None(labels[0])
	}
	copy(labels[0], found)
	return matches, nil
}

// counted notes what came of a record's label.
func (j *joined) counted(ctx context.Context, in *intake, labels [][]byte, r *stream.Record) error {
	if j == nil {
		return nil
	}
	matches, err := j.label(ctx, in.schemas, in.patience, labels, r)
	if unlabelled := errors.Is(err, features.ErrUnlabelled); err == nil || unlabelled {
		j.audit.Count(matches, !unlabelled)
	}
	return err
}

// result is what is kept of the join, nil where there was none.
func (j *joined) result() *pipeline.Joined {
	if j == nil {
		return nil
	}
	return &j.audit
}

// nothing is that no record found its label.
func (j *joined) nothing() error {
	if j == nil || j.audit.Unlabelled == 0 {
		return nil
	}
	return pipeline.Invalidf("input_config.label", "none of %d records found its label among the %d of topic %s", j.audit.Unlabelled, j.audit.Labels, j.audit.Topic).
		WithHint("see that on and match of the label name the same key, as in the first records of both topics, and that the labels were written within the time after the records")
}

// close gives the memory of the labels back.
func (j *joined) close() error {
	if j == nil {
		return nil
	}
	return j.table.close()
}
