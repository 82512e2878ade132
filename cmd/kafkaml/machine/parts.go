package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/sources"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/keras"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/broker"
	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/ui"
)

// startBroker starts the broker that was chosen, or looks for the one that was
// named, and connects to it.
func (m *Machine) startBroker(ctx context.Context) error {
	o := m.options
	var b *broker.Broker
	var err error
	switch o.Broker {
	case BrokerExternal:
		m.Kafka = o.Kafka
		o.Say("using Kafka at %v", o.Kafka.Brokers)
	case BrokerKafka:
		var lib string
		if lib, err = toolchain.Kafka(); err != nil {
			return err
		}
		o.Say("starting Apache Kafka %s", toolchain.KafkaVersion)
		b, err = broker.Kafka(context.WithoutCancel(ctx), lib, m.path("kafka"), o.KafkaPort)
	case BrokerDevelopment:
		o.Say("starting the development broker (BROKER=kafka starts Apache Kafka)")
		b, err = broker.Development(context.WithoutCancel(ctx), m.path("broker"), o.KafkaPort)
	default:
		return pipeline.Invalidf("broker", "%q is not a broker", o.Broker).WithHint("use %s or %s, or set KAFKA_BROKERS", BrokerDevelopment, BrokerKafka)
	}
	if err != nil {
		return err
	}
	if b != nil {
		m.watch(b)
	}
	m.Cluster, err = stream.Dial(ctx, m.Kafka)
	if err != nil {
		return err
	}
	m.onClose("the connection to Kafka", func(context.Context) error { return m.Cluster.Close() })
	return m.Cluster.EnsureTopic(ctx, o.ControlTopic, 1)
}

// watch keeps a broker of ours until the end, and reports when it ends before.
func (m *Machine) watch(b *broker.Broker) {
	m.Kafka = stream.Config{Brokers: []string{b.Addr}}
	asked := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-b.Done():
			m.fail(fmt.Errorf("the broker ended: %w", errors.Join(b.Err(), errEnded)))
		case <-asked:
		}
	})
	m.onClose("the broker", func(context.Context) error {
		close(asked)
		watching.Wait()
		return b.Close()
	})
}

var errEnded = errors.New("nobody asked it to")

// open opens what the steps stand on.
func (m *Machine) open(ctx context.Context) error {
	o := m.options
	var err error
	if m.Store, err = registry.Open(ctx, o.Database); err != nil {
		return err
	}
	m.onClose("the registry", func(context.Context) error { return m.Store.Close() })
	if m.artifacts, err = artifact.Open(ctx, o.Artifacts); err != nil {
		return err
	}
	m.onClose("the artifact store", func(context.Context) error { return m.artifacts.Close() })
	python, packages, err := toolchain.Python()
	if err != nil {
		return err
	}
	o.Say("starting the model worker")
	worker, err := keras.Start(ctx, keras.Options{Python: python, SitePackages: packages, Scratch: m.path("scratch"), Log: o.Log})
	if err != nil {
		return err
	}
	m.onClose("the model worker", func(context.Context) error { return worker.Close() })
	if err := worker.Health(); err != nil {
		o.Say("models cannot be registered: %v", err)
	}
	m.parts = functions.Parts{
		Store: m.Store, Artifacts: m.artifacts, Cluster: m.Cluster, Worker: worker, Scratch: m.path("scratch"), Log: o.Log,
		Training: m.URL + "/" + functions.DeployTraining + "/",
		Env:      append(m.Kafka.Env(), "ARTIFACT_URL="+o.Artifacts, "CONTROL_TOPIC="+o.ControlTopic),
	}
	return nil
}

// predictPath is where the replicas of inferences are proxied.
const predictPath = "/predict"

// serve starts the functions and what runs beside them. The server ends after
// its callers: the loops, the dispatcher and the child processes.
func (m *Machine) serve(ctx context.Context) error {
	o := m.options
	local, err := platform.NewLocal(platform.LocalConfig{
		Binary: o.Binary, Dir: m.path("logs"), Log: o.Log, BaseURL: m.URL + predictPath,
		OnEnded: func(ctx context.Context, e platform.Ended) { m.host.Ended(ctx, e) },
	})
	if err != nil {
		return err
	}
	dispatcher := eventing.NewDispatcher(m.Cluster, m.resolve(local), o.Log)
	m.parts.Jobs, m.parts.Services, m.parts.Sources = local, local, dispatcher
	if m.host, err = functions.New(m.parts, ""); err != nil {
		return errors.Join(err, local.Close())
	}
	if err := m.listenAndServe(local); err != nil {
		return errors.Join(err, local.Close())
	}
	m.onClose("training and predict processes", func(context.Context) error { return local.Close() })
	m.onClose("the dispatcher", func(context.Context) error { return dispatcher.Close() })
	control, err := sources.ControlLog(o.ControlTopic, m.Kafka.Brokers)
	if err != nil {
		return err
	}
	if err := dispatcher.Apply(ctx, control); err != nil {
		return err
	}
	loops, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { m.host.Run(loops) })
	m.onClose("the functions", func(context.Context) error {
		stop()
		running.Wait()
		return nil
	})
	return nil
}

// listenAndServe serves the page, the functions and the replicas.
func (m *Machine) listenAndServe(local *platform.Local) error {
	config, err := m.pageConfig()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", ui.Handler(config))
	for _, step := range functions.Steps {
		mux.Handle("/"+step+"/", m.host)
	}
	mux.Handle(predictPath+"/", http.StripPrefix(predictPath, local.Proxy()))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
			m.fail(fmt.Errorf("serve %s: %w", m.URL, err))
		}
	})
	m.onClose("the server", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // what does not end is cut off: it was not answered, so it is sent again
		}
		serving.Wait()
		return nil
	})
	return nil
}

// pageConfig is config.json: where the page finds the functions.
func (m *Machine) pageConfig() ([]byte, error) {
	urls := map[string]string{}
	for _, step := range functions.Steps {
		urls[step] = "/" + step
	}
	return json.Marshal(map[string]any{
		"functions": urls, "brokers": m.Kafka.Brokers, "control_topic": m.options.ControlTopic,
	})
}

// resolve finds the URLs behind a reference of a KafkaSource: a function's, or
// those of an inference's replicas.
func (m *Machine) resolve(local *platform.Local) eventing.Resolve {
	return func(d eventing.Destination) []string {
		switch {
		case d.Ref == nil:
			return nil
		case slices.Contains(functions.Steps, d.Ref.Name):
			return []string{m.URL + "/" + d.Ref.Name + "/"}
		default:
			return local.URLs(d.Ref.Name)
		}
	}
}
