package keras

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const op = "build the model"

// maxWarnings is how many warnings of a source are kept.
const maxWarnings = 50

// report is what a child writes to its result pipe; see worker/source.py.
type report struct {
	Missing  string             `json:"missing"` // the fence that could not be put up
	Export   *pipeline.Export   `json:"export"`
	Trial    *trial             `json:"trial"`
	Error    *complaint         `json:"error"`
	Warnings []pipeline.Warning `json:"warnings"`
	Places   places             `json:"places"`

	noONNX string // why there is no ONNX form: what the conversion, which comes after the rest, says or how it ended
}

// conversion is what a child writes after the report of an export.
type conversion struct {
	NoONNX string `json:"no_onnx"`
}

// places are where the source makes what a graph consists of. They are the
// child's word, good for a hint only.
type places struct {
	Layers  map[string]spot `json:"layers"`  // by name
	Nodes   map[string]spot `json:"nodes"`   // that will be refused, by name and by operation
	Compile spot            `json:"compile"` // the call of compile
}

// spot is a line of one of the person's texts.
type spot struct {
	Field string `json:"field"`
	Line  int    `json:"line"`
}

// complaint is an error in the person's texts.
type complaint struct {
	Field     string `json:"field"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Guess     bool   `json:"guess"`
	Reason    string `json:"reason"`
	Hint      string `json:"hint"`
}

// lines are the person's texts, against which positions are checked.
type lines struct{ imports, source string }

func (l lines) text(field string) string {
	if field == "imports" {
		return l.imports
	}
	return l.source
}

// judge turns a dead child's exit code, kill reason and report into what it has
// done or into an error that a person can read. The report is the child's word:
// its parts are bounded by who takes them.
func (j *job) judge(ctx context.Context, code int, err error, texts lines) (r report, _ error) {
	switch {
	case errors.Is(err, errWall), errors.Is(err, errRest) && j.exported():
		if r, err := j.read(-int(syscall.SIGKILL)); err == nil && r.Export != nil {
			return r, nil
		}
		return r, refuse(err.Error(), "build a smaller model, or try again when this machine is less busy; the source should only define and compile it")
	case errors.Is(err, errRest):
		return r, refuse(fmt.Sprintf("%v for %v", errRest, j.rest), "take out what sleeps or waits; the source should only define and compile the model")
	case errors.Is(err, errDisk), errors.Is(err, errThreads):
		return r, refuse(err.Error(), "build a smaller model; the source should only define and compile it")
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err != nil:
		return r, unavailable(err)
	}
	if r, err = j.read(code); err != nil {
		return r, err
	}
	if r.Missing != "" {
		return r, unfenced(r.Missing)
	}
	if r.Error != nil {
		return r, r.Error.refusal(texts)
	}
	return r, nil
}

// exported reports whether a child has told of an export before it was killed: the
// conversion to ONNX comes after it.
func (j *job) exported() bool {
	r, err := j.read(-int(syscall.SIGKILL))
	return err == nil && r.Export != nil
}

// export is what the child says that it has exported; Verify checks it against the
// files.
func (c *done) export() (pipeline.Export, *places, error) {
	if c.report.Export == nil {
		return pipeline.Export{}, nil, interfered()
	}
	e := *c.report.Export
	e.Warnings = warnings(slices.Concat(c.report.Warnings, e.Warnings))
	e.Printed = plain(string(c.output), maxOutput)
	e.NoONNX, e.Untrainable = line(c.report.noONNX), ""
	return e, &c.report.Places, nil
}

// read reads the result pipe's bytes.
func (j *job) read(code int) (r report, err error) {
	if len(j.result) > maxResult {
		return r, refuse("the model's description is larger than 1 MiB", "use fewer layers")
	}
	d := json.NewDecoder(bytes.NewReader(j.result))
	d.DisallowUnknownFields()
	err = d.Decode(&r)
	exported := err == nil && r.Export != nil // a child that ends after that loses its ONNX form alone
	if (code != 0 || len(j.result) == 0) && !exported {
		return report{}, j.ended(code)
	}
	if exported {
		r.noONNX, err = j.conversion(d, code)
	}
	if err != nil || d.More() || (r.Missing == "" && r.Export == nil && r.Trial == nil && r.Error == nil) {
		return report{}, interfered()
	}
	return r, nil
}

// conversion reads what follows the report of an export: why there is no ONNX
// form, empty where there is one.
func (j *job) conversion(d *json.Decoder, code int) (no string, err error) {
	var said conversion
	err = d.Decode(&said)
	switch {
	case err == nil && code == 0:
		return said.NoONNX, nil
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	case syscall.Signal(-code) == syscall.SIGXCPU:
		return fmt.Sprintf("its conversion ran into the %d s of processor time that building a model may take", j.limits.CPU), nil
	case syscall.Signal(-code) == syscall.SIGKILL:
		return "its conversion took too much memory or time and was ended", nil
	case code == 0:
		return "its conversion ended early", nil
	}
	return "its conversion crashed", nil
}

// ended explains a child that ended without a report.
func (j *job) ended(code int) error {
	const small = "build a smaller model; the source should only define and compile it"
	switch syscall.Signal(-code) {
	case syscall.SIGXCPU:
		return refuse(fmt.Sprintf("building the model took more than %d s of processor time", j.limits.CPU), small)
	case syscall.SIGKILL:
		return refuse("building the model used too much memory or processor time and was ended", small)
	case syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS:
		return refuse("building the model crashed its process: "+syscall.Signal(-code).String(), fmt.Sprintf("this often is a model too large for the %.1f GiB that it may use here", float64(j.limits.Data)/(1<<30)))
	}
	return refuse(fmt.Sprintf("the source ended its process (exit %d) before the model was built", code), "take out the call that ends the program")
}

func refuse(reason, hint string) *pipeline.Error {
	return &pipeline.Error{Op: op, Kind: pipeline.Invalid, Field: "source", Reason: reason, Hint: hint}
}

func interfered() error {
	return refuse("the source interfered with the process that reads it", "the source should only define and compile the model")
}

func unavailable(err error) *pipeline.Error {
	return &pipeline.Error{Op: op, Kind: pipeline.Unavailable, Err: err, Hint: "try again in a moment"}
}

// unfenced says which fence the machine lacks, in the words of a child.
func unfenced(missing string) *pipeline.Error {
	return unavailable(fmt.Errorf("a fence is missing: %s", plain(missing, 500)))
}

// refusal is the complaint as an error, its position only where the texts have it.
func (c *complaint) refusal(texts lines) *pipeline.Error {
	field := "source"
	if c.Field == "imports" || c.Field == "freeze" {
		field = c.Field
	}
	e := refuse(plain(c.Reason, 1000), plain(c.Hint, 500))
	e.Field = field
	if e.Reason == "" {
		e.Reason = "the source failed"
	}
	if last := strings.Count(texts.text(field), "\n") + 1; c.Line >= 1 && c.Line <= last {
		e.At = &pipeline.Position{Line: c.Line, Column: max(c.Column, 0), Guess: c.Guess}
		if c.EndLine >= c.Line && c.EndLine <= last && c.EndColumn > 0 {
			e.At.EndLine, e.At.EndColumn = c.EndLine, c.EndColumn
		}
	}
	return e
}

// numbered is what TensorFlow adds to a layer's name where it is used again.
var numbered = regexp.MustCompile(`_\d+$`)

// locate shows the refusal of a node at the line that makes it: as it was noted
// when the node was made, else at the line of the layer whose name is part of
// the node's (functional_1/watch_1/StringFormat), else at the call of compile,
// which names what makes nodes outside of layers.
func (p *places) locate(err error, texts lines) error {
	var node *nodeError
	var refusal *pipeline.Error
	if !errors.As(err, &node) || !errors.As(err, &refusal) || refusal.At != nil {
		return err
	}
	for i, at := range p.of(node) {
		if last := strings.Count(texts.text(at.Field), "\n") + 1; at.Line < 1 || at.Line > last {
			continue
		}
		if at.Field == "imports" {
			refusal.Field = at.Field
		}
		refusal.At = &pipeline.Position{Line: at.Line, Guess: i > 0}
		return err
	}
	return err
}

// of gives the places of a node, the best first; those that are not known are
// zero.
func (p *places) of(node *nodeError) []spot {
	all := []spot{p.Nodes[node.node], p.Nodes[node.op]}
	for _, scope := range slices.Backward(strings.Split(node.node, "/")) {
		all = append(all, p.Layers[scope], p.Layers[numbered.ReplaceAllString(scope, "")])
	}
	return append(all, p.Compile)
}

// checkTexts refuses what no child need see.
func checkTexts(imports, source string) error {
	for field, text := range map[string]string{"imports": imports, "source": source} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return &pipeline.Error{Op: op, Kind: pipeline.Invalid, Field: field, Reason: "is not UTF-8 text", Hint: "save it in the encoding UTF-8"}
		}
	}
	if len(imports)+len(source) > maxSource {
		return refuse("imports and source are larger than 1 MiB together", "")
	}
	if strings.TrimSpace(source) == "" {
		return refuse("is empty", "paste the Keras source that builds and compiles the variable model")
	}
	return nil
}

// plain makes text of a child safe to store and show: valid UTF-8, no control
// characters but tab and newline, at most most bytes.
func plain(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// line is text of a child as one short line.
func line(text string) string {
	printable := func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}
	return strings.Join(strings.Fields(strings.Map(printable, plain(text, 500))), " ")
}

// warnings bounds what the child heard.
func warnings(in []pipeline.Warning) (out []pipeline.Warning) {
	for _, w := range in[:min(len(in), maxWarnings)] {
		w := pipeline.Warning{Field: w.Field, Line: w.Line, Message: plain(w.Message, 500)}
		if w.Line < 1 || (w.Field != "imports" && w.Field != "source") {
			w.Field, w.Line = "", 0
		}
		out = append(out, w)
	}
	return out
}
