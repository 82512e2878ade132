// Package streamtest gives tests a Kafka cluster: the development broker, or
// Apache Kafka. Nothing here is a substitute for either.
package streamtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// Cluster starts a development broker for one test and connects to it. Both end
// with the test.
func Cluster(t testing.TB) *stream.Cluster {
	t.Helper()
	b, err := broker.Development(context.Background(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBroker(t, b) })
	return dial(t, b.Addr)
}

func closeBroker(t testing.TB, b *broker.Broker) {
	if err := b.Close(); err != nil {
		t.Errorf("close the broker: %v", err)
	}
}

func dial(t testing.TB, addr string) *stream.Cluster {
	t.Helper()
	c, err := stream.Dial(t.Context(), stream.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close the cluster: %v", err)
		}
	})
	return c
}

// shared is the Apache Kafka of this test process: a start takes seconds.
var shared struct {
	sync.Mutex
	running bool // Main runs
	broker  *broker.Broker
	dir     string
}

// Main runs a package's tests and then ends the Apache Kafka that they shared:
//
//	func TestMain(m *testing.M) { os.Exit(streamtest.Main(m)) }
func Main(m *testing.M) int {
	shared.running = true
	code := m.Run()
	if shared.broker == nil {
		return code
	}
	if err := shared.broker.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "close Apache Kafka:", err)
		code = max(code, 1)
	}
	if err := os.RemoveAll(shared.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Kafka connects to the Apache Kafka that the tests of the package share; its
// TestMain must call Main. Tests keep apart by the topics that Topic names.
func Kafka(t testing.TB) *stream.Cluster {
	t.Helper()
	return dial(t, kafkaAddr(t))
}

func kafkaAddr(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.running {
		t.Fatal("streamtest.Kafka needs func TestMain(m *testing.M) { os.Exit(streamtest.Main(m)) }")
	}
	if shared.broker != nil {
		return shared.broker.Addr
	}
	lib, err := toolchain.Kafka()
	if err != nil {
		t.Fatalf("%v: run `make kafka`", err)
	}
	if shared.dir, err = os.MkdirTemp("", "kafka"); err != nil {
		t.Fatal(err)
	}
	if shared.broker, err = broker.Kafka(context.Background(), lib, shared.dir, 0); err != nil {
		t.Fatal(err)
	}
	return shared.broker.Addr
}

// Each runs a test against both brokers.
func Each(t *testing.T, test func(t *testing.T, c *stream.Cluster)) {
	t.Run("development", func(t *testing.T) { test(t, Cluster(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, Kafka(t)) })
}

var topics atomic.Int64

// Topic makes a topic with a name of its own.
func Topic(t testing.TB, c *stream.Cluster, partitions int) string {
	t.Helper()
	name := Name(t)
	if err := c.EnsureTopic(t.Context(), name, partitions); err != nil {
		t.Fatal(err)
	}
	return name
}

// Name is a name that no other test of the process uses, for a topic or a group.
func Name(t testing.TB) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	return fmt.Sprintf("%s-%d", plain[:min(len(plain), 100)], topics.Add(1))
}
