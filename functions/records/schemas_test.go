package records_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/schemas/schemastest"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// The records of a schema registry are shown as numbers; one whose schema the
// registry does not know says so, and a registry that is away fails the preview.
func TestRecordsOfASchemaRegistryAreShown(t *testing.T) {
	url := schemastest.Registry(t)
	registry := schemastest.Client(t, url)
	added, err := registry.CreateSchema(t.Context(), "plants-value", sr.Schema{
		Schema: `{"type":"record","name":"Plant","fields":[{"name":"y","type":"int"},{"name":"x","type":{"type":"array","items":"float"}}]}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	value := func(id int) []byte {
		b := binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
		b = append(b, 2, 6) // class 1, three numbers
		for _, x := range []float32{1, 2, 3} {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return append(b, 0)
	}
	records := []stream.Record{{Value: value(added.ID)}, {Value: value(999_999)}}
	const config = `{"data_fields":["x"],"label_field":"y"}`
	for _, away := range []bool{false, true} {
		at := url
		if away {
			at = "http://127.0.0.1:1"
		}
		known, err := schemas.New(schemas.Config{URLs: []string{at}})
		if err != nil {
			t.Fatal(err)
		}
		r := newRigWith(t, known)
		id := r.storedAs(t, r.deployment, records, pipeline.AVRO, config)
		var p preview
		status := r.read(t, fmt.Sprintf("/datasources/%d/records", id), &p)
		if away {
			if status != http.StatusServiceUnavailable {
				t.Errorf("status %d while the registry is away", status)
			}
			continue
		}
		if status != http.StatusOK || len(p.Items) != 2 || len(p.Items[0].Sample) != 1 || len(p.Items[0].Sample[0]) != 3 || *p.Items[0].Sample[0][2] != 3 || *p.Items[0].Label[0][0] != 1 {
			t.Fatalf("status %d, %+v", status, p)
		}
		if !strings.Contains(p.Items[1].Error, "knows no schema 999999") || p.Counts["1"] != 1 {
			t.Errorf("%+v", p)
		}
	}
}
