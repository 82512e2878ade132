// Package broker starts a Kafka broker on this machine: the development broker
// inside the process, for a machine without Java, or Apache Kafka as a child
// process. Both keep their records in a folder and have them again after a
// restart.
package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Broker is a running broker. Close ends it; Done is closed when it has ended,
// and Err then says why (nil after Close).
type Broker struct {
	Addr string // host:port to bootstrap from

	once sync.Once
	stop func()
	done chan struct{}
	err  error // set before done is closed
}

// Done is closed when the broker has ended, asked to or not.
func (b *Broker) Done() <-chan struct{} { return b.done }

// Err is why the broker ended by itself. It waits for the end.
func (b *Broker) Err() error {
	<-b.done
	return b.err
}

// Close ends the broker and waits until it is gone.
func (b *Broker) Close() error {
	b.once.Do(b.stop)
	return b.Err()
}

// listenError explains a port that cannot be had.
func listenError(op string, port int, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return &pipeline.Error{
			Op: op, Kind: pipeline.Unavailable, Field: "port", Err: err,
			Reason: fmt.Sprintf("port %d is in use", port),
			Hint:   "end what listens there, or choose another port with --kafka-port (KAFKA_PORT=9093 make run); 0 takes a free one",
		}
	}
	return &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Err: err}
}

// The ports that port 0 is resolved to are below those that the kernel gives to
// connections and to whoever listens on any: nobody gets one by chance while the
// broker that will listen on it starts.
const (
	lowestPort  = 18000
	highestPort = 29999
)

// claimPort resolves port 0 to a free port, and reports whether a given one is
// free, before a slow start finds out.
func claimPort(ctx context.Context, op string, port int) (int, error) {
	if port != 0 {
		return port, tryPort(ctx, op, port)
	}
	var err error
	for range 100 {
		port = lowestPort + rand.IntN(highestPort-lowestPort+1) // #nosec G404 -- any will do
		if err = tryPort(ctx, op, port); err == nil {
			break
		}
	}
	return port, err
}

// tryPort reports why a port cannot be listened on.
func tryPort(ctx context.Context, op string, port int) error {
	var l net.ListenConfig
	ln, err := l.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return listenError(op, port, err)
	}
	return ln.Close()
}

// host is where both brokers listen: this machine only, since neither asks who
// is there.
const host = "127.0.0.1"
