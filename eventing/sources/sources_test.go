package sources_test

import (
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/sources"
)

// The manifest parses, and writes out what Knative's defaults would make unfit.
func TestControlLog(t *testing.T) {
	s, err := sources.ControlLog("control", []string{"b:9092"})
	if err != nil {
		t.Fatal(err)
	}
	sp := s.Spec
	if sp.Topics[0] != "control" || sp.BootstrapServers[0] != "b:9092" || sp.InitialOffset != eventing.Earliest ||
		sp.ConsumerGroup == "" || sp.Ordering == "" || sp.Consumers == nil || sp.Delivery == nil || sp.Delivery.Retry == nil ||
		s.Metadata.Labels[eventing.KeyTypeLabel] != eventing.KeyByteArray {
		t.Errorf("%+v", s)
	}
}
