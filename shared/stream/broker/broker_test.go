package broker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

type start func(ctx context.Context, dir string, port int) (*broker.Broker, error)

// brokers are both kinds.
func brokers(t *testing.T) map[string]start {
	t.Helper()
	lib, err := toolchain.Kafka()
	if err != nil {
		t.Fatalf("%v: run `make kafka`", err)
	}
	return map[string]start{
		"development": broker.Development,
		"kafka": func(ctx context.Context, dir string, port int) (*broker.Broker, error) {
			return broker.Kafka(ctx, lib, dir, port)
		},
	}
}

// use adds a record to a topic and gives how many it holds then.
func use(t *testing.T, b *broker.Broker) int64 {
	t.Helper()
	c, err := stream.Dial(t.Context(), stream.Config{Brokers: []string{b.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.EnsureTopic(t.Context(), "kept", 1); err != nil {
		t.Fatal(err)
	}
	base, err := c.Produce(t.Context(), "kept", 0, []stream.Record{{Value: []byte("v")}})
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	if err := c.Read(t.Context(), pipeline.Range{Topic: "kept", Length: base + 1}, func(stream.Record) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRecordsOutliveTheBroker(t *testing.T) {
	for name, start := range brokers(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for want := range int64(2) {
				b, err := start(t.Context(), dir, 0)
				if err != nil {
					t.Fatal(err)
				}
				if got := use(t, b); got != want+1 {
					t.Errorf("start %d: %d records", want+1, got)
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				if conn, err := net.Dial("tcp", b.Addr); err == nil {
					conn.Close()
					t.Error("a closed broker listens")
				}
			}
		})
	}
}

func TestBrokerEndsWithItsContext(t *testing.T) {
	for name, start := range brokers(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			b, err := start(ctx, t.TempDir(), 0)
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			<-b.Done()
			if err := b.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A port of the broker's own choice is one that nobody else is given.
func TestPortIsNotTakenByChance(t *testing.T) {
	for name, start := range brokers(t) {
		t.Run(name, func(t *testing.T) {
			b, err := start(t.Context(), t.TempDir(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			_, text, err := net.SplitHostPort(b.Addr)
			if err != nil {
				t.Fatal(err)
			}
			const kernels = 32768 // the first that Linux gives
			if port, err := strconv.Atoi(text); err != nil || port >= kernels {
				t.Errorf("it listens on %s", b.Addr)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for name, start := range brokers(t) {
		t.Run(name, func(t *testing.T) {
			_, err := start(t.Context(), t.TempDir(), port)
			var known *pipeline.Error
			if !errors.As(err, &known) || known.Field != "port" || !strings.Contains(known.Error(), fmt.Sprint(port)) || known.Hint == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNoRoomForData(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, start := range brokers(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := start(t.Context(), file, 0); pipeline.KindOf(err) != pipeline.Unavailable {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestKafkaExplains(t *testing.T) {
	t.Run("no jars", func(t *testing.T) {
		_, err := broker.Kafka(t.Context(), t.TempDir(), t.TempDir(), 0)
		if pipeline.KindOf(err) != pipeline.Unavailable || !strings.Contains(err.Error(), "StorageTool") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no Java", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := broker.Kafka(t.Context(), t.TempDir(), t.TempDir(), 0)
		var known *pipeline.Error
		if !errors.As(err, &known) || !strings.Contains(known.Reason, "java") || known.Hint == "" {
			t.Errorf("got %v", err)
		}
	})
}
