package local

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

func predictor(name, output string, replicas int) platform.Service {
	return platform.Service{
		Name: name, MinScale: replicas, MaxScale: replicas, Env: []string{"PLATFORM_TEST_CHILD=1"},
		Spec: pipeline.PredictJob{Name: name, OutputTopic: output},
	}
}

func ready(l *Platform, name string, n int) func() bool {
	return func() bool { s, err := l.Status(nil, name); return err == nil && s.Ready == n && len(s.URLs) == n } //nolint:staticcheck // it does not wait
}

// ask gives the process that answered and what it said.
func ask(t *testing.T, url string) (pid int, said string) {
	t.Helper()
	res, err := http.Get(url) // #nosec G107 -- a test's own server
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	_, _ = fmt.Sscan(string(b), &pid)
	return pid, string(b)
}

func TestServiceKeepsItsReplicas(t *testing.T) {
	l, _ := rig(t, Config{BaseURL: "http://localhost/predict"})
	if err := l.Apply(t.Context(), predictor("i", "out", 2)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two are ready", ready(l, "i", 2))
	st, _ := l.Status(t.Context(), "i")
	if st.Wanted != 2 || st.URL != "http://localhost/predict/i/" || st.Failed != "" {
		t.Errorf("%+v", st)
	}
	first, _ := ask(t, st.URLs[0])
	_ = syscall.Kill(first, syscall.SIGKILL)
	eventually(t, "the dead one is missed", ready(l, "i", 1))
	eventually(t, "another runs in its place", ready(l, "i", 2))

	for _, n := range []int{3, 1} {
		if err := l.Apply(t.Context(), predictor("i", "out", n)); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("%d are ready", n), ready(l, "i", n))
	}
	if err := l.Delete(t.Context(), "i"); err != nil {
		t.Fatal(err)
	}
	if running(first) {
		t.Error("a replica outlives its service")
	}
	if _, err := l.Status(t.Context(), "i"); pipeline.KindOf(err) != pipeline.NotFound {
		t.Errorf("a service that is gone: %v", err)
	}
}

// While a service is replaced it answers every request.
func TestChangedServiceIsReplacedWithoutAGap(t *testing.T) {
	l, _ := rig(t, Config{})
	proxy := httptest.NewServer(l.Proxy())
	defer proxy.Close()
	if res, err := http.Get(proxy.URL + "/i/x"); err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("before there is a service: %v", err)
	}
	if err := l.Apply(t.Context(), predictor("i", "one", 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is ready", ready(l, "i", 1))
	if err := l.Apply(t.Context(), predictor("i", "two", 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new one answers", func() bool {
		_, said := ask(t, proxy.URL+"/i/v2/x")
		if !strings.Contains(said, " /v2/x ") {
			t.Fatalf("the service answered %q", said)
		}
		return strings.HasSuffix(said, " two")
	})
}

func TestServiceThatDoesNotStartSaysWhy(t *testing.T) {
	l, _ := rig(t, Config{})
	if err := l.Apply(t.Context(), predictor("broken", "out", 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reason is shown", func() bool {
		s, _ := l.Status(t.Context(), "broken")
		return s.Ready == 0 && strings.Contains(s.Failed, "exit code 1: cannot load the model")
	})
}
