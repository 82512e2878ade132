package stream_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// A cluster that is dialled by one broker tells of all.
func TestBrokers(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	want := slices.Sorted(slices.Values(fake.ListenAddrs()))
	c, err := stream.Dial(t.Context(), stream.Config{Brokers: want[:1]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if got, err := c.Brokers(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
