package records_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// A shape that somebody announced does not take memory when others look at the
// stream, and of what can be shown no more is shown than a person reads.
func TestAttackPreviewsOfHugeRecords(t *testing.T) {
	r := newRig(t)
	id := r.stored(t, r.deployment, []stream.Record{{Value: []byte{1}}}, `{"data_type": "uint8", "data_reshape": "268435456"}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 3 {
		var p struct{ Field, Detail, Hint string }
		if status := r.read(t, fmt.Sprintf("/datasources/%d/records", id), &p); status != http.StatusUnprocessableEntity || !strings.Contains(p.Detail, "more than") || p.Hint == "" {
			t.Errorf("%d %+v", status, p)
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("three refusals took %d bytes", took)
	}
	const wide = 600_000
	id = r.stored(t, r.deployment, []stream.Record{{Value: make([]byte, wide)}}, fmt.Sprintf(`{"data_type": "uint8", "data_reshape": "%d"}`, wide))
	var p struct {
		Items []struct {
			Sample  [][]float64
			Changed bool
		}
	}
	if status := r.read(t, fmt.Sprintf("/datasources/%d/records", id), &p); status != http.StatusOK || len(p.Items) != 1 || len(p.Items[0].Sample[0]) != 200_000 || !p.Items[0].Changed {
		t.Errorf("%d, %d records", status, len(p.Items))
	}
}

// Each range of a preview is read from Kafka by itself.
func TestAttackAPreviewOfManyRanges(t *testing.T) {
	r := newRig(t)
	ranges := strings.Repeat(`{"partition":0,"offset":0,"length":1},`, 5000) + `{"partition":0,"offset":0,"length":1}`
	var p struct{ Field, Detail string }
	if status := r.try(t, r.data, fmt.Sprintf(`{"deployment":%d,"input_format":"RAW","input_config":{"data_type":"uint8"},"ranges":[%s]}`, r.deployment, ranges), &p); status != http.StatusUnprocessableEntity || p.Field != "ranges" {
		t.Errorf("%d %+v", status, p)
	}
}
