package pipeline

// The formats that a trained model is converted to when it is asked for.
const (
	TFLite  = "tflite"
	TFLiteC = "tflite-c" // the same file as an array in C
)

// Quantize says in which numbers a converted model holds its weights and
// computes.
type Quantize string

// The numbers: as trained, half precision for the weights, whole numbers of
// eight bits for all.
const (
	NotQuantized    Quantize = ""
	QuantizeFloat16 Quantize = "float16"
	QuantizeInt8    Quantize = "int8"
)

// Quantizes lists them, the default first.
func Quantizes() []Quantize { return []Quantize{NotQuantized, QuantizeFloat16, QuantizeInt8} }

// FormatKey names one file that a trained model can be had as.
type FormatKey struct {
	Name     string   `json:"name" description:"of the format: savedmodel, keras, onnx, tflite or tflite-c"`
	Quantize Quantize `json:"quantize,omitempty" description:"numbers of the weights: float16 or int8; absent: as trained"`
}

// String is the key as a person reads it.
func (k FormatKey) String() string {
	if k.Quantize == NotQuantized {
		return k.Name
	}
	return k.Name + " (" + string(k.Quantize) + ")"
}

// ModelFormat is a format of a result's model: kept, to be made when it is asked for
// (size and why are absent), or one that the model does not have.
type ModelFormat struct {
	FormatKey
	Size int64  `json:"size,omitempty" description:"bytes of the file; absent where it is not kept"`
	Why  string `json:"why,omitempty" description:"why the model does not have it"`
	// What a conversion found out.
	Samples int            `json:"samples,omitempty" description:"records that quantization took the ranges of values from"`
	Quality *Quality       `json:"quality,omitempty" description:"what the conversion costs"`
	Inputs  []FormatTensor `json:"inputs,omitempty" description:"in the order of the file"`
	Outputs []FormatTensor `json:"outputs,omitempty" description:"in the order of the file"`
	Notes   []string       `json:"notes,omitempty" description:"what a person should know of it"`
}

// Quality is what a converted model is worth beside the one that it was made of,
// on records that neither was trained on.
type Quality struct {
	Split      string  `json:"split" description:"test or validation"`
	Records    int     `json:"records"`
	Metric     string  `json:"metric,omitempty" description:"accuracy or mean_absolute_error; absent for a model that has neither"`
	Before     float64 `json:"before"`
	After      float64 `json:"after"`
	Difference float64 `json:"difference" description:"root mean square of the outputs' differences, relative to that of the outputs"`
}

// FormatTensor is an input or output of a converted model.
type FormatTensor struct {
	Name      string  `json:"name"`
	DType     string  `json:"dtype"`
	Shape     []int   `json:"shape" nullable:"false" description:"with the batch, -1 where a size is open"`
	Scale     float64 `json:"scale,omitempty" description:"value = scale * (number - zero_point); absent where numbers are values"`
	ZeroPoint int     `json:"zero_point,omitempty"`
}

// Format looks up a format of a result's model.
func (r Result) Format(key FormatKey) (ModelFormat, bool) {
	for _, f := range r.Formats {
		if f.FormatKey == key {
			return f, true
		}
	}
	return ModelFormat{FormatKey: key}, false
}

// SetFormat puts a format in the place of the one of its key.
func (r *Result) SetFormat(f ModelFormat) {
	for i := range r.Formats {
		if r.Formats[i].FormatKey == f.FormatKey {
			r.Formats[i] = f
			return
		}
	}
	r.Formats = append(r.Formats, f)
}

// ConversionForm asks for a format of a result's model that is not kept yet.
type ConversionForm struct {
	Format   string   `json:"format" required:"true" enum:"tflite,tflite-c" example:"tflite" description:"what to convert to"`
	Quantize Quantize `json:"quantize,omitempty" enum:"float16,int8," example:"int8" description:"numbers of the weights (default: as trained)"`
	Samples  int      `json:"samples,omitempty" minimum:"1" maximum:"10000" example:"100" description:"records of the result's stream that int8 takes the ranges of values from (default: 100)"`
}

// DefaultSamples is how many records quantization takes the ranges of values from.
const DefaultSamples = 100

// ConversionStage is what a conversion is at.
type ConversionStage string

// The stages, in order.
const (
	ConversionReading    ConversionStage = "reading"
	ConversionConverting ConversionStage = "converting"
	ConversionStoring    ConversionStage = "storing"
)

// Converting is the data of result.converting: the result, and where a conversion of
// its model is.
type Converting struct {
	Result
	Conversion struct {
		FormatKey
		Stage ConversionStage `json:"stage"`
	} `json:"conversion"`
}
