package functions

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	deployinference "github.com/kafkaml/kafkaml/functions/deploy-inference"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/backup"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/kubernetes"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// parts are what steps stand on. Each is opened once, by the first step that
// needs it.
type parts struct {
	store      *registry.Store
	artifacts  *artifact.Store
	builders   framework.Builders
	dialling   sync.Mutex // held while kafka is opened
	kafka      *stream.Cluster
	jobs       platform.Jobs
	services   platform.Services
	sources    deployinference.Sources
	dispatcher *eventing.Dispatcher // the sources, where local runs
	local      *local.Platform      // jobs and services on this machine,
	kubernetes *kubernetes.Platform // or in a cluster
	namespace  string               // of the cluster

	closers []func() error
}

// open opens parts, one after the other.
func (h *Host) open(ctx context.Context, parts ...func(context.Context) error) error {
	for _, part := range parts {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *parts) onClose(f func() error) { p.closers = append(p.closers, f) }

// closeParts closes all parts but the registry, the last one first.
func (h *Host) closeParts() (err error) {
	for _, shut := range slices.Backward(h.parts.closers) {
		err = errors.Join(err, shut())
	}
	h.parts.closers = nil
	return err
}

func (h *Host) openStore(ctx context.Context) (err error) {
	if err := os.MkdirAll(h.config.Data, 0o750); err != nil {
		return &pipeline.Error{Op: "make the data folder", Kind: pipeline.Unavailable, Field: "KAFKAML_DATA", Err: err}
	}
	if h.parts.store, err = registry.Open(ctx, h.config.Database); err != nil {
		return err
	}
	return nil
}

func (h *Host) openArtifacts(ctx context.Context) (err error) {
	if h.parts.artifacts != nil {
		return nil
	}
	if h.parts.artifacts, err = artifact.Open(ctx, h.config.Artifacts); err != nil {
		return err
	}
	h.parts.onClose(h.parts.artifacts.Close)
	return backup.Unfinished(ctx, h.parts.artifacts)
}

func (h *Host) openBuilders(ctx context.Context) (err error) {
	if h.config.Builders != nil {
		h.parts.builders = h.config.Builders // who gave them closes them
		return nil
	}
	if h.parts.builders, err = h.config.Frameworks.Build(ctx, h.log); err != nil {
		return err
	}
	h.parts.onClose(h.parts.builders.Close)
	return nil
}

// kafka is the cluster, for a step that can do without it until it is asked for.
func (h *Host) kafka(ctx context.Context) (*stream.Cluster, error) {
	err := h.openKafka(ctx)
	return h.parts.kafka, err
}

func (h *Host) openKafka(ctx context.Context) (err error) {
	h.parts.dialling.Lock()
	defer h.parts.dialling.Unlock()
	if h.parts.kafka != nil {
		return nil
	}
	if h.parts.kafka, err = stream.Dial(ctx, h.config.Kafka); err != nil {
		return err
	}
	h.parts.onClose(h.parts.kafka.Close)
	return nil
}

// openPlatform runs trainings and inferences: in the cluster, or as processes of
// this machine.
func (h *Host) openPlatform(context.Context) error {
	if h.parts.jobs != nil {
		return nil
	}
	if h.config.Cluster != nil {
		return h.openKubernetes()
	}
	p, err := local.New(local.Config{
		Programs: h.config.Programs, Dir: filepath.Join(h.config.Data, "logs"), Scratch: filepath.Join(h.config.Data, "scratch"),
		Log: h.log, BaseURL: h.config.URL + PredictPath, OnEnded: h.ended, Brokers: h.brokers,
	})
	if err != nil {
		return err
	}
	h.runHere(p)
	h.parts.onClose(p.Close)
	return nil
}

// runHere has trainings and inferences be processes of this machine.
func (h *Host) runHere(p *local.Platform) {
	h.parts.local, h.parts.jobs, h.parts.services = p, p, p
	h.forward = http.StripPrefix(PredictPath, p.Proxy(h.away))
}

// brokers are where Kafka's brokers say that they serve, none where they are away.
func (h *Host) brokers() []string {
	if h.parts.kafka == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	all, err := h.parts.kafka.Brokers(ctx)
	if err != nil {
		h.log.Warn("the brokers of Kafka do not say where they serve", "error", err)
	}
	return all
}

// openSources delivers records to inferences: by the cluster's KafkaSources, or
// by a dispatcher that stands in for them on this machine.
func (h *Host) openSources(context.Context) error {
	if k := h.parts.kubernetes; k != nil {
		h.parts.sources = clusterSources{k, h.config.Kafka}
		return nil
	}
	d := eventing.NewDispatcher(h.parts.kafka, h.replicas, h.log).As(func(s eventing.KafkaSource) string {
		if s.Metadata.Name != pipeline.StepControlLog { // a replica knows no token of ours
			return ""
		}
		return h.signer.Token(identity.Trigger(s.Metadata.Name), 0)
	})
	h.parts.dispatcher, h.parts.sources = d, d
	h.parts.onClose(d.Close)
	return nil
}

// replicas gives the URLs of the replicas that a destination on this machine
// names.
func (h *Host) replicas(d eventing.Destination) []string {
	if d.Ref == nil {
		return nil
	}
	return h.parts.local.URLs(d.Ref.Name)
}
