package functions

import (
	"context"
	"path"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
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

// podSecrets are read by the pods that run models, where they exist; what stands in
// a later one holds. With the last of them those pods have users of their own, who
// may do less than the functions' users.
var podSecrets = []string{kafkaSecret, artifactSecret, "kafkaml-models"}

// openKubernetes runs trainings as Jobs and inferences as Knative Services. The
// processes read Kafka's and the artifacts' settings from the ConfigMap and the
// Secrets, so that no password stands in a Job.
func (h *Host) openKubernetes() error {
	client, namespace, err := kubernetes.InCluster()
	if err != nil {
		return err
	}
	c := h.config.Cluster
	k, err := kubernetes.New(kubernetes.Config{
		Client: client, Namespace: namespace, Images: c.Images, Owner: c.Owner, Pending: c.Pending, Scratch: c.Limits.Scratch,
		Account: podAccount, ConfigMaps: []string{configMap}, Secrets: podSecrets, TLSSecret: tlsSecret,
		OnEnded: h.ended, Log: h.log,
	})
	if err != nil {
		return err
	}
	h.parts.kubernetes, h.parts.jobs, h.parts.services, h.parts.namespace = k, k, k, namespace
	return nil
}

// clusterSources gives KafkaSources to the cluster, with the credentials that
// its consumers need.
type clusterSources struct {
	k     *kubernetes.Platform
	kafka stream.Config
}

// Apply implements deployinference.Sources.
func (c clusterSources) Apply(ctx context.Context, s eventing.KafkaSource) error {
	net, err := sourceNet(c.kafka)
	if err != nil {
		return err
	}
	s.Spec.Net = net
	return c.k.ApplySource(ctx, s.Metadata.Name, s)
}

// Delete implements deployinference.Sources.
func (c clusterSources) Delete(ctx context.Context, s eventing.KafkaSource) error {
	return c.k.DeleteSource(ctx, s.Metadata.Name, s.Metadata.Labels[pipeline.InferenceLabel])
}

// sourceNet is the member net of a KafkaSource: TLS and SASL by the Secrets
// that the functions read too. Nil where the brokers ask for neither.
//
// What it cannot say is refused, since Knative's consumers would fail without a
// word to whoever asked: it has no member for tokens (OAUTHBEARER) or roles
// (AWS_MSK_IAM), and takes TLS without SASL only with a client certificate.
func sourceNet(c stream.Config) (any, error) {
	net := map[string]any{}
	ref := func(secret, key string) map[string]any {
		return map[string]any{"secretKeyRef": map[string]any{"name": secret, "key": key}}
	}
	const hint = `let the inference take "delivery": "direct", by which its replicas read Kafka themselves`
	switch c.SASL.Mechanism {
	case "":
		if c.TLS.Enabled && c.TLS.Cert == "" {
			return nil, pipeline.Invalidf("delivery", "a KafkaSource speaks TLS without SASL only with a client certificate, and KAFKA_TLS_CERT is not set").WithHint(hint)
		}
	case stream.Plain, stream.ScramSHA256, stream.ScramSHA512:
		net["sasl"] = map[string]any{
			"enable": true, "type": ref(kafkaSecret, "KAFKA_SASL_MECHANISM"),
			"user": ref(kafkaSecret, "KAFKA_SASL_USERNAME"), "password": ref(kafkaSecret, "KAFKA_SASL_PASSWORD"),
		}
	default:
		return nil, pipeline.Invalidf("delivery", "a KafkaSource has PLAIN and SCRAM, not %s", c.SASL.Mechanism).WithHint(hint)
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
		return nil, nil // brokers that ask nobody
	}
	return net, nil
}
