package train

import (
	"context"
	"log/slog"
	"time"

	"github.com/sethvargo/go-retry"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// storeTime bounds how long the store of models is tried again that is away,
// slow or full: what a training has learned is worth the wait.
const storeTime = 5 * time.Minute

// patiently does what needs the store of models, again and again while it is
// unavailable. do must be harmless to repeat.
func patiently(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	waits := retry.WithMaxDuration(storeTime, retry.WithCappedDuration(5*time.Second, retry.NewExponential(200*time.Millisecond)))
	return retry.Do(ctx, waits, func(ctx context.Context) error {
		err := do(ctx)
		if pipeline.KindOf(err) != pipeline.Unavailable || err == nil {
			return err
		}
		log.WarnContext(ctx, "the store of models is away; trying again", "error", err)
		return retry.RetryableError(err)
	})
}
