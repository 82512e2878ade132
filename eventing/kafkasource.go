package eventing

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sosodev/duration"
	"sigs.k8s.io/yaml"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// KafkaSource is the part of Knative's KafkaSource (sources.knative.dev/v1)
// that this project writes. Its JSON form is a manifest that a cluster takes.
type KafkaSource struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   Metadata        `json:"metadata"`
	Spec       KafkaSourceSpec `json:"spec"`
}

// Metadata is what of a Kubernetes object's metadata is used here.
type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// KafkaSourceSpec says what is consumed and where it goes.
type KafkaSourceSpec struct {
	ConsumerGroup    string      `json:"consumerGroup,omitempty"`
	BootstrapServers []string    `json:"bootstrapServers"`
	Net              any         `json:"net,omitempty"` // SASL and TLS by Secret; a Dispatcher's Cluster has its own
	Topics           []string    `json:"topics"`
	Consumers        *int32      `json:"consumers,omitempty"`     // 1 when nil; 0 pauses
	InitialOffset    string      `json:"initialOffset,omitempty"` // earliest or latest, Knative's default
	Ordering         string      `json:"ordering,omitempty"`      // ordered, Knative's default, or unordered
	Delivery         *Delivery   `json:"delivery,omitempty"`
	Overrides        *Overrides  `json:"ceOverrides,omitempty"`
	Sink             Destination `json:"sink"`
}

// Destination is where events go: a URI, or an object that has an address.
type Destination struct {
	Ref *Reference `json:"ref,omitempty"`
	URI string     `json:"uri,omitempty"`
	// Audience is whom Knative's tokens are for that come with the events; none
	// come where it is empty.
	Audience string `json:"audience,omitempty"`
}

// Reference names an object that has an address.
type Reference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// Delivery says what becomes of an event that its sink does not take.
type Delivery struct {
	DeadLetterSink *Destination `json:"deadLetterSink,omitempty"`
	Retry          *int32       `json:"retry,omitempty"` // after the first try; 0 when nil
	BackoffPolicy  string       `json:"backoffPolicy,omitempty"`
	BackoffDelay   string       `json:"backoffDelay,omitempty"` // ISO 8601, "PT0.3S"
	Timeout        string       `json:"timeout,omitempty"`      // of one try, ISO 8601
}

// The values that a KafkaSource knows.
const (
	SourceAPIVersion = "sources.knative.dev/v1"
	SourceKind       = "KafkaSource"
	KeyTypeLabel     = "kafkasources.sources.knative.dev/key-type"

	Earliest  = "earliest"
	Latest    = "latest"
	Ordered   = "ordered"
	Unordered = "unordered"

	Linear      = "linear"
	Exponential = "exponential"
)

// ParseKafkaSource reads a manifest strictly and validates it.
func ParseKafkaSource(manifest []byte) (KafkaSource, error) {
	var s KafkaSource
	if err := yaml.UnmarshalStrict(manifest, &s); err != nil {
		return s, &pipeline.Error{Op: "read KafkaSource", Kind: pipeline.Invalid, Reason: Flat(err), Err: err}
	}
	return s, s.Validate()
}

// Name is namespace/name, by which a Dispatcher knows the source.
func (s KafkaSource) Name() string { return s.Metadata.Namespace + "/" + s.Metadata.Name }

// Validate refuses what a cluster would refuse, and what it would not but
// should: a source without a group, whose offsets nobody would find again.
func (s KafkaSource) Validate() error {
	sp := s.Spec
	switch {
	case s.APIVersion != SourceAPIVersion || s.Kind != SourceKind:
		return pipeline.Invalidf("kind", "%s %s is not %s %s", s.APIVersion, s.Kind, SourceAPIVersion, SourceKind)
	case s.Metadata.Name == "":
		return pipeline.Invalidf("metadata.name", "is missing")
	case sp.ConsumerGroup == "":
		return pipeline.Invalidf("spec.consumerGroup", "is missing").WithHint("name it, or each start begins anew")
	case len(sp.Topics) == 0:
		return pipeline.Invalidf("spec.topics", "names no topic")
	case sp.Sink.URI == "" && sp.Sink.Ref == nil:
		return pipeline.Invalidf("spec.sink", "names neither uri nor ref")
	case sp.Consumers != nil && *sp.Consumers < 0:
		return pipeline.Invalidf("spec.consumers", "must be at least 0")
	}
	for _, f := range []struct{ name, value, a, b string }{
		{"spec.initialOffset", sp.InitialOffset, Earliest, Latest},
		{"spec.ordering", sp.Ordering, Ordered, Unordered},
	} {
		if f.value != "" && f.value != f.a && f.value != f.b {
			return pipeline.Invalidf(f.name, "%q is neither %s nor %s", f.value, f.a, f.b)
		}
	}
	_, err := sp.retries()
	return err
}

// consumers is how many members the source has in its group.
func (s KafkaSourceSpec) consumers() int {
	if s.Consumers == nil {
		return 1
	}
	return int(*s.Consumers)
}

// retries is a Delivery with Knative's defaults in place.
type retries struct {
	max     int
	linear  bool
	delay   time.Duration
	timeout time.Duration
}

// tryTime bounds one try where the source sets no timeout, as Knative's data
// plane has it.
const tryTime = 10 * time.Minute

func (s KafkaSourceSpec) retries() (retries, error) {
	r := retries{max: 10, delay: 300 * time.Millisecond, timeout: tryTime}
	d := s.Delivery
	if d == nil {
		return r, nil
	}
	r.max = 0
	if d.Retry != nil {
		if r.max = int(*d.Retry); r.max < 0 {
			return r, pipeline.Invalidf("spec.delivery.retry", "must be at least 0")
		}
	}
	switch d.BackoffPolicy {
	case Linear:
		r.linear = true
	case Exponential, "":
	default:
		return r, pipeline.Invalidf("spec.delivery.backoffPolicy", "%q is neither %s nor %s", d.BackoffPolicy, Linear, Exponential)
	}
	var err error
	if d.BackoffDelay != "" {
		if r.delay, err = parseDuration(d.BackoffDelay); err != nil {
			return r, pipeline.Invalidf("spec.delivery.backoffDelay", "%v", err)
		}
	}
	if d.Timeout != "" {
		if r.timeout, err = parseDuration(d.Timeout); err != nil {
			return r, pipeline.Invalidf("spec.delivery.timeout", "%v", err)
		}
	}
	return r, nil
}

// wait is the pause before retry n, which counts from 1: delay*n, or delay*2^n
// as Knative's data plane has it, which knows no longest one.
func (r retries) wait(n int) time.Duration {
	factor := math.Pow(2, float64(n))
	if r.linear {
		factor = float64(n)
	}
	return time.Duration(min(float64(r.delay)*factor, float64(forever)))
}

// forever is a wait that does not end.
const forever = 100 * 365 * 24 * time.Hour

// parseDuration reads an ISO 8601 duration. Years and months, whose length
// depends on when they begin, are refused, as is what a time.Duration cannot
// hold.
func parseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not an ISO 8601 duration such as PT0.3S", s)
	p, err := duration.Parse(s)
	if err != nil || p.Negative || p.Years+p.Months > 0 || strings.HasSuffix(s, "P") || strings.HasSuffix(s, "T") {
		return 0, bad
	}
	if hours := (7*p.Weeks+p.Days)*24 + p.Hours + p.Minutes/60 + p.Seconds/3600; hours > time.Duration(math.MaxInt64).Hours()/2 {
		return 0, bad
	}
	return p.ToTimeDuration(), nil
}
