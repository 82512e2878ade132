package door_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/validate"
)

// A case of the matrix that both modes must pass.
type conformance struct {
	name   string
	typ    string
	data   string
	status int
	answer string // type of the reply event; empty: none
	field  string // at fault
}

var matrix = []conformance{
	{"a command", eventing.ModelRegister, `{"name":"m","source":"s"}`, 200, eventing.ModelRegistered, ""},
	{"a command without an answer", eventing.ModelValidate, `{"source":"none"}`, 204, "", ""},
	{"refused: invalid", eventing.ModelRegister, `{"name":"x","source":"?"}`, 200, eventing.ModelRejected, "source"},
	{"refused: not found", eventing.ModelDelete, `{"id":99}`, 200, eventing.ModelRejected, ""},
	{"refused: conflict", eventing.ModelRegister, `{"name":"taken","source":"s"}`, 200, eventing.ModelRejected, "name"},
	{"off its schema: missing", eventing.ModelRegister, `{"name":"m"}`, 422, "", "source"},
	{"off its schema: unknown member", eventing.ModelRegister, `{"name":"m","source":"s","sauce":""}`, 422, "", "sauce"},
	{"off its schema: type", eventing.ModelRegister, `{"name":7,"source":"s"}`, 422, "", "name"},
	{"a type that is not taken", eventing.DeploymentCreate, `{}`, 400, "", "type"},
	{"a type of nobody", "com.example.thing", `{}`, 400, "", "type"},
	{"not now", eventing.ModelValidate, `{"source":"busy"}`, 503, "", ""},
	{"out of time", eventing.ModelValidate, `{"source":"slow"}`, 503, "", ""},
	{"a fault of ours", eventing.ModelValidate, `{"source":"fault"}`, 500, "", ""},
	{"func invoke", eventing.FuncInvoke, `{"message":"Hello World"}`, 200, eventing.TypesAccepted, ""},
}

func (c conformance) binary(id string) (map[string]string, string) {
	return map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": id, "Ce-Source": "/test", "Ce-Type": c.typ, "Content-Type": "application/json",
	}, c.data
}

func (c conformance) structured(id string) (map[string]string, string) {
	return map[string]string{"Content-Type": "application/cloudevents+json; charset=utf-8"},
		fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":%q,"datacontenttype":"application/json","data":%s}`, id, c.typ, c.data)
}

func TestEventDoorConformance(t *testing.T) {
	for _, mode := range []string{"binary", "structured"} {
		r := newRig(t, door.Config{})
		taken := conformance{typ: eventing.ModelRegister, data: `{"name":"taken","source":"s"}`}
		h, body := taken.binary("first")
		post(t, r.url("/"), h, body)
		for n, c := range matrix {
			t.Run(mode+"/"+c.name, func(t *testing.T) {
				write := map[string]func(string) (map[string]string, string){"binary": c.binary, "structured": c.structured}[mode]
				h, body := write(fmt.Sprint(n))
				res, got := post(t, r.url("/"), h, body)
				if res.StatusCode != c.status {
					t.Fatalf("status %d, want %d: %s", res.StatusCode, c.status, got)
				}
				c.holdAnswer(t, mode, res, got)
				again, same := post(t, r.url("/"), h, body)
				if c.status < 300 && c.typ != eventing.FuncInvoke && (same != got || again.Header.Get("Ce-Id") != res.Header.Get("Ce-Id")) {
					t.Errorf("the same event was answered differently:\n%s\n%s", got, same)
				}
			})
		}
	}
}

func (c conformance) holdAnswer(t *testing.T, mode string, res *http.Response, body string) {
	t.Helper()
	if c.status >= 400 {
		var p struct {
			Type, Title, Detail, Field string
			Status                     int
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Fatalf("no problem details: %s", body)
		}
		if p.Field != c.field || p.Status != c.status || p.Detail == "" || p.Title == "" || p.Type == "" {
			t.Errorf("problem: %s", body)
		}
		if (res.Header.Get("Retry-After") != "") != (c.status == 503) {
			t.Error("Retry-After belongs to 503")
		}
		return
	}
	if c.answer == "" {
		if body != "" {
			t.Errorf("answer %q", body)
		}
		return
	}
	reply, err := eventing.Read(t.Context(), res.Header, http.NoBody)
	if mode == "structured" {
		err = json.Unmarshal([]byte(body), &reply)
	} else {
		reply.DataEncoded = []byte(body)
	}
	if err != nil {
		t.Fatal(err)
	}
	if reply.Type() != c.answer || reply.Source() != "/kafkaml/model-register" {
		t.Errorf("answer %s", reply)
	}
	if err := validate.Event(reply); err != nil {
		t.Errorf("the answer is off its schema: %v", err)
	}
	if strings.HasSuffix(c.answer, ".rejected.v1") {
		holdRejection(t, c, reply)
	}
}

