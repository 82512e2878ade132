package eventing

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A sink that answers one status after the other.
func sink(t *testing.T, statuses ...int) (url string, seen *[]http.Header) {
	t.Helper()
	seen = new([]http.Header)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r.Header)
		status := statuses[min(len(*seen), len(statuses))-1]
		if status == 422 {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"detail":"is missing","field":"source","hint":"add it"}`)
			return
		}
		if status == 200 {
			WriteHeader(w.Header(), New(ModelDeleted, "/model-register", "1", map[string]int{"id": 1}))
			fmt.Fprint(w, `{"id":1}`)
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, seen
}

func TestEmitter(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses []int
		tries    int
		kind     pipeline.Kind
		reply    string
	}{
		{"taken", []int{204}, 1, "", ""},
		{"answered", []int{200}, 1, "", ModelDeleted},
		{"tried again", []int{503, 404, 409, 429, 200}, 5, "", ModelDeleted},
		{"refused", []int{422}, 1, pipeline.Invalid, ""},
		{"refused for its type", []int{400}, 1, pipeline.Invalid, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, seen := sink(t, c.statuses...)
			reply, err := NewEmitter(url, Overrides{}, nil).Send(t.Context(), New(ModelDelete, "/s", "1", nil))
			if len(*seen) != c.tries || (err == nil) != (c.kind == "") || err != nil && pipeline.KindOf(err) != c.kind {
				t.Errorf("%d tries, error %v", len(*seen), err)
			}
			if (reply != nil) != (c.reply != "") || reply != nil && reply.Type() != c.reply {
				t.Errorf("reply %v", reply)
			}
		})
	}
}

func TestEmitterSaysWhatTheSinkSaid(t *testing.T) {
	url, _ := sink(t, 422)
	err := NewEmitter(url, Overrides{}, nil).Emit(t.Context(), New(ModelDelete, "/s", "1", nil))
	e := asError(err)
	if e == nil || e.Field != "source" || e.Hint != "add it" || e.Reason != "the sink answered 422 Unprocessable Entity: is missing" {
		t.Errorf("%v", err)
	}
}

func TestEmitterHonoursOverrides(t *testing.T) {
	url, seen := sink(t, 204)
	env := map[string]string{"K_SINK": url, "K_CE_OVERRIDES": `{"extensions":{"team":"a b"}}`}
	em, err := EmitterFromEnv(func(k string) string { return env[k] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := New(ModelDelete, "/s", "1", nil)
	if err := em.Emit(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := (*seen)[0].Get("Ce-Team"); got != "a%20b" {
		t.Errorf("ce-team is %q", got)
	}
	if len(e.Extensions()) != 0 {
		t.Error("the caller's event was changed")
	}
	env["K_CE_OVERRIDES"] = "{"
	if _, err := EmitterFromEnv(func(k string) string { return env[k] }, nil); err == nil {
		t.Error("malformed K_CE_OVERRIDES were taken")
	}
}
