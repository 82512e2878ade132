package files_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// names are the columns that a file was read with, samples then labels.
func names(t *testing.T, path string, o files.Options) (all []string, report string) {
	t.Helper()
	o.Format = pipeline.JSON // its config holds the names as they are
	r, err := files.Open([]string{path}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	config, _ := canonical(t, string(r.Config())).(map[string]any)
	for _, of := range []string{"data_fields", "label_field"} {
		fields, _ := config[of].([]any)
		for _, f := range fields {
			all = append(all, f.(string))
		}
	}
	return all, strings.Join(r.Report(), "\n")
}

// A table is one whatever is in its name.
func TestTablesNamedLikeOtherKinds(t *testing.T) {
	for _, name := range []string{"idx.csv", "idx_of_rows", "train-idx1.csv", "ubytes.txt", "npy.tsv"} {
		if all, _ := names(t, write(t, name, "w\th\tk\n1\t2\t0\n"), files.Options{}); !cmp.Equal(all, []string{"w", "h", "k"}) {
			t.Errorf("%s: %q", name, all)
		}
	}
}

// TestTheFirstRowIsTakenForWhatItIs holds what the first row of a table is
// taken for, and that it is said.
func TestTheFirstRowIsTakenForWhatItIs(t *testing.T) {
	plain := func(n int) (all []string) { return []string{"column1", "column2", "column3", "column4"}[:n] }
	tests := map[string]struct {
		text   string
		header files.Header
		want   []string
		said   string
	}{
		"names":                       {"w,h,k\n1,2,0\n", "", []string{"w", "h", "k"}, "names the columns"},
		"an index without a name":     {",w,k\n0,5,1\n1,6,0\n", "", []string{"column1", "w", "k"}, "names the columns"},
		"words that stand for values": {"nan,False,NULL,t\n1,2,3,0\n", "", []string{"nan", "False", "NULL", "t"}, "names the columns"},
		"years beside a name":         {"2001,2002,change\n4,5,1\n", "", []string{"2001", "2002", "change"}, "names the columns"},
		"numbers from 0":              {"0,1,2\n0.5,1.5,1\n", "", []string{"0", "1", "2"}, "count from 0"},
		"an index and numbers from 0": {",0,1\n0,7,1\n1,8,0\n", "", []string{"column1", "0", "1"}, "count from 0"},
		"two counts over fractions":   {"0,1\n0.25,1\n", "", []string{"0", "1"}, "count from 0"},
		"two small numbers":           {"0,1\n1,0\n", "", plain(2), "is a record of numbers"},
		"numbers":                     {"3,4,1\n5,6,0\n", "", plain(3), "is a record of numbers"},
		"numbers from 0 that recur":   {"0,1,2\n5,6,7\n0,1,2\n", "", plain(3), "is a record of numbers"},
		"a class at the end":          {"5.1,3.5,oak\n4.9,3.0,oak\n6,2,ash\n", "", plain(3), "like those below it"},
		"a word of its own":           {"A1,0.5,2\nB7,0.25,3\n", "", nil, "like those below it"},
		"a missing number":            {"7,,1\n8,2,0\n", "", plain(3), "is a record of numbers"},
		"empty rows before":           {",,\n\nw,h,k\n1,2,0\n", "", []string{"w", "h", "k"}, "names the columns"},
		"numbers, said to be names":   {"7,8\n1,0\n", files.HeaderNames, []string{"7", "8"}, "names the columns"},
		"names, said to be a record":  {"7,k\n1,m\n", files.HeaderRecord, plain(2), "is a record"},
		"a comment":                   {"# from a logger, 7 May\nw,k\n1,0\n", "", []string{"w", "k"}, "a comment"},
		"NumPy's header":              {"# w h k\n1.0 2.0 0.0\n", "", []string{"w", "h", "k"}, "names the columns"},
		"a line for Excel":            {"sep=|\r\nw|k\r\n1|0\r\n", "", []string{"w", "k"}, "separates"},
		"bars":                        {"w|k\n1|0\n", "", []string{"w", "k"}, "names the columns"},
		"blanks":                      {"w   h k\n1.5 2   0 \n", "", []string{"w", "h", "k"}, "names the columns"},
		"a mark and quotes":           {"\ufeff\"w, m\",\"k\"\n\"1\",\"0\"\n", "", []string{"w, m", "k"}, "names the columns"},
		"UTF-16":                      {"\xff\xfew\x00;\x00k\x00\n\x001\x00;\x000\x00\n\x00", "", []string{"w", "k"}, "names the columns"},
		"UTF-16, the other order":     {"\xfe\xff\x00w\x00,\x00k\x00\n\x001\x00,\x000\x00\n", "", []string{"w", "k"}, "names the columns"},
		"UTF-16 without a mark":       {"w\x00,\x00k\x00\n\x001\x00,\x000\x00\n\x00", "", []string{"w", "k"}, "names the columns"},
		"lines of an old Mac":         {"w,k\r1,0\r2,1\r", "", []string{"w", "k"}, "names the columns"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := files.Options{Header: test.header}
			if test.want == nil { // text in a sample
				o.Drop = "column1"
				test.want = []string{"column2", "column3"}
			}
			got, said := names(t, write(t, "t.csv", test.text), o)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(said, test.said) {
				t.Errorf("said %s", said)
			}
		})
	}
}

