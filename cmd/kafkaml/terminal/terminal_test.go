package terminal

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestTableAlignsAndDefuses(t *testing.T) {
	var b strings.Builder
	rows := [][]string{{"1", "mnist", "784"}, {"10", "zażółć\x1b[31m", "1"}}
	if err := Table(&b, []string{"ID", "NAME", "SIZE"}, rows); err != nil {
		t.Fatal(err)
	}
	want := "ID  NAME         SIZE\n1   mnist        784\n10  zażółć [31m  1\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSparkline(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []float64
		width  int
		want   string
	}{
		{"none", nil, 8, ""},
		{"flat", []float64{2, 2, 2}, 8, "▅▅▅"},
		{"falling", []float64{7, 6, 5, 4, 3, 2, 1, 0}, 8, "█▇▆▅▄▃▂▁"},
		{"shrunk", []float64{0, 0, 1, 1}, 2, "▁█"},
		{"diverged", []float64{1, math.NaN(), math.Inf(1), 0}, 8, "█!!▁"},
		{"huge", []float64{math.MaxFloat64, -math.MaxFloat64}, 8, "█▁"},
		{"no room", []float64{1}, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Sparkline(tc.values, tc.width); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDiagnose(t *testing.T) {
	source := "import keras\nmodel = keras.Sequential()\n\tmodel.compile(loss='nonsense')\n"
	at := func(p pipeline.Position) error {
		e := pipeline.Invalidf("source", "unknown loss").WithHint("use a loss that Keras knows")
		e.Op, e.At = "register model", &p
		return &Sourced{Err: e, File: "model.py", Text: source}
	}
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("it broke"), "error: it broke\n"},
		{"columns", at(pipeline.Position{Line: 3, Column: 2, EndColumn: 7}), `error: register model: source: unknown loss
 --> model.py:3:2
  |
3 | 	model.compile(loss='nonsense')
  | 	^^^^^
hint: use a loss that Keras knows
`},
		{"over several lines", at(pipeline.Position{Line: 2, Column: 9, EndLine: 3, EndColumn: 2}), `error: register model: source: unknown loss
 --> model.py:2:9
  |
2 | model = keras.Sequential()
  |         ^^^^^^^^^^^^^^^^^^
hint: use a loss that Keras knows
`},
		{"a guess without columns", at(pipeline.Position{Line: 1, Guess: true}), `error: register model: source: unknown loss
 --> model.py:1 (the likely place)
  |
1 | import keras
hint: use a loss that Keras knows
`},
		{"beyond the text", at(pipeline.Position{Line: 99, Column: 1}), `error: register model: source: unknown loss
  --> model.py:99
hint: use a loss that Keras knows
`},
		{"no text", func() error {
			e := pipeline.Invalidf("source", "bad")
			e.At = &pipeline.Position{Line: 4}
			return e
		}(), "error: source: bad\n  at line 4 of the source\n"},
		{"several lines of reason", &pipeline.Error{Reason: "one\ntwo\x07"}, "error: one\n       two \n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b strings.Builder
			Diagnose(&b, tc.err)
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("a\nb", 1, 1, 1, 2)
	f.Add("\tx = é\r\n", 1, 2, 9, 1)
	f.Add("", 0, -1, 0, -5)
	f.Fuzz(func(t *testing.T, text string, line, column, endLine, endColumn int) {
		got := Excerpt("f", text, pipeline.Position{Line: line, Column: column, EndLine: endLine, EndColumn: endColumn})
		if strings.ContainsAny(got, "\x1b\x07\r") {
			t.Errorf("%q can steer a terminal", got)
		}
	})
}

func TestProgress(t *testing.T) {
	now := time.Unix(0, 0)
	var b strings.Builder
	p := Progress{Out: &b, Unit: "records", Total: 4000, Now: func() time.Time { return now }}
	p.Begin()
	now = now.Add(5 * time.Second)
	p.Add(500, 1000) // within ten seconds: not drawn
	now = now.Add(5 * time.Second)
	p.Add(500, 1000)
	p.End()
	want := "[######------------------]  25%  1,000 of 4,000 records  100/s  0:30 left\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestNumbers(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, tc := range []struct{ got, want string }{
		{Count(0), "0"},
		{Count(999), "999"},
		{Count(60000), "60,000"},
		{Count(-1234567), "-1,234,567"},
		{Bytes(12), "12 B"},
		{Bytes(1536), "1.5 KiB"},
		{Bytes(47 << 20), "47.0 MiB"},
		{Clock(75 * time.Second), "1:15"},
		{Clock(3*time.Hour + 5*time.Second), "3:00:05"},
		{Ago(time.Time{}, now), "-"},
		{Ago(now.Add(-90*time.Second), now), "90s"},
		{Ago(now.Add(-72*time.Hour), now), "3d"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

func TestScreenDrawsOverItself(t *testing.T) {
	var b strings.Builder
	s := Screen{Out: &b, Width: 5}
	s.Draw("one\ntwo is long\n")
	s.Draw("three\n")
	want := "one\x1b[K\ntwo …\x1b[K\n\x1b[J" + "\x1b[2A\rthree\x1b[K\n\x1b[J"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"plain-1.2/x": "plain-1.2/x", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "zażółć": "'zażółć'",
	} {
		if got := Quote(text); got != want {
			t.Errorf("Quote(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestCurl(t *testing.T) {
	req, err := http.NewRequest(http.MethodPost, "http://host/model-register/", strings.NewReader(`{"a":"it's"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Ce-Id", "x y")
	req.Header.Set("Content-Type", "application/json")
	got, err := Curl(req)
	if err != nil {
		t.Fatal(err)
	}
	want := `curl -sS -X POST http://host/model-register/ -H 'Ce-Id: x y' -H 'Content-Type: application/json' --data-binary '{"a":"it'\''s"}'` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
