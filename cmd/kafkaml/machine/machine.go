// Package machine runs the whole pipeline on one machine: a broker, the
// functions, the model worker, training and predict processes, and the page.
// It is the code of the cluster with other parts beneath it.
package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
)

// Options say what to run and where.
type Options struct {
	Data         string // folder that holds all state
	Listen       string // address of the page and the functions
	Port         int    // 0 takes a free one
	Broker       string // BrokerDevelopment, BrokerKafka or BrokerExternal
	KafkaPort    int    // of a broker that is started here; 0 takes a free one
	Kafka        stream.Config
	Schemas      schemas.Config // the schema registry, if there is one
	Database     string         // URL; a SQLite file under Data when empty
	Artifacts    string         // URL; a folder under Data when empty
	ControlTopic string
	Tenant       string // among installations that share Kafka
	Access       guard.Settings
	MayRead      identity.Topics
	MayWrite     identity.Topics
	Replicas     int    // most of an inference; 0 for the usual bound
	TLSCert      string // PEM file of the certificate to serve with; plain HTTP when empty
	TLSKey       string // and of its key
	Frameworks   framework.Registry
	Log          *slog.Logger
	Say          func(format string, args ...any) // shows a person what is being done
}

// The brokers to choose from.
const (
	BrokerDevelopment = "development"
	BrokerKafka       = "kafka"
	BrokerExternal    = "external"
)

// Machine is a running pipeline.
type Machine struct {
	URL     string // of the page; the functions lie below it
	Inner   string // the same for programs of this machine, without TLS
	Kafka   stream.Config
	Cluster *stream.Cluster
	Broker  *broker.Kept // nil where Kafka is external
	options Options

	guard       *guard.Guard
	token       string            // of what this process does by itself, as an editor
	certificate *door.Certificate // nil for plain HTTP
	listener    net.Listener
	inner       net.Listener // nil without a certificate
	failed      chan error   // why a part ended by itself
	closers     []closer     // in the order of starting
}

// closer ends one part.
type closer struct {
	name  string
	close func(context.Context) error
}

// shutdownTime bounds an orderly end.
const shutdownTime = 40 * time.Second

// Start starts everything and returns when the functions answer. The caller
// closes the machine; after an error nothing of it is left.
func Start(ctx context.Context, o Options) (m *Machine, err error) {
	m = &Machine{options: o, failed: make(chan error, 8)}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	for _, step := range []func(context.Context) error{m.openGuard, m.lock, m.openRegistry, m.listen, m.startBroker, m.serve} {
		if err := step(ctx); err != nil {
			return m, err
		}
	}
	return m, nil
}

// Failed gives why a part ended that nobody asked to.
func (m *Machine) Failed() <-chan error { return m.failed }

// Close ends everything in the reverse order of starting. It takes a context of
// its own: an end must not be cut short by what asked for it.
func (m *Machine) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	var errs []error
	for i := len(m.closers) - 1; i >= 0; i-- {
		c := m.closers[i]
		if err := c.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", c.name, err))
		}
	}
	m.closers = nil
	return errors.Join(errs...)
}

func (m *Machine) onClose(name string, f func(context.Context) error) {
	m.closers = append(m.closers, closer{name, f})
}

// fail reports that a part ended by itself.
func (m *Machine) fail(err error) {
	select {
	case m.failed <- err:
	default: // the first reasons are enough
	}
}

// openGuard refuses to be open to other machines before anything starts, unless
// it was said what those may do who come from there.
func (m *Machine) openGuard(context.Context) (err error) {
	if m.guard, err = m.options.Access.Open(net.JoinHostPort(m.options.Listen, "0")); err != nil {
		return err
	}
	m.token = identity.NewToken()
	own, err := identity.NewTokens(identity.TokenLine("example", identity.Editor, m.token), "")
	m.guard.Trust(own)
	return err
}

// lock makes the data folder this process's alone and looks at its disk.
func (m *Machine) lock(context.Context) error {
	if err := os.MkdirAll(m.options.Data, 0o755); err != nil {
		return &pipeline.Error{Op: "open the data folder", Kind: pipeline.Unavailable, Field: "data", Err: err}
	}
	unlock, err := lockFolder(m.options.Data)
	if err != nil {
		return err
	}
	m.onClose("the lock of the data folder", func(context.Context) error { return unlock() })
	return checkDisk(m.options.Data)
}

// openRegistry brings the registry up to date, or refuses one that a newer
// version wrote, before a broker or anything else changes the data folder.
func (m *Machine) openRegistry(ctx context.Context) error {
	m.options.Database, m.options.Artifacts = functions.Stores(m.options.Data, m.options.Database, m.options.Artifacts)
	store, err := registry.Open(ctx, m.options.Database)
	if err != nil {
		return err
	}
	return store.Close()
}

func (m *Machine) path(names ...string) string {
	return filepath.Join(append([]string{m.options.Data}, names...)...)
}

// listen takes the port before anything slow starts.
func (m *Machine) listen(ctx context.Context) error {
	var config net.ListenConfig
	address := net.JoinHostPort(m.options.Listen, strconv.Itoa(m.options.Port))
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return &pipeline.Error{
			Op: "listen on " + address, Kind: pipeline.Unavailable, Field: "port", Err: err,
			Hint: "end what listens there, or choose another port with --port (PORT=8081 make run); 0 takes a free one",
		}
	}
	m.URL = "http://" + reachable(l.Addr())
	m.listener = l
	m.onClose("the port", func(context.Context) error {
		_ = l.Close() // closed by the server already, but for a start that failed
		return nil
	})
	return m.secure(ctx)
}

// reachable is a listener's address as a program on this machine calls it.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
}