// TestWhatIsSaidOfAFile holds that guesses, missing values and odd ones are said
// before anything is sent.
func TestWhatIsSaidOfAFile(t *testing.T) {
	odd := "x,y\n" + strings.Repeat("310,0\n295,1\n", 20) + "2.9e8,0\n"
	tests := map[string]struct {
		name, text string
		options    files.Options
		said       []string
	}{
		"the last column":     {"t.csv", "rent,rooms,size\n900,3,70\n", files.Options{}, []string{"label: size (the last column; --label names another)", "row 1 (line 2): rent=900 rooms=3 -> size=70"}},
		"a likely name":       {"t.jsonl", `{"Target":1,"x":2}` + "\n", files.Options{}, []string{"label: Target (by its name; --label names another)"}},
		"a name that is told": {"t.csv", "a,b\n1,2\n", files.Options{Label: "a"}, []string{"sample: b; label: a\n"}},
		"a class":             {"t.csv", "a,kind\n1,oak\n2,ash\n", files.Options{}, []string{`-> kind="oak" (class 1)`}},
		"missing, CSV":        {"t.csv", "a,b,y\n,2,0\n1,NA,1\n3,4,1\n", files.Options{}, []string{"2 of 3 rows have missing values: a 1, b 1; they become NaN"}},
		"missing, JSON":       {"t.jsonl", `{"a":1,"b":null,"y":0}` + "\n" + `{"a":1,"y":0}` + "\n", files.Options{}, []string{"2 of 2 rows have missing values: b 2; they become NaN"}},
		"missing, not sent":   {"t.csv", "a,b,y\n,2,0\n1,2,1\n", files.Options{Skip: 1}, []string{"row 2 (line 3)"}},
		"empty rows":          {"t.csv", "a,b,y\n1,2,0\n,,\n3,4,1\n , ,\n", files.Options{}, []string{"left out: 2 empty rows, the first is row 2 (line 3)"}},
		"an empty row, JSON":  {"t.jsonl", `{"a":1,"y":0}` + "\n" + `{"a":null}` + "\n", files.Options{}, []string{"left out: row 2 (line 2), which is empty"}},
		"columns of nothing":  {"t.csv", "a,b,y,,\n1,2,0,,\n3,4,1,,\n", files.Options{}, []string{"left out: column 4", "left out: column 5", "sample: 2 columns, a, b; label: y"}},
		"one far number":      {"t.csv", odd, files.Options{}, []string{"x is 290000000 in row 41 (line 42), far from the rest: the next largest is 310"}},
		"an index":            {"t.csv", ",a,y\n0,7,1\n1,5,0\n", files.Options{}, []string{"column1 has no name and counts the rows, as an index does: leave it out (--drop column1)"}},
		"Infinity":            {"t.csv", "x,y\n1,0\n-inf,1\nInfinity,0\n", files.Options{}, []string{"x holds Infinity in row 2 (line 3) and 1 more"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, said := names(t, write(t, test.name, test.text), test.options)
			for _, want := range test.said {
				if !strings.Contains(said+"\n", want) {
					t.Errorf("%q is not said in:\n%s", want, said)
				}
			}
			if strings.Contains(test.name+name, "not sent") && strings.Contains(said, "missing") {
				t.Errorf("said of rows that are not sent:\n%s", said)
			}
		})
	}
}

func TestMissingValuesOfAnAvroContainerAreCounted(t *testing.T) {
	const schema = `{"type":"record","name":"r","fields":[{"name":"a","type":["double","null"],"default":null},{"name":"y","type":"int","default":"none"}]}`
	entry := func(name, value string) string {
		return string(binary.AppendVarint(nil, int64(len(name)))) + name + string(binary.AppendVarint(nil, int64(len(value)))) + value
	}
	const mark, rows = "0123456789abcdef", "\x02\x02" + "\x00\x00\x00\x00\x00\x00\x00\x04\x40" + "\x00" // null, 1; 2.5, 0
	path := write(t, "t.avro", "Obj\x01\x02"+entry("avro.schema", schema)+"\x00"+mark+"\x04"+string(binary.AppendVarint(nil, int64(len(rows))))+rows+mark)
	if _, said := names(t, path, files.Options{}); !strings.Contains(said, "1 of 2 rows have missing values: a 1") {
		t.Error(said)
	}
}

