package keras

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// FuzzReport holds that whatever a child writes becomes an export with bounded
// texts or an error that a person can read, with a place inside of the texts.
func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"export": {"inputs": []}, "warnings": [{"field": "source", "line": 1, "message": "m"}]}`), "out", 0)
	f.Add([]byte("{\"export\": {\"inputs\": []}}\n{\"no_onnx\": \"\u001b[2J StringLookup\\n has no ONNX form\"}\n"), "", 0)
	f.Add([]byte(`{"export": {"inputs": [], "no_onnx": "forged"}}`), "", -9)
	f.Add([]byte(`{"export": {"inputs": []}} {"no_onnx": ""} {}`), "", 0)
	f.Add([]byte(`{"error": {"field": "imports", "line": 1, "column": 2, "end_line": 1, "end_column": 3, "reason": "r", "hint": "h"}}`), "", 0)
	f.Add([]byte(`{"error": {"field": "x", "line": -1, "end_line": 99999999, "reason": "\u0000\u001b[2J"}}`), "\xff\x00", 0)
	f.Add([]byte(`{"trial": {"records": 2, "seconds": 0.1, "metrics": {"loss": 1}, "fault": {"reason": "r", "line": 2, "record": 1, "failing": 1, "tried": 2}}}`), "", 0)
	f.Add([]byte(`{"trial": {"records": 2, "seconds": -1, "metrics": {"loss": "NaN"}}}`), "", 0)
	f.Add([]byte(`{"missing": "Landlock"}`), "", 0)
	f.Add([]byte(`{} {}`), "", 0)
	f.Add([]byte(``), "", -9)
	f.Fuzz(func(t *testing.T, result []byte, output string, code int) {
		j := &job{result: result, output: []byte(output)}
		texts := lines{"import keras\n", "x = 1\ny = 2\n"}
		r, err := j.judge(t.Context(), code, nil, texts)
		c := &done{job: j, texts: texts, report: r}
		switch {
		case err != nil:
		case r.Export != nil:
			e, _, err := c.export()
			if err != nil || !utf8.ValidString(e.Printed) || len(e.Warnings) > maxWarnings || !validText(e.NoONNX, 500) || code != 0 && e.NoONNX == "" {
				t.Errorf("took %+v, %v", e, err)
			}
			return
		default:
			const records = 2
			var said framework.Trial
			if said, err = r.Trial.checked(records, texts); err == nil {
				if loss := said.Metrics["loss"]; said.Fault == nil && loss-loss != 0 || said.Fault != nil && (said.Fault.Record < -1 || said.Fault.Record >= records) {
					t.Errorf("took %+v", said)
				}
				return
			}
		}
		var refusal *pipeline.Error
		if !errors.As(err, &refusal) || refusal.Message() == "" || strings.ContainsRune(refusal.Reason, '\x1b') {
			t.Fatalf("got %v", err)
		}
		if at := refusal.At; at != nil && (at.Line < 1 || at.Line > 3 || at.EndLine > 3 || at.Column < 0) {
			t.Errorf("the place is %+v", at)
		}
	})
}

// TestEndOfConversion holds what becomes of a child's word on its ONNX form.
func TestEndOfConversion(t *testing.T) {
	const export = `{"export": {"inputs": []}}` + "\n"
	cases := map[string]struct {
		result string
		code   int
		err    error // that its run ended with
		says   string
	}{
		"there":            {export + `{"no_onnx": ""}`, 0, nil, ""},
		"not there":        {export + `{"no_onnx": "Svd"}`, 0, nil, "Svd"},
		"nothing":          {export, 0, nil, "its conversion ended early"},
		"processor time":   {export, -int(syscall.SIGXCPU), nil, "its conversion ran into the 60 s of processor time that building a model may take"},
		"memory":           {export, -int(syscall.SIGKILL), nil, "its conversion took too much memory or time and was ended"},
		"crash":            {export, -int(syscall.SIGSEGV), nil, "its conversion crashed"},
		"crash after that": {export + `{"no_onnx": ""}`, -int(syscall.SIGSEGV), nil, "its conversion crashed"},
		"time":             {export, 0, errWall, "its conversion took too much memory or time and was ended"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			j := &job{result: []byte(c.result), limits: limits{CPU: 60}}
			r, err := j.judge(t.Context(), c.code, c.err, lines{})
			if err != nil || r.noONNX != c.says {
				t.Errorf("got %q, %v, want %q", r.noONNX, err, c.says)
			}
		})
	}
	for name, j := range map[string]*job{"time": {}, "half a report": {result: []byte(export[:20])}} {
		if _, err := j.judge(t.Context(), 0, errWall, lines{}); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("%s before the report: %v", name, err)
		}
	}
}

func TestPlain(t *testing.T) {
	cases := map[string]struct {
		text string
		most int
		want string
	}{
		"plain":              {"a\tb\nc", 10, "a\tb\nc"},
		"control characters": {"\x1b[31mred\x00\r\x7f", 20, "[31mred"},
		"broken":             {"a\xffb", 10, "a\uFFFDb"},
		"cut in a character": {"aäöü", 4, "aä"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := plain(c.text, c.most); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
