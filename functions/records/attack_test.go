package records_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
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

// What an upload unpacks to is bounded before it is opened, and what it becomes as
// records while it is sent; nothing of it is announced.
func TestAttackAnUploadThatGrows(t *testing.T) {
	r := newRig(t)
	fields := map[string]string{"deployment": fmt.Sprint(r.deployment), "topic": r.data, "label": "y"}
	rows := "a,b,c,y\n" + strings.Repeat("1,2,3,0\n", 5_000_000)
	for name, content := range map[string]string{"bomb.csv.gz": packed(t, rows), "bomb.zip": zipped(t, "cats/a.png", rows)} {
		for _, path := range []string{"/streams/preview", "/streams"} {
			if status, body := r.uploadTo(t, path, name, content, fields); status != http.StatusUnprocessableEntity || !strings.Contains(body, "unpacks to more than 16 MiB") || !strings.Contains(body, "kafkaml stream send") {
				t.Errorf("%s to %s: %d %s", name, path, status, body)
			}
		}
	}
	// 1 MB of a table unpacked, whose records of JSON take more than 16 MiB
	name := strings.Repeat("n", 120)
	wide := fmt.Sprintf("a%[1]s,b%[1]s,c%[1]s,y\n", name) + strings.Repeat("1,2,3,0\n", 60_000)
	fields["format"] = "JSON"
	fields["label"] = "y"
	if status, body := r.upload(t, "wide.csv.gz", packed(t, wide), fields); status != http.StatusUnprocessableEntity || !strings.Contains(body, "makes records of more than 16 MiB") {
		t.Errorf("records that grow: %d %s", status, body)
	}
	if partitions, err := r.cluster.Partitions(t.Context(), r.control); err == nil && partitions > 0 {
		if _, next, err := r.cluster.Offsets(t.Context(), r.control); err != nil || next[0] != 0 {
			t.Errorf("the control topic has %v, %v", next, err)
		}
	}
}

// packed is text as gzip packs it.
func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := io.WriteString(z, text)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// zipped is an archive of one file.
func zipped(t *testing.T, name, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	f, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
