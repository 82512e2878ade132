package records_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/validate"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

type preview struct {
	Inputs []pipeline.Tensor
	Items  []struct {
		Offset        int64
		Sample, Label [][]*float64
		Error         string
	}
	Counts  map[string]int64
	Counted int64
	Alike   string
}

// stored puts a datasource over n records that are in the data topic.
func (r *rig) stored(t *testing.T, deployment int64, records []stream.Record, config string) int64 {
	t.Helper()
	return r.storedAs(t, deployment, records, pipeline.RAW, config)
}

func (r *rig) storedAs(t *testing.T, deployment int64, records []stream.Record, format pipeline.Format, config string) int64 {
	t.Helper()
	base, err := r.cluster.Produce(t.Context(), r.data, 0, records)
	if err != nil {
		t.Fatal(err)
	}
	d := pipeline.Datasource{
		Deployment: deployment, InputFormat: format, InputConfig: json.RawMessage(config), TotalMsg: int64(len(records)),
		Ranges: []pipeline.Range{{Topic: r.data, Offset: base, Length: int64(len(records))}}, Origin: pipeline.Origin{Topic: r.control, Offset: base},
	}
	if err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return tx.CreateDatasource(&d) }); err != nil {
		t.Fatal(err)
	}
	return d.ID
}

func TestTheFirstRecordsAreShownAsDeclared(t *testing.T) {
	r := newRig(t)
	records := []stream.Record{
		{Key: []byte{3}, Value: []byte{1, 2, 3, 4}},
		{Key: []byte{3}, Value: []byte{5, 6, 7, 8}},
		{Key: []byte{1}, Value: []byte{0}},
		{Key: []byte{1}, Value: []byte{9, 9, 9, 255}},
	}
	id := r.stored(t, r.deployment, records, `{"data_type": "uint8", "data_reshape": "2 2", "label_type": "uint8", "label_reshape": ""}`)
	var p preview
	if status := r.read(t, fmt.Sprintf("/datasources/%d/records?limit=3", id), &p); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if len(p.Items) != 3 || len(p.Inputs) != 1 || fmt.Sprint(p.Inputs[0].Shape) != "[2 2]" {
		t.Fatalf("got %d records of %v", len(p.Items), p.Inputs)
	}
	if got := *p.Items[1].Sample[0][3]; got != 8 {
		t.Errorf("last pixel of the second record: %v, want 8", got)
	}
	if got := *p.Items[0].Label[0][0]; got != 3 {
		t.Errorf("label of the first record: %v, want 3", got)
	}
	if !strings.Contains(p.Items[2].Error, "1 bytes, 4 are wanted") {
		t.Errorf("the short record: %q", p.Items[2].Error)
	}
	if p.Alike != "" {
		t.Errorf("two classes are alike: %q", p.Alike)
	}
	if p.Counted != 3 || p.Counts["3"] != 2 || p.Counts["1"] != 1 {
		t.Errorf("counts %v of %d, want two of 3 and one of 1", p.Counts, p.Counted)
	}
}

func TestLabelsThatAreAllTheSameAreTold(t *testing.T) {
	r := newRig(t)
	one := stream.Record{Key: []byte{1}, Value: []byte{1, 2, 3}}
	for n, want := range map[int]string{1: "", 3: "all 3 labels looked at are 1: "} {
		id := r.stored(t, r.deployment, slices.Repeat([]stream.Record{one}, n), `{"data_type": "uint8", "data_reshape": "3", "label_type": "uint8", "label_reshape": ""}`)
		var p preview
		r.read(t, fmt.Sprintf("/datasources/%d/records", id), &p)
		if !strings.HasPrefix(p.Alike, want) || (p.Alike == "") != (want == "") {
			t.Errorf("%d records: %q", n, p.Alike)
		}
	}
}

func TestLabelsThatAreNoClassesAreNotCounted(t *testing.T) {
	r := newRig(t)
	id := r.stored(t, r.deployment, []stream.Record{{Key: []byte{0, 0, 0xc0, 0x7f}, Value: []byte{1}}, {Key: []byte{0, 0, 0, 0x3f}, Value: []byte{2}}},
		`{"data_type": "uint8", "data_reshape": "1", "label_type": "float32", "label_reshape": ""}`)
	var p preview
	r.read(t, fmt.Sprintf("/datasources/%d/records", id), &p)
	if len(p.Items) != 2 || len(p.Counts) != 0 || p.Items[0].Label[0][0] != nil || *p.Items[1].Label[0][0] != 0.5 {
		t.Errorf("got %+v, want NaN as null, then 0.5, and no counts", p)
	}
}

