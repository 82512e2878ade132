package eventing

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// Whatever the order in which records finish, next never passes one that has
// not.
func TestWindow(t *testing.T) {
	got := int64(0)
	w := newWindow(func(next int64) { got = next })
	const n = 500
	places := make([]int64, n)
	open := map[int]bool{}
	offset := func(i int) int64 { return int64(3 * i) } // offsets may have gaps
	for i := range n {
		places[i] = w.begin(make([]stream.Record, 1), offset(i))
		open[i] = true
	}
	for _, i := range rand.Perm(n) {
		w.finish(places[i], 1)
		delete(open, i)
		lowest := n
		for o := range open {
			lowest = min(lowest, o)
		}
		want := int64(0)
		if lowest > 0 {
			want = offset(lowest-1) + 1
		}
		if got != want {
			t.Fatalf("next is %d, want %d", got, want)
		}
	}
}

func TestWindowIsBounded(t *testing.T) {
	w := newWindow(func(int64) {})
	for i := range maxAhead {
		if err := w.await(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.begin(make([]stream.Record, 1), int64(i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.finish(1, 1)
	cancel()
	if err := w.await(ctx); err == nil {
		t.Error("it runs ahead of a record that is not done")
	}
	w.finish(0, 1)
	if err := w.await(t.Context()); err != nil {
		t.Error(err)
	}
}
