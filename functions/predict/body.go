package predict

import (
	"bytes"
	"encoding/binary"
	"io"
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
	// grpcHead is what stands before a message of gRPC: whether it is
	// compressed, and its length in 4 bytes.
	grpcHead = 5
)

// boundBodies limits a body and all bodies together.
func boundBodies(next http.Handler) http.Handler {
	bodies := semaphore.NewWeighted(allBodies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		share := shareOf(r)
		if err := bodies.Acquire(r.Context(), share); err != nil {
			writeRefused(w, r, http.StatusServiceUnavailable, batching.Busy("too many requests wait"))
			return
		}
		defer bodies.Release(share)
		limit := int64(maxBody)
		if isGRPC(r) {
			limit += grpcHead
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}

// shareOf is what a request may come to once it is read. A gRPC request does not
// say its length, but that of the one message in it: its head is read.
func shareOf(r *http.Request) int64 {
	length := r.ContentLength
	if isGRPC(r) {
		head := make([]byte, grpcHead)
		n, err := io.ReadFull(r.Body, head)
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head[:n]), r.Body), r.Body}
		length = -1
		if err == nil && head[0] == 0 { // not compressed
			length = int64(binary.BigEndian.Uint32(head[1:]))
		}
	}
	if length < 0 || length > maxBody || r.Header.Get("Content-Encoding") != "" {
		return maxBody
	}
	return min(maxBody, smallBody+length)
}
