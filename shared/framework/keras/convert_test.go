package keras

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// withoutTFLite are the families that have no TFLite form, and why. All others
// have one.
var withoutTFLite = map[string]string{
	"adapted":            "TFLite has no operations on text, and the input words is text",
	"convolutions_1d_3d": "TFLite has no form of AvgPool3D, MaxPool3D",
	"custom_layer":       "TFLite has no form of MatrixDiagPartV3",
	"generator":          "TFLite has no form of StatelessRandomGetKeyCounter, StatelessRandomNormalV2",
	"keras_ops":          "TFLite has no form of Ceil of float64, Erf, MatrixDeterminant, Mul of float64, Sub of float64, Svd",
	"mixed_precision":    "TFLite has no form of BiasAdd of bfloat16, MatMul of bfloat16",
	"preprocessed":       "TFLite has no form of AsString, DenseBincount, HashTableV2, LookupTableFindV2, LookupTableImportV2, StringToHashBucketFast",
	"text":               "TFLite has no operations on text, and the input words is text",
}

// asTrained lays an export out as a trained model is, which has the same graph.
func asTrained(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Symlink(filepath.Join(dir, "model"), filepath.Join(dir, kerasmodel.Trained)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// reasonWithout is why a conversion was refused, "" where it was not.
func reasonWithout(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var unfit *pipeline.Error
	if !errors.As(err, &unfit) || unfit.Kind != pipeline.Invalid || unfit.Field != "format" || unfit.Hint == "" {
		t.Fatalf("%#v", err)
	}
	return unfit.Err.Error()
}

func TestConvertedToWholeNumbers(t *testing.T) {
	w := sharedWorker(t)
	source := `a = keras.Input((3,), name="a")
b = keras.Input((2,), dtype="int32", name="b 2")
x = layers.Concatenate()([layers.Dense(4, "relu")(a), layers.Flatten()(layers.Embedding(10, 3)(b))])
model = keras.Model([a, b], layers.Dense(2, "softmax", name="out")(x))
model.compile("adam", "sparse_categorical_crossentropy")
`
	dir := t.TempDir()
	e, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: source}, dir)
	if err != nil {
		t.Fatal(err)
	}
	var some framework.Records
	const n = 16
	some.Len = n
	numbers, ids, labels := codec.Float32.Size()*3*n, codec.Int32.Size()*2*n, codec.Int64.Size()*n
	some.Inputs = []framework.Rows{{DType: codec.Float32, Shape: []int{3}, Data: make([]byte, numbers)}, {DType: codec.Int32, Shape: []int{2}, Data: make([]byte, ids)}}
	some.Labels = []framework.Rows{{DType: codec.Int64, Shape: []int{}, Data: make([]byte, labels)}}
	path := filepath.Join(t.TempDir(), "converted")
	key := pipeline.FormatKey{Name: pipeline.TFLite, Quantize: pipeline.QuantizeInt8}
	got, err := w.Convert(t.Context(), framework.Conversion{Form: key, Dir: asTrained(t, dir), Export: e, Samples: some, Test: some}, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkTFLite(path); err != nil {
		t.Error(err)
	}
	types := map[string]string{}
	for _, in := range got.Inputs {
		types[in.Name] = in.DType
	}
	if len(got.Inputs) != 2 || types["a"] != "float32" || types[e.Inputs[1].SignatureName()] != "int32" || len(got.Outputs) != 1 {
		t.Errorf("%+v", got)
	}
	if q := got.Quality; q == nil || q.Records != n || q.Metric != "accuracy" || q.Difference > 0.1 {
		t.Errorf("%+v", got.Quality)
	}
}

// TestWhatAConversionSays holds what a child says and leaves within bounds.
func TestWhatAConversionSays(t *testing.T) {
	key := pipeline.FormatKey{Name: pipeline.TFLite}
	good := pipeline.Tensor{Name: "x", DType: "float32", Shape: []int{1}}
	c := framework.Conversion{Form: key, Export: pipeline.Export{Inputs: []pipeline.Tensor{good}, Outputs: []pipeline.Tensor{good}}, Test: framework.Records{Len: 4}}
	tensor := `[{"name":"x","dtype":"float32","shape":[1,1]}]`
	says := func(inputs, quality string) string {
		return `{"converted":{"inputs":` + inputs + `,"outputs":` + tensor + `,"quality":` + quality + `}}`
	}
	for name, one := range map[string]struct {
		code   int
		result string
		want   string
	}{
		"well":           {0, says(tensor, "null"), ""},
		"measured":       {0, says(tensor, `{"records":4,"difference":"NaN"}`), ""},
		"more records":   {0, says(tensor, `{"records":5,"difference":0}`), "something odd"},
		"other names":    {0, says(`[{"name":"y","dtype":"float32","shape":[1,1]}]`, "null"), "something odd"},
		"no type":        {0, says(`[{"name":"x","dtype":"complex","shape":[1,1]}]`, "null"), "something odd"},
		"unfit":          {0, `{"unfit":"TFLite has no form of \u001b[2J Erf"}`, "TFLite has no form of [2J Erf"},
		"nothing":        {0, ``, "ended early (exit 0)"},
		"no JSON":        {0, `garbage`, "ended early (exit 0)"},
		"crashed":        {-int(syscall.SIGSEGV), says(tensor, "null"), "crashed"},
		"out of time":    {-int(syscall.SIGXCPU), ``, "7 s of processor time"},
		"out of memory":  {-int(syscall.SIGKILL), ``, "too much memory or time"},
		"missing fences": {0, `{"missing":"Landlock"}`, "a fence is missing: Landlock"},
	} {
		t.Run(name, func(t *testing.T) {
			j := &job{result: []byte(one.result), limits: limits{CPU: 7}}
			said, err := j.judgeConversion(t.Context(), one.code, nil, key)
			if err == nil {
				_, err = said.checked(c)
			}
			if one.want == "" && err != nil || one.want != "" && (err == nil || !strings.Contains(err.Error(), one.want)) {
				t.Errorf("%v, want %q", err, one.want)
			}
		})
	}
}

func TestWhatIsNoTFLiteFile(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "short": "\x04\x00\x00", "text": "hello, world", "an ONNX file": "\x08\x08\x12\x07kafkaml", "cut off": "\x20\x00\x00\x00TFL3",
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if checkTFLite(path) == nil {
			t.Errorf("%s is taken", name)
		}
		scratch := t.TempDir()
		if err := os.Symlink(path, filepath.Join(scratch, tfliteFile)); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "to")
		if err := collectTFLite(scratch, to); err == nil {
			t.Error("a link is followed")
		}
		if _, err := os.Stat(to); err == nil {
			t.Error("something is left")
		}
	}
}

// TestTheRequestOfAConversion holds that what the child reads is what was given.
func TestTheRequestOfAConversion(t *testing.T) {
	dir, scratch := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, kerasmodel.Trained), 0o700); err != nil {
		t.Fatal(err)
	}
	c := framework.Conversion{Dir: dir, Export: pipeline.Export{Inputs: []pipeline.Tensor{{Name: "a b", Signature: "a_b", DType: "float32", Shape: []int{-1}}}}}
	c.Samples = framework.Records{Len: 1, Inputs: []framework.Rows{{DType: codec.Float32, Shape: []int{2}, Data: []byte("12345678")}}}
	asked, err := layConversion(c, scratch)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(asked)
	if err != nil || !strings.Contains(string(text), `{"name":"a_b","dtype":"float32","shape":[-1],"sizes":[2]}`) {
		t.Errorf("%s, %v", text, err)
	}
	if data, err := os.ReadFile(filepath.Join(scratch, "samples.0")); err != nil || string(data) != "12345678" {
		t.Errorf("%q, %v", data, err)
	}
}