func holdRejection(t *testing.T, c conformance, reply event.Event) {
	t.Helper()
	var rej eventing.Rejection
	if err := json.Unmarshal(reply.Data(), &rej); err != nil {
		t.Fatal(err)
	}
	if rej.Type != c.typ || rej.Source != "/test" || rej.Field != c.field || rej.Reason == "" || rej.Kind == "" {
		t.Errorf("rejection %+v", rej)
	}
	if c.field == "source" && (rej.At == nil || rej.At.Line != 3 || rej.Hint != "mend it") {
		t.Errorf("the place is missing: %+v", rej)
	}
}

func TestWhatIsNotAnEvent(t *testing.T) {
	r := newRig(t, door.Config{MaxBody: 1000})
	ce := map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": eventing.ModelRegister}
	with := func(k, v string) map[string]string {
		h := map[string]string{}
		for name, x := range ce {
			h[name] = x
		}
		h[k] = v
		return h
	}
	for _, c := range []struct {
		name   string
		header map[string]string
		body   string
		status int
	}{
		{"plain JSON", map[string]string{"Content-Type": "application/json"}, `{}`, 400},
		{"nothing", nil, ``, 400},
		{"no id", with("Ce-Id", ""), `{}`, 400},
		{"another version", with("Ce-Specversion", "9.9"), `{}`, 400},
		{"structured, cut off", map[string]string{"Content-Type": "application/cloudevents+json"}, `{"specversion":"1.0",`, 400},
		{"structured, no type", map[string]string{"Content-Type": "application/cloudevents+json"}, `{"specversion":"1.0","id":"1","source":"/s"}`, 400},
		{"structured, Avro", map[string]string{"Content-Type": "application/cloudevents+avro"}, `x`, 415},
		{"a batch", map[string]string{"Content-Type": "application/cloudevents-batch+json"}, `[]`, 415},
		{"a content type that is none", with("Content-Type", "json/"), `{}`, 415},
		{"data that is not JSON", with("Content-Type", "application/json"), `{"name":`, 422},
		{"too large", with("Content-Type", "application/json"), `{"name":"` + strings.Repeat("x", 2000) + `"}`, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, body := post(t, r.url("/"), c.header, c.body)
			if res.StatusCode != c.status || !strings.Contains(body, `"detail"`) {
				t.Errorf("status %d, want %d: %s", res.StatusCode, c.status, body)
			}
		})
	}
	if r.runs.Load() != 0 {
		t.Error("a command ran")
	}
}

// The same source and id is one effect, also when both come at once.
func TestCommandsAreIdempotent(t *testing.T) {
	r := newRig(t, door.Config{})
	c := conformance{typ: eventing.ModelRegister, data: `{"name":"m","source":"s"}`}
	h, body := c.binary("one")
	const n = 8
	answers := make(chan string, n)
	for range n {
		go func() {
			_, got := post(t, r.url("/"), h, body)
			answers <- got
		}()
	}
	first := <-answers
	for range n - 1 {
		if got := <-answers; got != first || !strings.Contains(got, `"name":"m"`) {
			t.Errorf("answers differ: %s and %s", first, got)
		}
	}
	if r.runs.Load() != 1 {
		t.Errorf("the command ran %d times", r.runs.Load())
	}
	h["Ce-Source"] = "/another"
	if _, got := post(t, r.url("/"), h, body); !strings.Contains(got, `"field":"name"`) {
		t.Errorf("another source's command was taken for the same: %s", got)
	}
}

// A record's id comes again when its topic is made anew: each is handed on.
func TestRecordsAreNotRemembered(t *testing.T) {
	r := newRig(t, door.Config{})
	c := conformance{typ: eventing.KafkaRecord, data: `{}`}
	h, body := c.binary("partition:0/offset:0")
	for range 2 {
		if res, got := post(t, r.url("/"), h, body); res.StatusCode != http.StatusNoContent {
			t.Errorf("status %d: %s", res.StatusCode, got)
		}
	}
	if r.runs.Load() != 2 {
		t.Errorf("the command ran %d times", r.runs.Load())
	}
}
