package predict

import (
	"bytes"
	"io"
	"net/http"

	"golang.org/x/sync/semaphore"

	"github.com/kafkaml/kafkaml/eventing/bounds"
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
	// firstRead is the room that is made for a body before it comes.
	firstRead = 64 << 10
	// grpcHead is what stands before a message of gRPC: whether it is
	// compressed, and its length in 4 bytes.
	grpcHead = 5
)

// boundBodies limits a body and all bodies together. A body is read before its
// request waits for a share, so that no client holds one by sending slowly.
func boundBodies(next http.Handler) http.Handler {
	bodies, memory := semaphore.NewWeighted(allBodies), bounds.NewMemory(allBodies)
	return memory.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		limit := int64(maxBody)
		if isGRPC(r) {
			limit += grpcHead
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		body := readWhole(r)
		r.Body = body
		if body.err != nil { // to be refused
			next.ServeHTTP(w, r)
			return
		}
		share := shareOf(r, body.data)
		if err := bodies.Acquire(r.Context(), share); err != nil {
			writeRefused(w, r, http.StatusServiceUnavailable, batching.Busy("too many requests wait"))
			return
		}
		defer bodies.Release(share)
		next.ServeHTTP(w, r)
	}))
}

// wholeBody is a body that has been read, and what ended it, nil for its end.
type wholeBody struct {
	data, rest []byte
	err        error
}

func readWhole(r *http.Request) *wholeBody {
	var buffer bytes.Buffer
	buffer.Grow(int(min(max(r.ContentLength, 0), firstRead) + bytes.MinRead)) // more is not believed before it comes
	_, err := buffer.ReadFrom(r.Body)
	return &wholeBody{data: buffer.Bytes(), rest: buffer.Bytes(), err: err}
}

// Read implements io.Reader.
func (b *wholeBody) Read(p []byte) (int, error) {
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	switch {
	case len(b.rest) > 0 || n > 0:
		return n, nil
	case b.err != nil:
		return 0, b.err
	}
	return 0, io.EOF
}

// Whole implements eventing.Whole.
func (b *wholeBody) Whole() ([]byte, error) { return b.data, b.err }

// Close implements io.Closer.
func (b *wholeBody) Close() error { return nil }

// shareOf is what a request may come to once it is read: more than its body where
// that is packed.
func shareOf(r *http.Request, body []byte) int64 {
	packed := r.Header.Get("Content-Encoding") != ""
	if isGRPC(r) {
		packed = len(body) > 0 && body[0] != 0
	}
	if packed {
		return maxBody
	}
	return min(maxBody, smallBody+int64(len(body)))
}
