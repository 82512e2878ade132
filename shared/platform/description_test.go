package platform_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReadDescription(t *testing.T) {
	long := `{"name": "` + strings.Repeat("x", platform.MaxDescription) + `"}`
	for _, c := range []struct {
		name           string
		variable, file string
		want           string // the name in the description
		refused        string // what the error says
	}{
		{name: "a variable", variable: `{"name": "a"}`, want: "a"},
		{name: "a file", file: `{"name": "b"}`, want: "b"},
		{name: "a compressed file", file: packed(t, `{"name": "c"}`), want: "c"},
		{name: "a file before a variable", variable: `{"name": "a"}`, file: `{"name": "b"}`, want: "b"},
		{name: "neither", refused: "KAFKAML_PREDICT: is not set"},
		{name: "not JSON", variable: "{", refused: "KAFKAML_PREDICT: unexpected end"},
		{name: "a file that is not JSON", file: "{", refused: "KAFKAML_PREDICT_FILE: unexpected end"},
		{name: "a file that is cut", file: packed(t, "{}")[:12], refused: "KAFKAML_PREDICT_FILE: unexpected EOF"},
		{name: "a file that is too large", file: long, refused: "KAFKAML_PREDICT_FILE: it is larger"},
		{name: "a compressed file that is too large", file: packed(t, long), refused: "KAFKAML_PREDICT_FILE: it is larger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := map[string]string{"KAFKAML_PREDICT": c.variable}
			if c.file != "" {
				env["KAFKAML_PREDICT_FILE"] = filepath.Join(t.TempDir(), "description")
				if err := os.WriteFile(env["KAFKAML_PREDICT_FILE"], []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			getenv := func(name string) string { return env[name] }
			if platform.Described(getenv, platform.PredictVariable) != (c.variable+c.file != "") {
				t.Error("Described says otherwise")
			}
			var job pipeline.PredictJob
			err := platform.ReadDescription(getenv, platform.PredictVariable, &job)
			if job.Name != c.want || (err == nil) != (c.refused == "") || err != nil && !strings.HasPrefix(err.Error(), c.refused) {
				t.Errorf("name %q, %v; want %q, %s", job.Name, err, c.want, c.refused)
			}
		})
	}
}

// A description is refused by the member that makes it large.
func TestDescribe(t *testing.T) {
	ranges := make([]pipeline.Range, 200_000)
	for i := range ranges {
		ranges[i] = pipeline.Range{Topic: "a topic", Offset: int64(i), Length: 1}
	}
	_, err := platform.Describe(pipeline.TrainingJob{ModelName: "m", InputConfig: []byte(`{}`), Ranges: ranges})
	if pipeline.KindOf(err) != pipeline.Invalid || !strings.HasPrefix(err.Error(), "ranges: ") {
		t.Errorf("too large: %v", err)
	}
	if text, err := platform.Describe(pipeline.TrainingJob{Ranges: ranges[:1], TrainingKwargs: pipeline.TrainingKwargs{Epochs: 1}}); err != nil || len(text) == 0 {
		t.Errorf("small: %v", err)
	}
}
