package e2e

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// named finds the metrics that a rule or a panel names.
var named = regexp.MustCompile(`\b(?:kafkaml|process)_[a-z_]+`)

// watched wants each metric that dashboard and alerts name to be in what the
// functions and the inferences of a running machine show, and gives all of that.
func watched(t *testing.T, m *machine, inferences ...string) (text string) {
	t.Helper()
	paths := make([]string, 0, len(pipeline.Steps)+len(inferences))
	paths = append(paths, pipeline.Steps...)
	for _, name := range inferences {
		paths = append(paths, pipeline.StepPredict+"/"+name)
	}
	within(t, waitTime, "no lag on the control topic", func() (string, bool) {
		text = ""
		for _, path := range paths {
			text += scrape(t, m, path)
		}
		return text, strings.Contains(text, `kafkaml_lag_records{reader="control"} 0`)
	})
	shown := map[string]bool{}
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			name, labels, _ := strings.Cut(name, "{")
			shown[name] = true
			if id := regexp.MustCompile(`="[^"]*[0-9a-f]{8}-[0-9a-f]{4}|(?:result|inference|deployment|model|id)="`).FindString(labels); id != "" {
				t.Errorf("a label holds an id: %s", line)
			}
		}
	}
	for _, file := range []string{"rules.yaml", "dashboard.json"} {
		text, err := os.ReadFile("../../manifests/monitoring/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllString(string(text), -1) {
			if !shown[name] {
				t.Errorf("%s names %s, which nothing shows", file, name)
			}
		}
	}
	for _, want := range []string{`kafkaml_training_seconds_count{outcome="finished"} 1`, `kafkaml_trainings{status="finished"} 1`, "kafkaml_training_epochs_total 60", "kafkaml_training_progress_ratio 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not shown", want)
		}
	}
	return text
}

func scrape(t *testing.T, m *machine, path string) string {
	t.Helper()
	by := m.client().HTTP
	if by == nil {
		by = http.DefaultClient
	}
	resp, err := by.Get(m.URL + "/" + path + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", path, resp.Status, err, text)
	}
	return string(text)
}
