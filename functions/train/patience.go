package train

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"time"

	"github.com/sethvargo/go-retry"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// awayTime bounds how long a broker that does not answer, a store of models
// that is away, slow or full, or a disk that is full is tried again: what a
// training has learned is worth the wait.
const awayTime = 5 * time.Minute

// patiently does what needs something that may be away, again and again while its
// error is one of those, and tells so. do must be harmless to repeat.
func (r *reporter) patiently(ctx context.Context, away func(error) bool, do func(context.Context) error) error {
	waited := false
	defer func() {
		if waited {
			r.waits(nil)
		}
	}()
	waits := retry.WithMaxDuration(awayTime, retry.WithCappedDuration(5*time.Second, retry.NewExponential(200*time.Millisecond)))
	return retry.Do(ctx, waits, func(ctx context.Context) error {
		err := do(ctx)
		if err == nil || !away(err) {
			return err
		}
		r.Log.WarnContext(ctx, "waiting to try again", "error", err)
		if !waited {
			waited = true
			r.waits(pipeline.RejectionOf(err))
		}
		return retry.RetryableError(err)
	})
}

// unavailable reports whether a store of models is away.
func unavailable(err error) bool { return pipeline.KindOf(err) == pipeline.Unavailable }

// full reports whether a disk has no room, which TensorFlow says in words alone.
func full(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), syscall.ENOSPC.Error())
}

// dial connects to Kafka, and sees that the topics are those of the Job.
func (t *training) dial(ctx context.Context) (cluster *stream.Cluster, err error) {
	err = t.report.patiently(ctx, stream.Unreached, func(ctx context.Context) (err error) {
		if cluster, err = stream.Dial(ctx, t.Kafka); err != nil {
			return err
		}
		if err = cluster.SameTopics(ctx, t.Job.TopicIDs); err != nil {
			return op("read the stream", errors.Join(err, cluster.Close()))
		}
		return nil
	})
	return cluster, err
}