func TestAPreviewIsRefusedByName(t *testing.T) {
	r := newRig(t)
	id := r.stored(t, 99, []stream.Record{{Value: []byte{1}}}, `{"data_type": "uint8"}`)
	for path, field := range map[string]string{
		"/datasources/999/records": "", fmt.Sprintf("/datasources/%d/records?limit=0", id): "limit", fmt.Sprintf("/datasources/%d/records", id): "deployment",
	} {
		var p struct{ Field, Detail string }
		if status := r.read(t, path, &p); status < 400 || p.Field != field || p.Detail == "" {
			t.Errorf("%s: %d %+v, want field %q", path, status, p, field)
		}
	}
}

// upload posts a file as a stream.
func (r *rig) upload(t *testing.T, name, content string, fields map[string]string) (status int, body string) {
	t.Helper()
	return r.uploadTo(t, "/streams", name, content, fields)
}

func (r *rig) uploadTo(t *testing.T, path, name, content string, fields map[string]string) (status int, body string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for k, v := range fields {
		_ = form.WriteField(k, v) // to memory
	}
	if name != "" {
		part, err := form.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, content)
	}
	_ = form.Close()
	answer, err := http.Post(r.URL+path, form.FormDataContentType(), &b)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

const table = "a,b,c,class\n1,2,3,0\n4,5,6,1\n7,8,9,0\n"

func TestAFileIsSentAsAStream(t *testing.T) {
	r := newRig(t)
	status, body := r.upload(t, "../../iris.csv", table, map[string]string{
		"deployment": fmt.Sprint(r.deployment), "topic": "iris", "label": "class", "validation_rate": "0.2", "limit": "2",
	})
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	var sum struct {
		control.Summary
		Notes []string
	}
	if err := json.Unmarshal([]byte(body), &sum); err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(sum.Notes, "\n"); !strings.Contains(said, "label: class") || !strings.Contains(said, "row 1 (line 2): a=1 b=2 c=3 -> class=0") {
		t.Errorf("said %s", said)
	}
	if sum.Records != 2 || len(sum.Ranges) != 1 || sum.Ranges[0].Topic != "iris" || sum.Control.Topic != r.control {
		t.Errorf("sent %+v, want 2 records of iris and a control message on %s", sum, r.control)
	}
	_, next, err := r.cluster.Offsets(t.Context(), "iris")
	if err != nil || next[0] != 2 {
		t.Errorf("%v records are in the topic (%v), want 2", next, err)
	}
}

// TestAFileIsLookedAtBeforeItIsSent holds that what would be taken is told, and
// that nothing is sent for it.
func TestAFileIsLookedAtBeforeItIsSent(t *testing.T) {
	r := newRig(t)
	look := func(content string, fields map[string]string) (status int, answer struct {
		Notes       []string
		Field, Hint string
	},
	) {
		fields["deployment"], fields["topic"] = fmt.Sprint(r.deployment), "looked-at"
		status, body := r.uploadTo(t, "/streams/preview", "t.csv", content, fields)
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%d %s", status, body)
		}
		return status, answer
	}
	status, answer := look("7,8,9,1\n4,,1732795123456,0\n", map[string]string{})
	said := strings.Join(answer.Notes, "\n")
	for _, want := range []string{"is a record of numbers", "label: column4 (the last column", "1 of 2 rows have missing values: column2 1", "column3 goes up to 1732795123456, where float32 has steps of 131072"} {
		if status != http.StatusOK || !strings.Contains(said, want) {
			t.Errorf("%d, %q is not said in\n%s", status, want, said)
		}
	}
	if _, answer = look("7,8,9,1\n4,5,6,0\n", map[string]string{"header": "names", "label": "1"}); len(answer.Notes) == 0 || !strings.Contains(answer.Notes[1], "7=4 8=5 9=6 -> 1=0") {
		t.Errorf("the first row as names: %q", answer.Notes)
	}
	if status, answer = look("a,b,c,y\n1,2,off,0\n3,4,5,1\n", map[string]string{}); status != http.StatusUnprocessableEntity || answer.Field != "file" || !strings.Contains(answer.Hint, "--drop c") {
		t.Errorf("%d %+v", status, answer)
	}
	if status, answer = look("1,2\n", map[string]string{"header": "maybe"}); status != http.StatusUnprocessableEntity || answer.Field != "header" {
		t.Errorf("%d %+v", status, answer)
	}
	if _, err := r.cluster.Partitions(t.Context(), "looked-at"); err == nil {
		t.Error("the topic was made for a look")
	}
}

