package records_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// textual is the rig with a deployment of a model that takes a number and a text.
func textual(t *testing.T) *rig {
	r := newRig(t)
	r.deploys(t, "clerks", pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "age", DType: "float32", Shape: []int{1}}, {Name: "job", DType: "string", Shape: []int{1}}},
		Labels: []pipeline.Tensor{{Name: "output", DType: "int32", Shape: []int{}}},
	})
	return r
}

// shownText is what a preview shows of records.
type shownText struct {
	Items []struct {
		Sample  [][]any
		Changed bool
		Error   string
	}
	Counts map[string]int64
}

// previewOf is the preview of records of a format.
func (r *rig) previewOf(t *testing.T, format pipeline.Format, config string, values ...string) (p shownText) {
	t.Helper()
	var records []stream.Record
	for i, v := range values {
		records = append(records, stream.Record{Key: fmt.Append(nil, i%2), Value: []byte(v)})
	}
	id := r.stored(t, r.deployment, records, config)
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		d, err := tx.Datasource(id)
		if err == nil {
			d.InputFormat = format
			err = tx.UpdateDatasource(&d)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if status := r.read(t, fmt.Sprintf("/datasources/%d/records", id), &p); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	return p
}

func TestTextIsShown(t *testing.T) {
	r := textual(t)
	long := strings.Repeat("é", 5000)
	p := r.previewOf(t, pipeline.JSON, `{"data_fields":["age","job"]}`,
		`{"age":41,"job":"a \"nurse\" <b>&\n\u0000"}`, `{"age":null,"job":""}`, `{"age":1,"job":"caf`+"\xe9"+`"}`, `{"age":1,"job":"`+long+`"}`, `{"age":1,"job":5}`)
	want := [][][]any{{{41.}, {"a \"nurse\" <b>&\n\x00"}}, {{nil}, {""}}, {{1.}, {"caf\ufffd"}}, {{1.}, {strings.Repeat("é", 2048) + "… (10000 bytes)"}}}
	for i, sample := range want {
		if diff := cmp.Diff(sample, p.Items[i].Sample); diff != "" || p.Items[i].Changed != (i > 1) {
			t.Errorf("record %d, changed %v: %s", i, p.Items[i].Changed, diff)
		}
	}
	if !strings.Contains(p.Items[4].Error, "5 is a number, and the model takes text") || p.Counts["1"] != 2 {
		t.Errorf("got %+v", p.Items[4])
	}
}

func TestWholeTextsOfRAWAreShown(t *testing.T) {
	r := textual(t)
	p := r.previewOf(t, pipeline.RAW, `{"data_type":"string","data_reshape":"1","label_type":"uint8","label_reshape":""}`, "good film", "")
	if got := fmt.Sprintf("%q", p.Items[0].Sample); len(p.Items) != 2 || got != `[["good film"]]` || fmt.Sprint(p.Items[1].Sample) != "[[]]" {
		t.Errorf("got %s of %+v", got, p)
	}
}

// However much text there is, the answer is not much larger than its bound.
func TestMuchTextIsCut(t *testing.T) {
	r := newRig(t)
	r.deploys(t, "tagged", pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "tags", DType: "string", Shape: []int{400}}}, Labels: []pipeline.Tensor{{Name: "output", DType: "int32", Shape: []int{}}},
	})
	tags, err := json.Marshal(map[string]any{"tags": make([]string, 400)})
	if err != nil {
		t.Fatal(err)
	}
	value := strings.ReplaceAll(string(tags), `""`, `"`+strings.Repeat("x", 3000)+`"`)
	p := r.previewOf(t, pipeline.JSON, `{"data_fields":["tags"]}`, value, value)
	body, err := json.Marshal(p)
	if err != nil || len(body) > 1_300_000 || len(body) < 1_000_000 || len(p.Items) != 2 || !p.Items[1].Changed {
		t.Errorf("%d bytes of %d records, %v", len(body), len(p.Items), err)
	}
}

// A table of text and numbers is sent as its model takes it, and said so before.
func TestATableOfTextIsSent(t *testing.T) {
	r := textual(t)
	const people = "age,job,hired\n41,nurse,1\n28,007,0\n"
	fields := map[string]string{"deployment": fmt.Sprint(r.deployment), "topic": r.data, "format": "JSON"}
	status, body := r.uploadTo(t, "/streams/preview", "people.csv", people, fields)
	for _, want := range []string{"sample: 2 columns, age, job (text); label: hired", `age=41 job=\"nurse\" -\u003e hired=1`, `job=\"007\"`} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%q is not said in %d %s", want, status, body)
		}
	}
	status, body = r.upload(t, "people.csv", people, fields)
	var sum struct{ control.Summary }
	if err := json.Unmarshal([]byte(body), &sum); status != http.StatusCreated || err != nil {
		t.Fatalf("%d %s", status, body)
	}
	var values []string
	err := r.cluster.Read(t.Context(), pipeline.Range{Topic: r.data, Length: 2}, func(rec stream.Record) error {
		values = append(values, string(rec.Value))
		return nil
	})
	if diff := cmp.Diff([]string{`{"age":41,"job":"nurse"}`, `{"age":28,"job":"007"}`}, values); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	if status, body = r.upload(t, "people.csv", "age,job,hired\nold,nurse,1\n", fields); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity || !strings.Contains(body, `column \"age\" holds text`) {
		t.Errorf("%d %s", status, body)
	}
}
