package eventing

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const manifest = `
apiVersion: sources.knative.dev/v1
kind: KafkaSource
metadata:
  name: control
  namespace: kafkaml
  labels: {kafkasources.sources.knative.dev/key-type: byte-array}
spec:
  consumerGroup: g
  bootstrapServers: [b:9092]
  topics: [t]
  consumers: 1
  initialOffset: earliest
  ordering: unordered
  delivery: {retry: 3, backoffPolicy: linear, backoffDelay: PT0.01S}
  sink: {uri: "http://sink"}
`

func TestParseKafkaSource(t *testing.T) {
	for _, c := range []struct{ name, from, to, field string }{
		{"as it is", "", "", ""},
		{"another kind", "KafkaSource", "PingSource", "kind"},
		{"no group", "  consumerGroup: g\n", "", "spec.consumerGroup"},
		{"no topic", "[t]", "[]", "spec.topics"},
		{"no sink", `{uri: "http://sink"}`, "{}", "spec.sink"},
		{"an offset of words", "earliest", "first", "spec.initialOffset"},
		{"an order of words", "unordered", "any", "spec.ordering"},
		{"a policy of words", "linear", "random", "spec.delivery.backoffPolicy"},
		{"a delay in seconds", "PT0.01S", "10ms", "spec.delivery.backoffDelay"},
		{"a negative retry", "retry: 3", "retry: -1", "spec.delivery.retry"},
		{"an unknown member", "topics:", "topic: x\n  topics:", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseKafkaSource([]byte(strings.Replace(manifest, c.from, c.to, 1)))
			if c.name == "as it is" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *pipeline.Error
			if !errors.As(err, &e) || e.KindOr() != pipeline.Invalid || e.Field != c.field {
				t.Errorf("%v, want field %q", err, c.field)
			}
		})
	}
}

// Knative's defaults: no delivery is 10 retries, a delivery without retry none.
func TestRetries(t *testing.T) {
	three := int32(3)
	for _, c := range []struct {
		name     string
		delivery *Delivery
		max      int
		first    time.Duration
		second   time.Duration
	}{
		{"no delivery", nil, 10, 600 * time.Millisecond, 1200 * time.Millisecond},
		{"no retry", &Delivery{}, 0, 600 * time.Millisecond, 1200 * time.Millisecond},
		{"linear", &Delivery{Retry: &three, BackoffPolicy: Linear, BackoffDelay: "PT1S"}, 3, time.Second, 2 * time.Second},
		{"no cap", &Delivery{Retry: &three, BackoffDelay: "PT40S"}, 3, 80 * time.Second, 160 * time.Second},
		{"no overflow", &Delivery{Retry: &three, BackoffDelay: "PT1000000000S"}, 3, 2_000_000_000 * time.Second, forever},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := KafkaSourceSpec{Delivery: c.delivery}.retries()
			if err != nil || r.max != c.max || r.wait(1) != c.first || r.wait(2) != c.second {
				t.Errorf("%+v, %v: waits %v, %v", r, err, r.wait(1), r.wait(2))
			}
		})
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT0.3S": 300 * time.Millisecond, "PT1M30S": 90 * time.Second, "P1DT1H": 25 * time.Hour, "P1W": 168 * time.Hour, "PT0S": 0,
		"": -1, "P": -1, "PT": -1, "1S": -1, "PT1": -1, "PTS": -1, "PT-1S": -1, "PT1e9S": -1, "P1M": -1, "PT99999999999H": -1,
	} {
		got, err := parseDuration(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	f.Add("PT0.3S")
	f.Add("P1DT2H3M4.5S")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := parseDuration(s); err == nil && d < 0 {
			t.Errorf("%q is %v", s, d)
		}
	})
}

func FuzzParseKafkaSource(f *testing.F) {
	f.Add([]byte(manifest))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseKafkaSource(b); err == nil && (s.Metadata.Name == "" || len(s.Spec.Topics) == 0) {
			t.Errorf("took %+v", s)
		}
	})
}