func TestNaNOfArraysIsCounted(t *testing.T) {
	x := "\x93NUMPY\x01\x00\x46\x00" + fmt.Sprintf("%-69s\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }") +
		"\x00\x00\xc0\x7f" + "\x00\x00\x80\x3f" + "\x00\x00\x80\xff"
	r, err := files.Open([]string{write(t, "x.npy", x)}, files.Options{Only: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for err == nil {
		_, _, err = r.Next()
	}
	said := strings.Join(r.Found(nil), "\n")
	if !errors.Is(err, io.EOF) || !strings.Contains(said, "1 of 3 rows of x.npy hold NaN, first row 1") || !strings.Contains(said, "Infinity, first row 3") {
		t.Errorf("%v: %s", err, said)
	}
}

// TestWholeNumbersKeepEveryBit holds that a number beyond 2^53 is sent as it is
// written, in each format that can hold it.
func TestWholeNumbersKeepEveryBit(t *testing.T) {
	const large = "1732795123456789013"
	csv := write(t, "t.csv", "id,x,y\n"+large+",0.5,1\n,1.5,0\n-9007199254740993,2,1\n")
	jsonl := write(t, "t.jsonl", `{"id":`+large+`,"x":0.5,"y":1}`+"\n"+`{"x":1.5,"y":0}`+"\n"+`{"id":-9007199254740993,"x":2,"y":1}`+"\n")
	avro := container(t, `{"type":"record","name":"r","fields":[{"name":"id","type":["null","long"]},{"name":"x","type":"double"},{"name":"y","type":"int"}]}`,
		map[string]any{"id": map[string]any{"long": int64(1732795123456789013)}, "x": .5, "y": 1},
		map[string]any{"id": nil, "x": 1.5, "y": 0}, map[string]any{"id": map[string]any{"long": int64(-9007199254740993)}, "x": 2.0, "y": 1})
	for _, path := range []string{csv, jsonl, avro} {
		r, err := files.Open([]string{path}, files.Options{Format: pipeline.JSON})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			_, sample, err := r.Next()
			if err != nil {
				break
			}
			got = append(got, string(sample))
		}
		want := []string{`{"id":` + large + `,"x":0.5}`, `{"id":null,"x":1.5}`, `{"id":-9007199254740993,"x":2}`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		_ = r.Close()
		if _, err := files.Open([]string{path}, files.Options{Format: pipeline.RAW}); err == nil || !strings.Contains(err.Error(), `"id"`) {
			t.Errorf("RAW rounds in silence: %v", err)
		}
	}
	r, err := files.Open([]string{write(t, "t.csv", "a,b,y\n"+large+",2,0\n3,4,1\n")}, files.Options{Format: pipeline.RAW})
	if err != nil {
		t.Fatal(err)
	}
	if _, sample, err := r.Next(); err != nil || len(sample) != 16 || int64(sample[0]) != 1732795123456789013&0xff {
		t.Errorf("% x, %v", sample, err)
	}
	_ = r.Close()
}

// TestADroppedColumnIsNotRead takes files whose other columns hold what cannot
// be read.
func TestADroppedColumnIsNotRead(t *testing.T) {
	avro := container(t, `{"type":"record","name":"r","fields":[{"name":"m","type":{"type":"map","values":"double"}},{"name":"b","type":"bytes"},{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"y","type":"int"}]}`,
		map[string]any{"m": map[string]any{"only": 1.5}, "b": []byte{1}, "t": int64(1732795123456), "y": 1})
	jsonl := write(t, "t.jsonl", `{"m":{"h":[{"z":"q"}]},"b":["w"],"t":1732795123456,"y":1}`+"\n"+`{"late":{},"m":{"h":2},"b":"q","t":1732795123456,"y":1}`+"\n")
	for path, drop := range map[string]string{avro: "m,b", jsonl: "m, b, late"} {
		got, _ := names(t, path, files.Options{Drop: drop})
		if diff := cmp.Diff([]string{"t", "y"}, got); diff != "" {
			t.Error(diff)
		}
		_, err := files.Open([]string{path}, files.Options{Drop: strings.TrimPrefix(drop, "m, b")})
		var refused *pipeline.Error
		if path == jsonl && (!errors.As(err, &refused) || !strings.Contains(refused.Hint, "--drop m,b")) {
			t.Errorf("%v", err)
		}
	}
}

// TestALargeNumberOfAModelOfFloat32IsSaid holds that rounding is said before
// records are sent, and only where the model rounds.
func TestALargeNumberOfAModelOfFloat32IsSaid(t *testing.T) {
	r, err := files.Open([]string{write(t, "t.csv", "ms,w,y\n1732795123456,5,0\n1732795124456,6,1\n")}, files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	model := func(dtype string) []pipeline.Tensor {
		return []pipeline.Tensor{{Name: "x", DType: dtype, Shape: []int{2}}}
	}
	said := strings.Join(r.Rounded(model("float32"), nil), "\n")
	if !strings.Contains(said, "ms goes up to 1732795124456, where float32 has steps of 131072") || strings.Contains(said, "w goes") {
		t.Error(said)
	}
	if said := r.Rounded(nil, nil); len(said) != 1 {
		t.Errorf("without a model: %q", said)
	}
	if said := r.Rounded(model("float64"), nil); len(said) != 0 {
		t.Errorf("float64: %q", said)
	}
}

func TestALabelThatWouldBeRoundedIsSaid(t *testing.T) {
	r, err := files.Open([]string{write(t, "t.csv", "a,arrival\n1,1732795123\n2,1732795124\n")}, files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	label := func(dtype string) []pipeline.Tensor { return []pipeline.Tensor{{Name: "y", DType: dtype}} }
	if said := strings.Join(r.Rounded(nil, label("float32")), "\n"); !strings.Contains(said, "arrival goes up to 1732795124, where float32 has steps of 128") {
		t.Error(said)
	}
	if said := r.Rounded(nil, label("float64")); len(said) != 0 {
		t.Error(said)
	}
}

func TestInfinityThatJSONCannotHoldIsSaid(t *testing.T) {
	path := write(t, "t.csv", "a,y\ninf,0\n2,1\n")
	for format, want := range map[pipeline.Format]bool{pipeline.JSON: true, pipeline.AVRO: false} {
		r, err := files.Open([]string{path}, files.Options{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(r.Report(), "\n"); strings.Contains(said, "is sent as null") != want {
			t.Errorf("%s: %s", format, said)
		}
		_ = r.Close()
	}
}

func TestLabelsThatNameNoClassAreRefused(t *testing.T) {
	three := pipeline.Export{Task: pipeline.Classification, Classes: 3, Labels: []pipeline.Tensor{{Name: "y", DType: "int64"}}}
	two := pipeline.Export{Task: pipeline.BinaryClassification, Loss: "binary_crossentropy", Classes: 2, Labels: []pipeline.Tensor{{Name: "y", DType: "float32"}}}
	for _, test := range []struct {
		of            pipeline.Export
		text, mention string
	}{
		{three, "a,y\n1,1.0\n2,2.0\n3,3.0\n", "subtract 1"},
		{three, "a,y\n1,0\n2,7\n", "as many outputs"},
		{three, "a,y\n1,p\n2,q\n3,r\n4,s\n", "4 classes"},
		{three, "a,y\n1,0\n2,2\n", ""},
		{two, "a,y\n1,0\n2,1\n3,2\n", "sparse_categorical_crossentropy"},
		{two, "a,y\n1,-1\n2,1\n", "hinge"},
		{two, "a,y\n1,p\n2,q\n3,r\n", "3 classes"},
		{two, "a,y\n1,p\n2,q\n", ""},
		{two, "a,y\n1,0.5\n2,1\n", ""},
	} {
		r, err := files.Open([]string{write(t, "t.csv", test.text)}, files.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = r.CheckLabels(test.of)
		var refused *pipeline.Error
		if errors.As(err, &refused) != (test.mention != "") || refused != nil && !strings.Contains(refused.Message()+refused.Hint, test.mention) {
			t.Errorf("%q: %v", test.text, err)
		}
		_ = r.Close()
	}
}

func TestExactNumbersAreDecodedExactly(t *testing.T) {
	r, err := files.Open([]string{write(t, "t.csv", "id,y\n1732795123456789013,1\n")}, files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d, err := codec.New(r.Format(), r.Config(), codec.Binding{Inputs: []pipeline.Tensor{{Name: "id", DType: "int64", Shape: []int{1}}}})
	if err != nil {
		t.Fatal(err)
	}
	in := [][]byte{make([]byte, 8)}
	_, sample, err := r.Next()
	if err == nil {
		err = d.Sample(in, sample)
	}
	if err != nil || !cmp.Equal(in[0], []byte{0x15, 0xca, 0x2b, 0xea, 0xfb, 0x1f, 0x0c, 0x18}) {
		t.Errorf("% x, %v", in[0], err)
	}
}

func TestFewerClassesThanTheModelHasAreSaid(t *testing.T) {
	r, err := files.Open([]string{write(t, "t.csv", "a,kind\n1,dog\n2,cat\n")}, files.Options{Label: "kind"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	e := pipeline.Export{Labels: []pipeline.Tensor{{Name: "y", DType: "int32"}}, Classes: 3}
	if said := strings.Join(r.FewClasses(e), "\n"); !strings.Contains(said, "2 classes are here (cat, dog), and the model has 3") {
		t.Error(said)
	}
	e.Classes = 2
	if said := r.FewClasses(e); len(said) != 0 {
		t.Error(said)
	}
}
