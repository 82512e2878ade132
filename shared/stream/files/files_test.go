package files_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// write makes a file of a test's own.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// container makes an Avro object container file.
func container(t testing.TB, schema string, records ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.avro")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := goavro.NewOCFWriter(goavro.OCFConfig{W: f, Schema: schema, CompressionName: "deflate"})
	if err == nil {
		err = w.Append(records)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// drain decodes all records of a reader as a training would, for a model with
// one input of n numbers and one label of m.
func drain(t *testing.T, r *files.Reader, n, m int) (x, y [][]float64) {
	t.Helper()
	b := codec.Binding{Inputs: []pipeline.Tensor{{Name: "x", DType: "float64", Shape: []int{n}}}}
	if m > 0 {
		b.Labels = []pipeline.Tensor{{Name: "y", DType: "float64", Shape: []int{m}}}
	}
	d, err := codec.New(r.Format(), r.Config(), b)
	if err != nil {
		t.Fatalf("%s: %v", r.Config(), err)
	}
	in, out := make([]byte, d.Inputs()[0].Bytes()), [][]byte(nil)
	if m > 0 {
		out = [][]byte{make([]byte, d.Labels()[0].Bytes())}
	}
	for {
		label, sample, err := r.Next()
		if errors.Is(err, io.EOF) {
			return x, y
		}
		if err == nil {
			err = d.Record([][]byte{in}, out, label, sample)
		}
		if err != nil {
			t.Fatalf("%q, %q: %v", label, sample, err)
		}
		x = append(x, floats(t, d.Inputs()[0].DType, in))
		if m > 0 {
			y = append(y, floats(t, d.Labels()[0].DType, out[0]))
		}
	}
}

func floats(t *testing.T, from codec.DType, b []byte) []float64 {
	t.Helper()
	wide := make([]byte, 8*len(b)/from.Size())
	if err := codec.Cast(wide, codec.Float64, b, from); err != nil {
		t.Fatal(err)
	}
	var all []float64
	for i := 0; i < len(wide); i += 8 {
		var bits uint64
		for j := range 8 {
			bits |= uint64(wide[i+j]) << (8 * j)
		}
		all = append(all, math.Float64frombits(bits))
	}
	return all
}

// images are the samples of testdata: x[i] counts on from 6i.
func images(scale float64) (all [][]float64) {
	for i := range 4 {
		var row []float64
		for j := range 6 {
			row = append(row, scale*float64(6*i+j))
		}
		all = append(all, row)
	}
	return all
}

const iris = "sepal length,petal width,species\n5.1,2,setosa\n4.9,,virginica\n6,1,setosa\n"

func TestOpen(t *testing.T) {
	nan := math.NaN()
	flowers := [][]float64{{5.1, 2}, {4.9, nan}, {6, 1}}
	vectors := container(t, `{"type":"record","name":"r","fields":[{"name":"v","type":{"type":"array","items":"int"}},{"name":"w","type":["null","double"]},{"name":"class","type":{"type":"enum","name":"c","symbols":["p","q"]}}]}`,
		map[string]any{"v": []any{1, 2}, "w": nil, "class": "q"}, map[string]any{"v": []any{3, 4}, "w": goavro.Union("double", 2.5), "class": "p"})
	lines := `{"a":[[1,2],[3,4]],"b":true,"label":7}` + "\n\n" + `{"label":8,"a":[[5,6],[7,null]]}` + "\n"
	tests := map[string]struct {
		paths   []string
		options files.Options
		config  string
		x, y    [][]float64
		total   int64
		classes []string
	}{
		"a pair of NPY": {
			[]string{"testdata/x.npy", "testdata/y.npy"},
			files.Options{},
			`{"data_type":"uint8","data_reshape":"2 3","label_type":"int64","label_reshape":""}`,
			images(1),
			[][]float64{{3}, {1}, {4}, {1}},
			4, nil,
		},
		"a pair of NPY as AVRO": {
			[]string{"testdata/x.npy", "testdata/y.npy"},
			files.Options{Format: pipeline.AVRO},
			`{"data_scheme":{"fields":[{"name":"x","type":{"items":"int","type":"array"}}],"name":"sample","type":"record"},"label_scheme":{"fields":[{"name":"y","type":"long"}],"name":"label","type":"record"}}`,
			images(1),
			[][]float64{{3}, {1}, {4}, {1}},
			4, nil,
		},
		"a pair of NPY as JSON": {
			[]string{"testdata/x.npy", "testdata/y.npy"},
			files.Options{Format: pipeline.JSON, Skip: 1, Limit: 2},
			`{"data_fields":["x"],"label_field":["y"]}`,
			images(1)[1:3],
			[][]float64{{1}, {4}},
			2, nil,
		},
		"big-endian samples only": {
			[]string{"testdata/big.npy"}, files.Options{Only: true, DType: "float16"}, `{"data_type":"float16","data_reshape":"2 3"}`, images(.5), nil, 4, nil,
		},
		"NPZ": {
			[]string{"testdata/pair.npz"},
			files.Options{Skip: 3},
			`{"data_type":"uint8","data_reshape":"2 3","label_type":"int64","label_reshape":""}`,
			images(1)[3:],
			[][]float64{{1}},
			1, nil,
		},
		"NPZ, compressed, other names": {
			[]string{"testdata/train.npz"},
			files.Options{},
			`{"data_type":"uint8","data_reshape":"2 3","label_type":"float32","label_reshape":""}`,
			images(1),
			[][]float64{{3}, {1}, {4}, {1}},
			4, nil,
		},
		"NPZ, a label by name": {
			[]string{"testdata/train.npz"},
			files.Options{Label: "extra"},
			`{"data_type":"uint8","data_reshape":"2 3","label_type":"int64","label_reshape":""}`,
			images(1),
			[][]float64{{3}, {1}, {4}, {1}},
			4, nil,
		},
		"a pair of IDX": {
			[]string{"testdata/x-idx3-ubyte.gz", "testdata/y-idx1-ubyte"},
			files.Options{},
			`{"data_type":"uint8","data_reshape":"2 3","label_type":"uint8","label_reshape":""}`,
			images(1),
			[][]float64{{3}, {1}, {4}, {1}},
			4, nil,
		},
		"IDX of shorts": {[]string{"testdata/shorts.idx"}, files.Options{Only: true}, `{"data_type":"int16","data_reshape":"2 3"}`, images(1), nil, 4, nil},
		"CSV": {
			[]string{write(t, "iris.csv", iris)},
			files.Options{},
			`{"data_scheme":{"fields":[{"name":"sepal_length","type":"double"},{"name":"petal_width","type":["null","int"]}],"name":"sample","type":"record"},` +
				`"label_scheme":{"fields":[{"name":"species","type":{"name":"label_class","symbols":["setosa","virginica"],"type":"enum"}}],"name":"label","type":"record"}}`,
			flowers,
			[][]float64{{0}, {1}, {0}},
			3,
			[]string{"setosa", "virginica"},
		},
		"CSV as RAW": {
			[]string{write(t, "iris.csv", iris)},
			files.Options{Format: pipeline.RAW, DType: "double"},
			`{"data_type":"float64","data_reshape":"2","label_type":"int32","label_reshape":""}`,
			flowers,
			[][]float64{{0}, {1}, {0}},
			3,
			[]string{"setosa", "virginica"},
		},
		"CSV as JSON": {
			[]string{write(t, "iris.csv", iris)},
			files.Options{Format: pipeline.JSON},
			`{"data_fields":["sepal length","petal width"],"label_field":["species"]}`,
			flowers,
			[][]float64{{0}, {1}, {0}},
			3,
			[]string{"setosa", "virginica"},
		},
		"CSV without a header": {
			[]string{write(t, "d.csv", "1;2,5;true\n3;4;false\n")},
			files.Options{Format: pipeline.JSON, Drop: "column2"},
			`{"data_fields":["column1"],"label_field":["column3"]}`,
			[][]float64{{1}, {3}},
			[][]float64{{1}, {0}},
			2, nil,
		},
		"TSV, several labels": {
			[]string{write(t, "d.tsv", "a\tb\tc\n1\t2\t3.5\n4\t5\t6\n")},
			files.Options{Format: pipeline.RAW, Label: "a, c"},
			`{"data_type":"float32","data_reshape":"1","label_type":"float32","label_reshape":"2"}`,
			[][]float64{{2}, {5}},
			[][]float64{{1, 3.5}, {4, 6}},
			2, nil,
		},
		"JSON lines": {
			[]string{write(t, "d.jsonl", lines)},
			files.Options{},
			`{"data_fields":["a","b"],"label_field":["label"]}`,
			[][]float64{{1, 2, 3, 4, 1}, {5, 6, 7, nan, nan}},
			[][]float64{{7}, {8}},
			2, nil,
		},
		"JSON lines as RAW": {
			[]string{write(t, "d.ndjson", lines)},
			files.Options{Format: pipeline.RAW},
			`{"data_type":"float32","data_reshape":"5","label_type":"int32","label_reshape":""}`,
			[][]float64{{1, 2, 3, 4, 1}, {5, 6, 7, nan, nan}},
			[][]float64{{7}, {8}},
			2, nil,
		},
		"Avro": {
			[]string{vectors},
			files.Options{},
			`{"data_scheme":{"fields":[{"name":"v","type":{"items":"int","type":"array"}},{"name":"w","type":["null","double"]}],"name":"sample","type":"record"},` +
				`"label_scheme":{"fields":[{"name":"class","type":{"name":"label_class","symbols":["p","q"],"type":"enum"}}],"name":"label","type":"record"}}`,
			[][]float64{{1, 2, nan}, {3, 4, 2.5}},
			[][]float64{{1}, {0}},
			2,
			[]string{"p", "q"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := files.Open(test.paths, test.options)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			m := 0
			if len(test.y) > 0 {
				m = len(test.y[0])
			}
			if diff := cmp.Diff(canonical(t, test.config), canonical(t, string(r.Config()))); diff != "" {
				t.Error(diff)
			}
			x, y := drain(t, r, len(test.x[0]), m)
			if diff := cmp.Diff(test.x, x, cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.y, y); diff != "" {
				t.Error(diff)
			}
			if r.Total() != test.total || !cmp.Equal(r.Classes(), test.classes) {
				t.Errorf("total %d, classes %v", r.Total(), r.Classes())
			}
		})
	}
}

func canonical(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOpenRefuses(t *testing.T) {
	tests := map[string]struct {
		paths   []string
		options files.Options
		mention string
	}{
		"no file":             {nil, files.Options{}, "0 files"},
		"absent":              {[]string{"absent.csv"}, files.Options{}, "absent.csv"},
		"an unknown name":     {[]string{write(t, "a.bin", "\x01\x02\x03")}, files.Options{}, "nor its name say its format"},
		"a folder":            {[]string{"testdata"}, files.Options{}, "holds no pictures"},
		"samples without":     {[]string{"testdata/x.npy"}, files.Options{}, "holds samples only"},
		"unequal lengths":     {[]string{"testdata/x.npy", "testdata/short.npy"}, files.Options{}, "has 4 rows"},
		"column by column":    {[]string{"testdata/fortran.npy"}, files.Options{Only: true}, "column by column"},
		"an array of text":    {[]string{"testdata/objects.npy"}, files.Options{Only: true}, "holds text"},
		"no NPY":              {[]string{write(t, "a.npy", "nonsense")}, files.Options{Only: true}, "not an NPY"},
		"no IDX":              {[]string{write(t, "a.idx", "nonsense")}, files.Options{Only: true}, "not an IDX"},
		"no NPZ":              {[]string{write(t, "a.npz", "nonsense")}, files.Options{Only: true}, "zip"},
		"no Avro":             {[]string{write(t, "a.avro", "nonsense")}, files.Options{}, "a.avro"},
		"NPZ, unclear":        {[]string{"testdata/pair.npz"}, files.Options{Label: "z"}, `no member "z"`},
		"a pair of CSV":       {[]string{write(t, "a.csv", "a,b\n"), "b.csv"}, files.Options{}, "read from those only"},
		"an empty CSV":        {[]string{write(t, "a.csv", "")}, files.Options{}, "no rows"},
		"a header alone":      {[]string{write(t, "a.csv", "a,b\n")}, files.Options{}, "no rows"},
		"a ragged CSV":        {[]string{write(t, "a.csv", "a,b\n1,2\n3\n")}, files.Options{}, "row 2"},
		"text in a sample":    {[]string{write(t, "a.csv", "city,y\nParis,1\n")}, files.Options{}, `"city" holds text ("Paris")`},
		"text and numbers":    {[]string{write(t, "a.csv", "x,y\n1,a\n2,3\n")}, files.Options{}, "does not name classes"},
		"columns twice":       {[]string{write(t, "a.csv", "x,x\n1,2\n")}, files.Options{}, `called "x"`},
		"no such column":      {[]string{write(t, "a.csv", "x,y\n1,2\n")}, files.Options{Label: "z"}, `no column "z"`},
		"nothing left":        {[]string{write(t, "a.csv", "x,y\n1,2\n")}, files.Options{Drop: "x"}, "no column is left"},
		"JSON, a new member":  {[]string{write(t, "a.jsonl", "{\"a\":1}\n{\"b\":1}\n")}, files.Options{Only: true}, `"b"`},
		"JSON, other lengths": {[]string{write(t, "a.jsonl", "{\"a\":[1]}\n{\"a\":[1,2]}\n")}, files.Options{Only: true}, "2 numbers, 1 before"},
		"JSON, an object":     {[]string{write(t, "a.jsonl", "{\"a\":{}}\n")}, files.Options{Only: true}, "object"},
		"JSON, an array":      {[]string{write(t, "a.jsonl", "[1]\n")}, files.Options{Only: true}, "where a row is a JSON object"},
		"a type for AVRO":     {[]string{write(t, "a.csv", "x,y\n1,2\n")}, files.Options{DType: "uint8"}, "only RAW"},
		"an unknown type":     {[]string{"testdata/x.npy"}, files.Options{Only: true, DType: "int"}, `"int"`},
		"an unknown format":   {[]string{"testdata/x.npy"}, files.Options{Only: true, Format: "XML"}, "XML"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := files.Open(test.paths, test.options)
			var known *pipeline.Error
			if !errors.As(err, &known) || known.Kind != pipeline.Invalid || !strings.Contains(err.Error(), test.mention) {
				t.Errorf("got %v, %v", r, err)
			}
		})
	}
}

func TestNextExplains(t *testing.T) {
	tests := map[string]struct {
		path    string
		options files.Options
		mention string
	}{
		"a cut file":   {"testdata/cut.npy", files.Options{Only: true, Skip: 2}, "row 4"},
		"out of range": {"testdata/x.npy", files.Options{Only: true, DType: "bool"}, "row 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := files.Open([]string{test.path}, test.options)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for err == nil {
				_, _, err = r.Next()
			}
			if !strings.Contains(err.Error(), test.mention) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzOpen feeds the readers files of every kind: none may panic or allocate
// without bound.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{
		"x.npy", "pair.npz", "y-idx1-ubyte", "x-idx3-ubyte.gz", "objects.npy",
		"table.parquet", "gzip.parquet", "zstd.parquet", "brotli.parquet", "lz4.parquet", "old.parquet",
		"table.feather", "zstd.feather", "table.arrows", "table.tfrecord", "packed.tfrecord",
	} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, b)
	}
	f.Add("a.csv", []byte(iris))
	f.Add("a.jsonl", []byte(`{"a":[1,2],"y":"x"}`))
	f.Add("a.json", []byte("[\n{\"a\":9007199254740993,\"y\":null},{\"a\":1e400}]"))
	f.Add("a.csv", []byte("\xff\xfea\x00,\x00y\x00\n\x00"))
	f.Add("b", []byte("sep=|\n# c\n#a|y\n1,5|\"2\n"))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		name = strings.NewReplacer("/", "", "\x00", "").Replace(name)
		if name == "" || len(name) > 50 || strings.HasSuffix(name, ".avro") || bytes.HasPrefix(text, []byte("Obj\x01")) { // goavro's container reader trusts its counts
			return
		}
		path := filepath.Join(t.TempDir(), name)
		if os.WriteFile(path, text, 0o600) != nil {
			return
		}
		r, err := files.Open([]string{path}, files.Options{Only: true, Limit: 100})
		if err != nil {
			return
		}
		for err == nil {
			_, _, err = r.Next()
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
