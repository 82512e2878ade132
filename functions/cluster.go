package functions

import (
	"context"
	"path"
	"strconv"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/kubernetes"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// What the manifests call the objects that a cluster's pods read.
const (
	configMap      = "kafkaml"           // where Kafka and the artifacts are
	kafkaSecret    = "kafkaml-kafka"     // KAFKA_SASL_*
	artifactSecret = "kafkaml-artifacts" // AWS_*
	tlsSecret      = "kafkaml-kafka-tls" // #nosec G101 -- the name of a Secret: ca.crt, tls.crt, tls.key
	podAccount     = "kafkaml-worker"    // the service account without rights
)

// inCluster reports whether processes are Jobs and Services of a cluster: as
// PLATFORM says, kubernetes or local, else where a cluster runs this process.
func (e environment) inCluster() bool {
	if p := e.getenv("PLATFORM"); p != "" {
		return p == "kubernetes"
	}
	return e.getenv("KUBERNETES_SERVICE_HOST") != ""
}

// openKubernetes runs trainings as Jobs and inferences as Knative Services. The
// processes read Kafka's and the artifacts' settings from the ConfigMap and the
// Secrets, so that no password stands in a Job.
func (o *Opened) openKubernetes(e environment, onEnded func(context.Context, platform.Ended)) error {
	client, namespace, err := kubernetes.InCluster()
	if err != nil {
		return err
	}
	pending, err := strconv.Atoi(e.or("KAFKAML_PENDING_SECONDS", "600"))
	if err != nil || pending < 1 {
		return pipeline.Invalidf("KAFKAML_PENDING_SECONDS", "%q is not a number of seconds", e.getenv("KAFKAML_PENDING_SECONDS"))
	}
	k, err := kubernetes.New(kubernetes.Config{
		Client: client, Namespace: namespace, Image: e.getenv("KAFKAML_IMAGE"), GPUImage: e.getenv("KAFKAML_GPU_IMAGE"),
		Owner: e.getenv("K_SERVICE"), Account: podAccount, ConfigMaps: []string{configMap},
		Secrets: []string{kafkaSecret, artifactSecret}, TLSSecret: tlsSecret,
		Pending: time.Duration(pending) * time.Second, OnEnded: onEnded, Log: o.Log,
	})
	if err != nil {
		return err
	}
	o.Env, o.Jobs, o.Services = nil, k, k
	o.Namespace, o.PerPartition = namespace, true
	if e.serves(DeployTraining) {
		o.watch = k.Watch
	}
	if o.Cluster != nil {
		o.Sources = clusterSources{k, sourceNet(o.Cluster.Config())}
	}
	return nil
}

// clusterSources gives KafkaSources to the cluster, with the credentials that
// its consumers need.
type clusterSources struct {
	k   *kubernetes.Platform
	net any
}

// Apply implements deployinference.Sources.
func (c clusterSources) Apply(ctx context.Context, s eventing.KafkaSource) error {
	s.Spec.Net = c.net
	return c.k.ApplySource(ctx, s.Metadata.Name, s)
}

// Delete implements deployinference.Sources.
func (c clusterSources) Delete(ctx context.Context, _, name string) error {
	return c.k.DeleteSource(ctx, name)
}

// sourceNet is the member net of a KafkaSource: TLS and SASL by the Secrets
// that the functions read too. Nil where the brokers ask for neither.
func sourceNet(c stream.Config) any {
	net := map[string]any{}
	ref := func(secret, key string) map[string]any {
		return map[string]any{"secretKeyRef": map[string]any{"name": secret, "key": key}}
	}
	if c.SASL.Mechanism != "" {
		net["sasl"] = map[string]any{
			"enable": true, "type": ref(kafkaSecret, "KAFKA_SASL_MECHANISM"),
			"user": ref(kafkaSecret, "KAFKA_SASL_USERNAME"), "password": ref(kafkaSecret, "KAFKA_SASL_PASSWORD"),
		}
	}
	if c.TLS.Enabled {
		tls := map[string]any{"enable": true}
		if c.TLS.CA != "" {
			tls["caCert"] = ref(tlsSecret, path.Base(c.TLS.CA))
		}
		if c.TLS.Cert != "" {
			tls["cert"], tls["key"] = ref(tlsSecret, path.Base(c.TLS.Cert)), ref(tlsSecret, path.Base(c.TLS.Key))
		}
		net["tls"] = tls
	}
	if len(net) == 0 {
		return nil
	}
	return net
}
