package files_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// clerks is a model of a number, a text and two texts; reviews one of one text.
var (
	clerks = []pipeline.Tensor{
		{Name: "age", DType: "float32", Shape: []int{1}}, {Name: "job", DType: "string", Shape: []int{1}}, {Name: "tags", DType: "string", Shape: []int{2}},
	}
	reviews = []pipeline.Tensor{{Name: "review", DType: "string", Shape: []int{1}}}
)

// read decodes all records of a reader as models with such inputs would.
func read(t *testing.T, r *files.Reader, inputs []pipeline.Tensor, labels ...pipeline.Tensor) (rows [][]any) {
	t.Helper()
	d, err := codec.New(r.Format(), r.Config(), codec.Binding{Inputs: inputs, Labels: labels})
	if err != nil {
		t.Fatalf("%s: %v", r.Config(), err)
	}
	var room, label [][]byte
	for _, t := range d.Inputs() {
		room = append(room, make([]byte, t.Bytes()))
	}
	for _, t := range d.Labels() {
		label = append(label, make([]byte, t.Bytes()))
	}
	for {
		key, value, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err == nil {
			err = d.Record(room, label, key, value)
		}
		if err != nil {
			t.Fatal(err)
		}
		var row []any
		for i, of := range append(d.Inputs(), d.Labels()...) {
			row = append(row, cells(t, of, append(room, label...)[i])...)
		}
		rows = append(rows, row)
	}
}

// cells are the elements of a tensor.
func cells(t *testing.T, of codec.Tensor, stored []byte) (all []any) {
	t.Helper()
	if of.DType != codec.String {
		numbers, err := codec.Floats(stored, of.DType)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range numbers {
			all = append(all, n)
		}
		return all
	}
	for len(stored) > 0 {
		text, rest, ok := codec.CutText(stored)
		if !ok {
			t.Fatalf("%q holds no whole texts", stored)
		}
		all, stored = append(all, string(text)), rest
	}
	return all
}

// TestTextIsSentAsItIsWritten sends columns of text to models that take text, in
// each format, beside numbers and alone.
func TestTextIsSentAsItIsWritten(t *testing.T) {
	class := pipeline.Tensor{Name: "y", DType: "int32"}
	mixed := clerks[:2]
	people := "age,job,hired\n41,nurse,1\n28,\"a, \"\"b\"\"\",0\n,007,1\n33,,0\n"
	wantPeople := [][]any{{41., "nurse", 1.}, {28., `a, "b"`, 0.}, {nil, "007", 1.}, {33., "", 0.}}
	films := "review,kind\ngood film,good\nNA,bad\n12.50,bad\ntrue,good\n"
	wantFilms := [][]any{{"good film", 1.}, {"NA", 0.}, {"12.50", 0.}, {"true", 1.}}
	tests := map[string]struct {
		name, text string
		options    files.Options
		inputs     []pipeline.Tensor
		want       [][]any
	}{
		"CSV":               {"t.csv", people, files.Options{}, mixed, wantPeople},
		"CSV as JSON":       {"t.csv", people, files.Options{Format: pipeline.JSON}, mixed, wantPeople},
		"CSV, one text":     {"t.csv", films, files.Options{}, reviews, wantFilms},
		"CSV, one, as JSON": {"t.csv", films, files.Options{Format: pipeline.JSON}, reviews, wantFilms},
		"CSV, one, as RAW":  {"t.csv", films, files.Options{Format: pipeline.RAW}, reviews, wantFilms},
		"JSON lines": {
			"t.jsonl", `{"tags":["a","b"],"job":"x\ty","age":4,"y":1}` + "\n" + `{"age":null,"tags":["","é<"],"job":null,"y":0}` + "\n",
			files.Options{},
			clerks,
			[][]any{{4., "x\ty", "a", "b", 1.}, {nil, "", "", "é<", 0.}},
		},
		"JSON lines as AVRO": {"t.jsonl", `{"tags":["a","b"],"job":"x","age":4,"y":1}`, files.Options{Format: pipeline.AVRO}, clerks, [][]any{{4., "x", "a", "b", 1.}}},
		"several columns":    {"t.csv", "first,second,y\na,b,0\n1,,1\n", files.Options{}, []pipeline.Tensor{{Name: "letters", DType: "string", Shape: []int{2}}}, [][]any{{"a", "b", 0.}, {"1", "", 1.}}},
		"the label first":    {"t.csv", "kind,review\nbad,dull\ngood,fine\n", files.Options{}, reviews, [][]any{{"dull", 0.}, {"fine", 1.}}},
		"not UTF-8":          {"t.csv", "review,y\ncaf\xe9,1\n", files.Options{}, reviews, [][]any{{"caf\xe9", 1.}}},
		"named":              {"t.csv", films, files.Options{Text: "review"}, nil, wantFilms},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.options.Inputs = test.inputs
			r, err := files.Open([]string{write(t, test.name, test.text)}, test.options)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			inputs := test.inputs
			if inputs == nil {
				inputs = reviews
			}
			got := read(t, r, inputs, class)
			for _, row := range got {
				if n, ok := row[0].(float64); ok && n != n {
					row[0] = nil
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: %s", r.Config(), diff)
			}
		})
	}
}

// One column of texts is a file of records to predict.
func TestTextsToPredict(t *testing.T) {
	r, err := files.Open([]string{write(t, "t.csv", "review\na good film\na bad film\n\"no, thanks\"\n")}, files.Options{Only: true, Text: "review", Format: pipeline.RAW})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if diff := cmp.Diff([][]any{{"a good film"}, {"a bad film"}, {"no, thanks"}}, read(t, r, reviews)); diff != "" {
		t.Error(diff)
	}
}

