package records

import (
	"context"
	"fmt"
	"time"

	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// joinedRecords is how many records, and how many labels, are looked at where they
// lie in two topics.
const (
	joinedRecords = 20_000
	joinedBytes   = 64 << 20 // of all these labels
)

// joined are labels of another topic by the text that records and labels meet by.
type joined struct {
	join    *features.Join
	schemas *schemas.Client
	labels  map[string][]lateLabel
	key     []byte
	bytes   int // of all labels
	pipeline.Joined
}

type lateLabel struct {
	at    time.Time
	label []byte
}

func newJoined(j *features.Join, registry *schemas.Client) *joined {
	return &joined{join: j, schemas: registry, labels: map[string][]lateLabel{}, Joined: pipeline.Joined{Topic: j.Topic}}
}

// learn takes a record of the topic of labels, of so many bytes each.
func (j *joined) learn(ctx context.Context, r stream.Record, size int) (fault, err error) {
	if j.bytes += size; j.bytes > joinedBytes {
		return nil, errEnough
	}
	label := make([]byte, size)
	fault = j.schemas.Decode(ctx, func() (err error) {
		j.key, err = j.join.Label(label, j.key[:0], &r)
		return err
	}, schemas.Patience{})
	if pipeline.KindOf(fault) == pipeline.Unavailable {
		return nil, fault
	}
	if fault != nil {
		return fmt.Errorf("label: %w", fault), nil
	}
	j.Labels++
	j.labels[string(j.key)] = append(j.labels[string(j.key)], lateLabel{r.Time, label})
	return nil, nil
}

// find writes the label of a record: of several within the time, the newest. Its
// error is features.ErrUnlabelled where none came.
func (j *joined) find(ctx context.Context, labels [][]byte, r stream.Record) error {
	err := j.schemas.Decode(ctx, func() (err error) {
		j.key, err = j.join.Key(j.key[:0], &r)
		return err
	}, schemas.Patience{})
	if err != nil {
		return fmt.Errorf("label: %w", err)
	}
	var newest *lateLabel
	matches := 0
	for i, l := range j.labels[string(j.key)] {
		late := l.at.Sub(r.Time)
		if j.join.Within > 0 && (late < 0 || late > j.join.Within) {
			continue
		}
		if matches++; newest == nil || !l.at.Before(newest.at) {
			newest = &j.labels[string(j.key)][i]
		}
	}
	if newest == nil {
		err = j.join.None(labels[0])
	} else {
		copy(labels[0], newest.label)
	}
	j.Count(matches, err == nil)
	return err
}
