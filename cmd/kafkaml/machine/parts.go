package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/ui"
)

// startBroker starts the broker that was chosen, or looks for the one that was
// named, and connects to it.
func (m *Machine) startBroker(ctx context.Context) error {
	o := m.options
	var start func(ctx context.Context, port int) (*broker.Broker, error)
	switch o.Broker {
	case BrokerExternal:
		m.Kafka = o.Kafka
		o.Say("using Kafka at %s", strings.Join(o.Kafka.Brokers, ", "))
	case BrokerKafka:
		lib, err := toolchain.Kafka()
		if err != nil {
			return err
		}
		o.Say("starting Apache Kafka %s", toolchain.KafkaVersion)
		start = func(ctx context.Context, port int) (*broker.Broker, error) {
			return broker.Kafka(ctx, lib, m.path("kafka"), port)
		}
	case BrokerDevelopment:
		o.Say("starting the development broker (BROKER=kafka starts Apache Kafka)")
		start = func(ctx context.Context, port int) (*broker.Broker, error) {
			return broker.Development(ctx, m.path("broker"), port)
		}
	default:
		return pipeline.Invalidf("broker", "%q is not a broker", o.Broker).WithHint("use %s or %s, or set KAFKA_BROKERS", BrokerDevelopment, BrokerKafka)
	}
	if start != nil {
		if err := m.keepBroker(ctx, start); err != nil {
			return err
		}
	}
	var err error
	if m.Cluster, err = stream.Dial(ctx, m.Kafka); err != nil {
		return err
	}
	m.onClose("the connection to Kafka", func(context.Context) error { return m.Cluster.Close() })
	return nil
}

// keepBroker starts a broker and starts it again when it ends before the
// machine does.
func (m *Machine) keepBroker(ctx context.Context, start func(context.Context, int) (*broker.Broker, error)) error {
	ctx = context.WithoutCancel(ctx) // it ends after all that uses it
	b, err := start(ctx, m.options.KafkaPort)
	if err != nil {
		return err
	}
	m.Kafka = stream.Config{Brokers: []string{b.Addr}}
	m.Broker = broker.Keep(ctx, b, start, func(err error) {
		m.options.Log.Error("the broker is started again", "error", err)
		m.options.Say("%v", err)
	})
	m.onClose("the broker", func(context.Context) error { return m.Broker.Close() })
	return nil
}

// serve starts the functions as func-go would, all steps in one instance, and
// the page beside them. The server ends after the instance, whose processes
// report to it until their end.
func (m *Machine) serve(ctx context.Context) error {
	o := m.options
	instance := functions.NewInstance(o.Frameworks, o.Log)
	config := client.ConfigBelow(m.Kafka.Brokers, o.ControlTopic, o.Tenant)
	if m.Broker != nil {
		config.Health = healthPath
	}
	m.listenAndServe(instance, ui.Handler(config))
	m.onClose("the functions", instance.Stop)
	o.Say("starting the functions and the model worker")
	err := instance.Serve(ctx, functions.Config{
		Data: o.Data, Database: o.Database, Artifacts: o.Artifacts, Kafka: m.Kafka, Schemas: o.Schemas, ControlTopic: o.ControlTopic, Tenant: o.Tenant,
		URL: m.URL, Inner: m.Inner, Guard: m.guard, MayRead: o.MayRead, MayWrite: o.MayWrite,
		Replicas: o.Replicas,
	})
	if err != nil {
		return err
	}
	if ready, err := instance.Ready(ctx); err != nil || !ready {
		o.Say("models cannot be registered on this machine: `kafkaml doctor` says what is missing")
	}
	return nil
}

// listenAndServe serves the functions and the replicas under their names, and
// the page everywhere else.
func (m *Machine) listenAndServe(instance *functions.Instance, page http.Handler) {
	mux := http.NewServeMux()
	mux.Handle("/", bounds.Walking.Wrap(m.guard.Wrap(m.guard.Account(page))))
	mux.Handle("GET "+healthPath, m.guard.Wrap(http.HandlerFunc(m.health)))
	for _, path := range append(slices.Clone(pipeline.Steps), pipeline.StepPredict) {
		mux.HandleFunc("/"+path+"/", instance.Handle)
	}
	mux.HandleFunc(pipeline.GRPCService, instance.Handle)
	for _, document := range functions.Documents {
		mux.HandleFunc("/"+document, instance.Handle)
	}
	server := bounds.NewServer(mux)
	var serving sync.WaitGroup
	on := func(serve func() error) {
		serving.Go(func() {
			if err := serve(); !errors.Is(err, http.ErrServerClosed) {
				m.fail(fmt.Errorf("serve %s: %w", m.URL, err))
			}
		})
	}
	if m.certificate == nil {
		on(func() error { return server.Serve(bounds.Listen(m.listener)) })
	} else {
		server.TLSConfig = m.certificate.Config()
		server.ErrorLog = slog.NewLogLogger(m.options.Log.Handler(), slog.LevelDebug) // handshakes of whoever comes by
		on(func() error { return server.ServeTLS(bounds.Listen(m.listener), "", "") })
		on(func() error { return server.Serve(m.inner) })
	}
	m.onClose("the server", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // what does not end is cut off: it was not answered, so it is sent again
		}
		serving.Wait()
		return nil
	})
}

// healthPath is where the page asks for the broker that this process started.
const healthPath = "/health"

// health answers 200 while the broker runs, 503 with the reason while it is
// started again.
func (m *Machine) health(w http.ResponseWriter, _ *http.Request) {
	if m.Broker != nil {
		if err := m.Broker.Health(); err != nil {
			door.Problem(w, err)
			return
		}
	}
	door.WriteJSON(w, struct {
		Status string `json:"status"`
	}{"running"})
}