func TestTextOfAnAvroContainer(t *testing.T) {
	path := container(t, `{"type":"record","name":"r","fields":[
		{"name":"job","type":["null","string"]},{"name":"tags","type":{"type":"array","items":"string"}},{"name":"age","type":"int"},
		{"name":"y","type":{"type":"enum","name":"E","symbols":["no","yes"]}}]}`,
		map[string]any{"job": goavro.Union("string", "nurse"), "tags": []any{"a", "b"}, "age": 3, "y": "yes"},
		map[string]any{"job": nil, "tags": []any{"", "c"}, "age": 4, "y": "no"})
	r, err := files.Open([]string{path}, files.Options{Inputs: clerks})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := [][]any{{3., "nurse", "a", "b", 1.}, {4., "", "", "c", 0.}}
	if diff := cmp.Diff(want, read(t, r, clerks, pipeline.Tensor{Name: "y", DType: "int32"})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsSaidOfText(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		inputs []pipeline.Tensor
		said   []string
	}{
		"beside numbers": {"age,job,y\n41,nurse,1\n28,12,0\n,,1\n", clerks[:2], []string{
			"sample: 2 columns, age, job (text); label: y", `row 1 (line 2): age=41 job="nurse" -> y=1`, `row 2 (line 3): age=28 job="12" -> y=0`, `age=NaN job=""`,
			"1 of 3 rows have missing values: age 1; they become NaN", "1 of 3 rows lack text: job 1 (first in row 3 (line 4)); it is sent as an empty one",
		}},
		"alone":        {"review,y\nNA,0\n,1\ninf,0\n1e300,1\n9007199254740993,0\n", reviews, []string{"sample: review (text); label: y", `review="NA"`, "!NaN", "!Infinity", "!far from", "1 of 5 rows lack text"}},
		"of no column": {"review,y\ngood,0\n", reviews[:1], []string{"!lack"}},
		"not UTF-8":    {"review,y\ngood,0\ncaf\xe9,1\n", reviews, []string{"review is not UTF-8 in row 2 (line 3)"}},
		"long":         {"review,y\n" + strings.Repeat("word ", 500) + ",0\n", reviews, []string{`word word ..."`}},
	} {
		_, said := names(t, write(t, "t.csv", c.text), files.Options{Inputs: c.inputs})
		for _, want := range c.said {
			without, not := strings.CutPrefix(want, "!")
			if strings.Contains(said, without) == not {
				t.Errorf("%s: %q in:\n%s", name, want, said)
			}
		}
	}
}

func TestTextThatCannotBeSent(t *testing.T) {
	for name, c := range map[string]struct {
		name, text   string
		options      files.Options
		reason, hint string
	}{
		"where numbers are wanted": {"t.csv", "age,job,y\nold,nurse,1\n", files.Options{Inputs: clerks[:2]}, `column "age" holds text ("old") in row 1 (line 2), where numbers are wanted`, "--drop age"},
		"no input of the model":    {"t.csv", "age,town,y\n4,Oslo,1\n", files.Options{Inputs: clerks[:2]}, `column "town" holds text ("Oslo")`, "--drop town"},
		"of a model not known":     {"t.csv", "age,town,y\n4,Oslo,1\n", files.Options{}, `column "town" holds text ("Oslo")`, "where the model takes text, --text town sends it"},
		"a number of JSON":         {"t.jsonl", `{"review":"a","y":0}` + "\n" + `{"review":5,"y":0}`, files.Options{Inputs: reviews}, `row 2 (line 2): column "review" holds the number 5, where text is wanted`, ""},
		"an object":                {"t.jsonl", `{"review":{"en":"a"},"y":0}` + "\n" + `{"review":{"en":"b"},"y":0}`, files.Options{Inputs: reviews}, `column "review" holds an object`, ""},
		"another count":            {"t.jsonl", `{"review":["a","b"],"y":0}` + "\n" + `{"review":["a"],"y":0}`, files.Options{Inputs: reviews}, "holds 1 texts, 2 before", ""},
		"two columns as RAW":       {"t.csv", "age,job,y\n4,nurse,1\n", files.Options{Inputs: clerks[:2], Format: pipeline.RAW}, "a record of RAW is one text, and the sample is more: age, job", "--format AVRO"},
		"a type of numbers":        {"t.csv", "review,y\na,1\n", files.Options{Inputs: reviews, Format: pipeline.RAW, DType: "uint8"}, `"uint8" does not hold text`, "--dtype"},
		"no such column":           {"t.csv", "review,y\na,1\n", files.Options{Text: "text"}, `there is no column "text"`, "review, y"},
	} {
		r, err := files.Open([]string{write(t, c.name, c.text)}, c.options)
		var refused *pipeline.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message(), c.reason) || !strings.Contains(refused.Hint, c.hint) {
			t.Errorf("%s: got %v, %v", name, r, err)
		}
	}
	r, err := files.Open([]string{write(t, "t.csv", "review,y\ncaf\xe9,1\n")}, files.Options{Inputs: reviews, Format: pipeline.JSON})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, _, err := r.Next(); err == nil || !strings.Contains(err.Error(), "row 1 (line 2)") || !strings.Contains(err.Error(), "not UTF-8") {
		t.Errorf("got %v", err)
	}
}
