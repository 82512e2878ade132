package eventing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Resolve gives the URLs at which a destination is served now, in the order in
// which they should be tried; none while it is not ready.
type Resolve func(Destination) []string

// Dispatcher does on one machine what Knative's KafkaSource does in a cluster:
// it consumes topics and POSTs each record as an event to a sink. An offset is
// committed once every record before it was accepted or dead-lettered, so that a
// record is delivered at least once however the process ends.
type Dispatcher struct {
	cluster *stream.Cluster
	resolve Resolve
	token   func(KafkaSource) string // nil: none
	log     *slog.Logger
	links   *links

	mu      sync.Mutex
	sources map[string]*source
	closed  bool
}

// source is one KafkaSource at work.
type source struct {
	manifest KafkaSource
	cancel   context.CancelFunc
	done     chan struct{}
}

// NewDispatcher makes a dispatcher on a cluster. A nil resolve knows only
// destinations with a URI. Close ends it.
func NewDispatcher(cluster *stream.Cluster, resolve Resolve, log *slog.Logger) *Dispatcher {
	if resolve == nil {
		resolve = func(Destination) []string { return nil }
	}
	if log == nil {
		log = slog.Default()
	}
	return &Dispatcher{
		cluster: cluster, log: log, sources: map[string]*source{},
		resolve: func(d Destination) []string {
			if d.URI != "" {
				return []string{d.URI}
			}
			return resolve(d)
		},
		links: newLinks(),
	}
}

// As lets deliveries show a bearer token, that of their source. It must be called
// before Apply.
func (d *Dispatcher) As(token func(KafkaSource) string) *Dispatcher {
	d.token = token
	return d
}

// Apply starts a source, or changes one that runs: it then ends its deliveries
// under way and goes on from its committed offsets. It returns at once; the
// topics may come into being later.
func (d *Dispatcher) Apply(ctx context.Context, s KafkaSource) error {
	if err := s.Validate(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return &pipeline.Error{Op: "apply KafkaSource", Kind: pipeline.Unavailable, Reason: "the dispatcher is closed"}
	}
	old := d.sources[s.Name()]
	if old != nil {
		if reflect.DeepEqual(old.manifest, s) {
			return nil
		}
		if err := old.end(ctx); err != nil {
			return err
		}
	}
	run, cancel := context.WithCancel(context.Background())
	next := &source{manifest: s, cancel: cancel, done: make(chan struct{})}
	d.sources[s.Name()] = next
	go func() {
		defer close(next.done)
		d.run(run, s)
	}()
	return nil
}

// Delete ends the source of a name and waits for its deliveries under way; one
// that does not exist is no error.
func (d *Dispatcher) Delete(ctx context.Context, named KafkaSource) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := named.Name()
	s := d.sources[key]
	if s == nil {
		return nil
	}
	if err := s.end(ctx); err != nil {
		return err
	}
	delete(d.sources, key)
	return nil
}

// end stops a source and waits for it.
func (s *source) end(ctx context.Context) error {
	s.cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return &pipeline.Error{Op: "end KafkaSource " + s.manifest.Name(), Kind: pipeline.Unavailable, Err: context.Cause(ctx)}
	}
}

// Close ends all sources and waits for their deliveries under way.
func (d *Dispatcher) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, s := range d.sources {
		s.cancel()
	}
	for _, s := range d.sources {
		<-s.done
	}
	d.links.close()
	return nil
}

// run keeps a source's members in their group until ctx ends.
func (d *Dispatcher) run(ctx context.Context, s KafkaSource) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range s.Spec.consumers() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			d.runMember(ctx, s)
		}()
	}
}

// rejoinAfter is the pause before a member that failed joins again.
const rejoinAfter = time.Second

func (d *Dispatcher) runMember(ctx context.Context, s KafkaSource) {
	log := d.log.With("source", s.Name(), "group", s.Spec.ConsumerGroup)
	c := newConsumer(d, s, log)
	defer c.close()
	var said string
	var until time.Time // what does not change is logged once a minute
	for ctx.Err() == nil {
		err := d.cluster.Consume(ctx, stream.GroupConfig{
			ID: s.Spec.ConsumerGroup, Topics: s.Spec.Topics, Latest: s.Spec.InitialOffset != Earliest, Log: log,
		}, c.handle)
		if ctx.Err() != nil {
			return
		}
		if why, now := fmt.Sprint(err), time.Now(); why != said || now.After(until) {
			log.Warn("the source joins its group again", "error", err)
			said, until = why, now.Add(time.Minute)
		}
		if errors.Is(pause(ctx, rejoinAfter), errStopped) {
			return
		}
	}
}
