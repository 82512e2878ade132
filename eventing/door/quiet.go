package door

import (
	"context"
	"log/slog"
	"sync"
)

// quiet keeps a log readable while the same is refused again and again, as when
// Kafka or another function is away and KafkaSource tries each record once more:
// the first time is logged, the others are counted until one goes well.
type quiet struct {
	mu     sync.Mutex
	counts map[string]int // by event type
}

// refuse logs what could not be done now, the first time.
func (q *quiet) refuse(ctx context.Context, log *slog.Logger, typ string, status int, err error) {
	q.mu.Lock()
	if q.counts == nil {
		q.counts = map[string]int{}
	}
	q.counts[typ]++
	first := q.counts[typ] == 1
	q.mu.Unlock()
	if first {
		log.WarnContext(ctx, "event not handled; others like it are counted", "status", status, "error", err)
	}
}

// taken says that events of a type go well again, after so many did not.
func (q *quiet) taken(ctx context.Context, log *slog.Logger, typ string) {
	q.mu.Lock()
	n := q.counts[typ]
	delete(q.counts, typ)
	q.mu.Unlock()
	if n > 0 {
		log.InfoContext(ctx, "events are handled again", "refused", n)
	}
}
