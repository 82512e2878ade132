package platformtest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

func (p *place) apply(t *testing.T, s platform.Service) {
	t.Helper()
	if err := p.Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// ready waits until n replicas are ready and desired.
func (p *place) ready(t *testing.T, name string, n int) (st platform.ServiceStatus) {
	t.Helper()
	p.eventually(t, fmt.Sprintf("%s has %d ready", name, n), func() bool {
		var err error
		if st, err = p.Status(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		return st.Ready == n && st.Desired == n
	})
	if st.URL == "" || st.Failed != "" {
		t.Errorf("%s is ready: %+v", name, st)
	}
	return st
}

// ask requests a path of a Service. ok is false if no replica answered.
func ask(t *testing.T, st platform.ServiceStatus, path string) (a answer, ok bool) {
	t.Helper()
	res, err := http.Get(strings.TrimSuffix(st.URL, "/") + path) // #nosec G107 -- a test's own server
	if err != nil {
		return a, false
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return a, false
	}
	_, err = fmt.Sscan(string(text), &a.replica, &a.path, &a.output, &a.config)
	return a, err == nil
}

// answers waits until a Service answers with output, and returns the answer.
func (p *place) answers(t *testing.T, st platform.ServiceStatus, output string) (a answer) {
	t.Helper()
	p.eventually(t, "the answer is "+output, func() bool {
		var ok bool
		a, ok = ask(t, st, "/v2/x")
		return ok && a.output == output
	})
	if a.path != "/v2/x" {
		t.Errorf("a replica was asked for %s", a.path)
	}
	return a
}

func replicas(t *testing.T, b Backend) {
	p := newPlace(t, b)
	if _, err := p.Status(t.Context(), "kept"); pipeline.KindOf(err) != pipeline.NotFound {
		t.Errorf("before there is a Service: %v", err)
	}
	p.apply(t, Service("kept", "out", 1))
	st := p.ready(t, "kept", 1)
	first := p.answers(t, st, "out")
	p.apply(t, Service("kept", "out", 1))
	if a := p.answers(t, st, "out"); a != first {
		t.Errorf("a Service that did not change answers by %s, not %s", a, first)
	}
	ask(t, st, "/die")
	p.eventually(t, "another replica answers", func() bool {
		a, ok := ask(t, st, "/v2/x")
		return ok && a.replica != first.replica
	})
	for _, n := range []int{2, 3, 1} {
		p.apply(t, Service("kept", "out", n))
		st := p.ready(t, "kept", n)
		p.answers(t, st, "out")
	}
	if names, err := p.Names(t.Context()); err != nil || len(names) != 1 || !slices.Equal(names[7], []string{"kept"}) {
		t.Errorf("names: %v, %v", names, err)
	}
	if err := p.Delete(t.Context(), "kept", 8); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Status(t.Context(), "kept"); err != nil {
		t.Errorf("it went with another inference: %v", err)
	}
	for range 2 { // it is gone the second time
		if err := p.Delete(t.Context(), "kept", 7); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Status(t.Context(), "kept"); pipeline.KindOf(err) != pipeline.NotFound {
		t.Errorf("a Service that was deleted: %v", err)
	}
	if names, err := p.Names(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("names: %v, %v", names, err)
	}
}

// replaced changes a Service while it answers: every request is answered.
func replaced(t *testing.T, b Backend) {
	p := newPlace(t, b)
	p.apply(t, Service("changing", "one", 1))
	st := p.ready(t, "changing", 1)
	p.answers(t, st, "one")
	p.apply(t, Service("changing", "two", 1))
	p.eventually(t, "the new one answers", func() bool {
		a, ok := ask(t, st, "/v2/x")
		if !ok {
			t.Fatal("a request was not answered")
		}
		return a.output == "two"
	})
	p.ready(t, "changing", 1)
}

func broken(t *testing.T, b Backend) {
	p := newPlace(t, b)
	p.apply(t, Service("broken", "broken", 1))
	p.eventually(t, "the reason is shown", func() bool {
		st, err := p.Status(t.Context(), "broken")
		if err != nil || st.Ready != 0 {
			t.Fatalf("%+v, %v", st, err)
		}
		return strings.Contains(st.Failed, "cannot load the model")
	})
}

func describedService(t *testing.T, b Backend) {
	p := newPlace(t, b)
	s := Service("large", "one", 1)
	s.Spec.InputConfig = configOf(large)
	p.apply(t, s)
	st := p.ready(t, "large", 1)
	if a := p.answers(t, st, "one"); a.config != digest(s.Spec.InputConfig) {
		t.Errorf("the replica has read %s", a.config)
	}
	s.Spec.OutputTopic = "two"
	p.apply(t, s)
	if a := p.answers(t, st, "two"); a.config != digest(s.Spec.InputConfig) {
		t.Errorf("the next replica has read %s", a.config)
	}
	s.Spec.InputConfig = configOf(platform.MaxDescription)
	checkTooLarge(t, p.Apply(t.Context(), s))
}

// serviceOwner closes the owner of a Service. If Services outlive it, the next
// owner finds the Service; otherwise nothing is left.
func serviceOwner(t *testing.T, b Backend) {
	p := newPlace(t, b)
	p.apply(t, Service("left", "out", 1))
	st := p.ready(t, "left", 1)
	p.Close()
	p.start(t)
	names, err := p.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !b.Outlives {
		if len(names) != 0 {
			t.Errorf("names: %v", names)
		}
		return
	}
	if len(names) != 1 || !slices.Equal(names[7], []string{"left"}) {
		t.Errorf("names: %v", names)
	}
	p.answers(t, st, "out")
	if err := p.Delete(t.Context(), "left", 7); err != nil {
		t.Fatal(err)
	}
}
