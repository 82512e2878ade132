// Package sources holds the KafkaSource manifests that trigger the functions.
// A cluster applies the folder with kustomize; local mode gives the same files
// to the dispatcher.
package sources

import (
	_ "embed" // the manifests

	"github.com/kafkaml/kafkaml/eventing"
)

//go:embed control-log.yaml
var controlLog []byte

// ControlLog is the source of the control topic, with the topic and the
// brokers of this machine.
func ControlLog(topic string, brokers []string) (eventing.KafkaSource, error) {
	s, err := eventing.ParseKafkaSource(controlLog)
	s.Spec.Topics, s.Spec.BootstrapServers = []string{topic}, brokers
	return s, err
}