func TestAStreamIsRefusedBeforeAnythingIsSent(t *testing.T) {
	r := newRig(t)
	good := map[string]string{"deployment": fmt.Sprint(r.deployment), "topic": "iris", "label": "class"}
	for name, c := range map[string]struct {
		file, content, field, value, want string
	}{
		"no deployment":    {"a.csv", table, "deployment", "", "deployment"},
		"not a deployment": {"a.csv", table, "deployment", "99", "deployment"},
		"not a number":     {"a.csv", table, "limit", "x", "limit"},
		"not a topic":      {"a.csv", table, "topic", "a b", "topic"},
		"rates above one":  {"a.csv", table, "validation_rate", "1.5", "validation_rate"},
		"no file":          {"", "", "label", "class", "file"},
		"no such format":   {"a.exe", "\x01\x02\x03", "label", "class", "file"},
		"no such example":  {"", "", "example", "none", "example"},
		"too few columns":  {"a.csv", "a,class\n1,0\n", "label", "class", "input_config"},
	} {
		t.Run(name, func(t *testing.T) {
			fields := map[string]string{c.field: c.value}
			for k, v := range good {
				if k != c.field {
					fields[k] = v
				}
			}
			status, body := r.upload(t, c.file, c.content, fields)
			var p struct{ Field string }
			if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusUnprocessableEntity || !strings.HasPrefix(p.Field, c.want) {
				t.Errorf("%d %s, want 422 about %s", status, body, c.want)
			}
		})
	}
	if _, err := r.cluster.Partitions(t.Context(), "iris"); err == nil {
		t.Error("the topic was made for a refused stream")
	}
}

// A stream that would train nothing is not sent: its deployment was stopped, or
// is not there.
func TestAStreamThatTrainsNothingIsNotSent(t *testing.T) {
	r := newRig(t)
	var stopped int64
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		result, err := tx.Result(r.result)
		if err != nil {
			return err
		}
		d := pipeline.Deployment{Configuration: result.Configuration}
		if err := tx.CreateDeployment(&d); err != nil {
			return err
		}
		result = pipeline.Result{Deployment: d.ID, Configuration: d.Configuration, Model: result.Model, ModelName: result.ModelName, ModelVersion: result.ModelVersion}
		if err := tx.CreateResult(&result); err != nil {
			return err
		}
		stopped, result.Status = d.ID, pipeline.ResultStopped
		return tx.UpdateResult(&result)
	})
	if err != nil {
		t.Fatal(err)
	}
	for deployment, want := range map[string]struct {
		status int
		reason string
	}{
		fmt.Sprint(stopped): {http.StatusConflict, "is stopped"},
		"99":                {http.StatusUnprocessableEntity, "there is no deployment 99"},
	} {
		status, body := r.upload(t, "a.csv", table, map[string]string{"deployment": deployment, "topic": "unsent", "label": "class"})
		var p struct{ Field, Detail, Hint string }
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != want.status || p.Field != "deployment" || p.Hint == "" || !strings.Contains(body, want.reason) {
			t.Errorf("%d %s, want %d %s", status, body, want.status, want.reason)
		}
	}
	for _, topic := range []string{"unsent", r.control} {
		if _, err := r.cluster.Partitions(t.Context(), topic); err == nil {
			t.Errorf("%s was made for a stream that trains nothing", topic)
		}
	}
}

// The step takes no events, and says so to whoever asks.
func TestNoEventIsTaken(t *testing.T) {
	r := newRig(t)
	var accepted struct{ Types []string }
	if status := r.read(t, "/schemas", &accepted); status != http.StatusOK || accepted.Types == nil || len(accepted.Types) != 0 {
		t.Errorf("%d %#v, want an empty list", status, accepted.Types)
	}
	e := eventing.New(eventing.FuncInvoke, "/t", "", map[string]string{"message": "hi"})
	req, err := eventing.NewRequest(t.Context(), r.URL, e)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	reply, err := eventing.Read(t.Context(), answer.Header, answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Event(reply); err != nil || strings.Contains(string(reply.Data()), "null") {
		t.Errorf("%s, %v", reply.Data(), err)
	}
}
