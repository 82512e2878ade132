package broker_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
)

// process finds the process that has a folder among its arguments.
func process(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		args, err := os.ReadFile(f)
		if err == nil && bytes.Contains(args, []byte(dir)) && bytes.Contains(args, []byte("kafka.Kafka")) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("the broker's process is not found")
	return 0
}

// A broker that is killed comes back on its port with its records, and a client
// of before goes on.
func TestKilledBrokerIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	again := func(ctx context.Context, port int) (*broker.Broker, error) {
		return brokers(t)["kafka"](ctx, dir, port)
	}
	b, err := again(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 10)
	kept := broker.Keep(t.Context(), b, again, func(err error) { said <- err })
	c, err := stream.Dial(t.Context(), stream.Config{Brokers: []string{b.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := use(t, b); n != 1 || kept.Health() != nil {
		t.Fatalf("%d records, %v", n, kept.Health())
	}
	if err := syscall.Kill(process(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-said; !strings.Contains(err.Error(), "started again") || strings.Contains(err.Error(), "SLF4J") {
		t.Errorf("said: %v", err)
	}
	deadline := time.Now().Add(5 * time.Minute)
	for kept.Health() != nil {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come back: %v", kept.Health())
		}
		<-time.After(50 * time.Millisecond)
	}
	if base, err := c.Produce(t.Context(), "kept", 0, []stream.Record{{Value: []byte("v")}}); base != 1 || err != nil {
		t.Errorf("a client of before writes at %d, %v", base, err)
	}
	if n := use(t, b); n != 3 {
		t.Errorf("%d records are there", n)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
}
