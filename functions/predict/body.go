package predict

import (
	"net/http"

	"golang.org/x/sync/semaphore"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
)

const (
	// maxBody bounds a request: a record is smaller, a batch of the Open
	// Inference Protocol is to be cut into such.
	maxBody = 8 << 20
	// allBodies bounds the requests under way together, and so the memory
	// that they take once read; a request waits for its share.
	allBodies = 4 * maxBody
	// smallBody is the least share: what a request takes beside its body.
	smallBody = 8 << 10
)

// boundBodies limits a body and all bodies together.
func boundBodies(next http.Handler) http.Handler {
	bodies := semaphore.NewWeighted(allBodies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		share := int64(maxBody)
		if r.ContentLength >= 0 && r.Header.Get("Content-Encoding") == "" {
			share = min(maxBody, smallBody+r.ContentLength)
		}
		if err := bodies.Acquire(r.Context(), share); err != nil {
			writeUnavailable(w, r, batching.Busy("too many requests wait"))
			return
		}
		defer bodies.Release(share)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}
