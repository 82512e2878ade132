package files_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

const boxes = `{"type": "record", "name": "box", "fields": [{"name": "width", "type": "double"}, {"name": "in_m", "type": "float"}]}`

// The bytes of AVRO do not name their fields: those of a table whose columns stand
// in another order, or hold whole numbers alone, would be read as other numbers.
func TestTablesAreWrittenByTheSchemaThatTheyAreReadBy(t *testing.T) {
	for _, table := range []string{"width,in m\n1.5,2.5\n3,4\n", "in m,width\n2.5,1.5\n4,3\n", "id,in m,kind,width\n7,2.5,large,1.5\n8,4,small,3\n"} {
		r, err := files.Open([]string{write(t, "boxes.csv", table)}, files.Options{Only: true, Format: pipeline.AVRO, Scheme: json.RawMessage(boxes)})
		if err != nil {
			t.Fatalf("%q: %v", table, err)
		}
		if said := strings.Contains(strings.Join(r.Report(), "\n"), "left out: id, kind, which"); said != strings.HasPrefix(table, "id") {
			t.Errorf("%q: reported %q", table, r.Report())
		}
		x, _ := drain(t, r, 2, 0)
		if diff := cmp.Diff([][]float64{{1.5, 2.5}, {3, 4}}, x); diff != "" {
			t.Errorf("%q: %s", table, diff)
		}
	}
	_, err := files.Open([]string{write(t, "boxes.csv", "width,height\n1,2\n")}, files.Options{Only: true, Format: pipeline.AVRO, Scheme: json.RawMessage(boxes)})
	if err == nil || !strings.Contains(err.Error(), `has no column "in_m"`) {
		t.Errorf("a column that is missing: %v", err)
	}
}
