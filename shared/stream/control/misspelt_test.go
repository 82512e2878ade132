package control_test

import (
	"fmt"
	"testing"

	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// A member that is spelt wrong is told of where what it asks for is not done.
func TestMisspelt(t *testing.T) {
	for member, want := range map[string]string{
		"validationRate=0.2":        "[{validationRate validation_rate}]",
		"Seed=4":                    "[{Seed seed}]",
		"orders=\"partition\"":      "[{orders order}]",
		"Split=\"random\"":          "[{Split split}]",
		"unsupervisedTopic=\"u:0\"": "[{unsupervisedTopic unsupervised_topic}]",
		"Until=\"7d\"":              "[{Until until}]",
		"testRate=null":             "[]", // they ask for nothing
		"Shuffle=false":             "[]",
		"Seed=0":                    "[]",
		"topics=[\"t\"]":            "[]", // the right one is there
		"inputFormat=\"AVRO\"":      "[]",
		"Configuration={\"a\":1}":   "[]",
		"site=\"a\"":                "[]", // of the producer's own
	} {
		d, err := control.Parse([]byte{1}, []byte(message(member, `input_config={"data_type": "uint8"}`)))
		if got := fmt.Sprint(control.Misspelt(d)); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", member, got, err, want)
		}
	}
}
