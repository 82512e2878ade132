package pipeline

import (
	"cmp"
	"time"
)

// Tensor describes one input, output or label of one record: the batch
// dimension is left out, a size that is not known before the data comes is -1.
type Tensor struct {
	Name  string `json:"name"`
	DType string `json:"dtype" description:"NumPy's name: float32, int64, bool, string ..."`
	Shape []int  `json:"shape" nullable:"false" description:"sizes of one record, without the batch; -1 where it is not known yet; empty for a scalar"`
	// Signature is the tensor's name in the serving signature of the export.
	Signature string `json:"signature,omitempty" description:"name in the SavedModel's serving signature, which takes word characters only; empty where it is the name"`
}

// SignatureName is the tensor's name in the serving signature.
func (t Tensor) SignatureName() string { return cmp.Or(t.Signature, t.Name) }

// Elements is the number of values of one record, -1 where a size is unknown.
func (t Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		if d < 0 {
			return -1
		}
		n *= d
	}
	return n
}

// Position is a place in the person's source, 1-based, columns in characters.
// Guess is set where no frame of the source took part in the error and the
// place is the nearest likely one (the compile call).
type Position struct {
	Line      int  `json:"line" required:"true" minimum:"1"`
	Column    int  `json:"column,omitempty" minimum:"0"`
	EndLine   int  `json:"end_line,omitempty" minimum:"0"`
	EndColumn int  `json:"end_column,omitempty" minimum:"0"`
	Guess     bool `json:"guess,omitempty" description:"no line of the source took part in the error: the likely place"`
}

// Layer is one row of a model's summary.
type Layer struct {
	Name       string   `json:"name"`
	Class      string   `json:"class"`
	Output     string   `json:"output" description:"shape as text, the batch as None"`
	Parameters int64    `json:"parameters"`
	Inputs     []string `json:"inputs,omitempty" description:"names of the layers it reads"`
	Within     []string `json:"within,omitempty" description:"paths below it of the layers that it holds, as outer/inner; absent: none, too many, or an earlier version registered the model"`
}

// Warning is something the person's source made Python or Keras warn about.
type Warning struct {
	Field   string `json:"field,omitempty" description:"imports or source"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// Task says how a model's output is read.
type Task string

// The tasks that the loss of a model tells apart.
const (
	Classification       Task = "classification"        // one of n classes, softmax or logits over the last axis
	BinaryClassification Task = "binary-classification" // one probability or logit
	Regression           Task = "regression"
	OtherTask            Task = "other" // several outputs, or a loss we do not know
)

// Enum lists the values for JSON Schema.
func (Task) Enum() []any { return values(Classification, BinaryClassification, Regression, OtherTask) }

// Export is what building a model's source found out about it. Inputs and Outputs
// are those of the SavedModel's serving signature; Labels are what training
// wants beside the inputs, one for each output that has a loss.
type Export struct {
	Inputs              []Tensor    `json:"inputs" nullable:"false"`
	Outputs             []Tensor    `json:"outputs" nullable:"false"`
	Labels              []Tensor    `json:"labels" nullable:"false"`
	Parameters          int64       `json:"parameters" minimum:"0"`
	TrainableParameters int64       `json:"trainable_parameters"`
	Operations          int64       `json:"operations,omitempty" description:"floating-point operations of one record forward, estimated by the layers' kernels"`
	Layers              []Layer     `json:"layers" nullable:"false"`
	Loss                string      `json:"loss"`
	Optimizer           string      `json:"optimizer"`
	Metrics             []string    `json:"metrics" nullable:"false" description:"names as Keras reports them, loss first"`
	Task                Task        `json:"task"`
	Classes             int         `json:"classes,omitempty" description:"classes of a classifier"`
	Logits              bool        `json:"logits,omitempty" description:"the output is not yet a probability"`
	Weighted            bool        `json:"weighted" description:"class_weight can be used"`
	LabelGuessed        bool        `json:"label_guessed,omitempty" description:"the loss is of one's own and takes the labels; whether others are meant only the author knows"`
	Untested            bool        `json:"untested,omitempty" description:"it trains by a step of its own and has none to evaluate: it takes no validation and no test split"`
	Adapt               []Adapt     `json:"adapt,omitempty" description:"layers that the training adapts, in the order in which the model calls them"`
	Hyperparameters     []Parameter `json:"hyperparameters,omitempty" description:"what the source asks hp for, as a study searches it; the model that is registered has the defaults"`
	Warnings            []Warning   `json:"warnings,omitempty"`
	Printed             string      `json:"printed,omitempty" description:"what the source printed, its beginning"`
	Untrainable         string      `json:"untrainable,omitempty" description:"why an imported model serves only; absent: it can be trained"`
	NoONNX              string      `json:"no_onnx,omitempty" description:"why the model has no ONNX form, so that TensorFlow serves it"`
	Libraries           Libraries   `json:"libraries"`

	// What callbacks need: the metrics of an epoch, and a letter for each variable in
	// the order of the export. Models that earlier versions registered have neither.
	Monitors  map[string]MetricMode `json:"monitors,omitempty" description:"metrics of an epoch, and whether min or max is better; empty: it is not known"`
	Variables string                `json:"variables,omitempty" description:"what each variable is: w a weight, r a learning rate, o another"`
}

// The letters of Export.Variables.
const (
	VariableWeight = 'w' // of the model, not of its optimizer and no state of a seed
	VariableRate   = 'r' // a learning rate that may be set
	VariableOther  = 'o'
)

// Libraries names the versions that built or trained a model.
type Libraries map[string]string

// JSONSchemaBytes is their schema: a model that was never built has none.
func (Libraries) JSONSchemaBytes() ([]byte, error) {
	return []byte(`{"type":["object","null"],"additionalProperties":{"type":"string"}}`), nil
}

// ModelForm is what a person gives of a model.
type ModelForm struct {
	Name         string `json:"name,omitempty" required:"true" minLength:"1" maxLength:"128" arg:"NAME" example:"line" description:"name, unique"`
	Description  string `json:"description,omitempty" maxLength:"4096" arg:"TEXT" example:"One number from two" description:"note for people"`
	Imports      string `json:"imports,omitempty" maxLength:"65536" arg:"LINES" example:"import keras" description:"import statements that stand before the source"`
	Source       string `json:"source" required:"true" maxLength:"1048576" flag:"-" example:"model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile(optimizer='sgd', loss='mse')" description:"Keras code that leaves a compiled model in the variable model"`
	Framework    string `json:"framework,omitempty" description:"name of the framework of the source (default: the first that is registered)"`
	LabelType    string `json:"label_type,omitempty" enum:"float16,float32,float64,int8,int16,int32,int64,uint8,bool," description:"type of the label, for a loss of your own that takes another than the output's (default: found by trying)"`
	LabelReshape string `json:"label_reshape,omitempty" maxLength:"128" arg:"SIZES" description:"shape of the label, for a loss of your own that takes another than the output's: sizes such as '2' or '3 2', or scalar (default: found by trying)"`
}

// ConfigurationForm is what a person gives of a configuration.
type ConfigurationForm struct {
	Name        string  `json:"name" required:"true" minLength:"1" maxLength:"128" arg:"NAME" example:"lines" description:"name, unique"`
	Description string  `json:"description,omitempty" maxLength:"4096" arg:"TEXT" description:"note for people"`
	Models      []int64 `json:"models" required:"true" nullable:"false" minItems:"1" maxItems:"1000" uniqueItems:"true" refers:"model" example:"[1]" description:"models that train on one stream"`
}

// ImportForm is what a person gives of a trained model beside its file. Name is
// that of the file unless given. Content is of an event: a request has the file
// as its body.
type ImportForm struct {
	Name        string `json:"name,omitempty" maxLength:"128" arg:"NAME" example:"iris" description:"name, unique (default: that of the file)"`
	Description string `json:"description,omitempty" maxLength:"4096" arg:"TEXT" description:"note for people"`
	File        string `json:"file,omitempty" maxLength:"255" flag:"-" example:"iris.onnx" description:"name of the file, to be shown"`
	Content     string `json:"content,omitempty" flag:"-" example:"CAg6PQoMCgF4EgF5IgRSZWx1EgFnWhQKAXgSDwoNCAESCQoDEgFuCgIIAWIUCgF5Eg8KDQgBEgkKAxIBbgoCCAFCBAoAEBI=" description:"the file in base64; POST /models/import takes larger ones as its body"`
}

// Imported says which file a model was imported from.
type Imported struct {
	File   string `json:"file" description:"its name"`
	Format string `json:"format" description:"onnx, keras or savedmodel"`
	Bytes  int64  `json:"bytes" minimum:"0"`
	SHA256 string `json:"sha256"`
}

// ImportedModel is what an import makes: the model, and the finished result that
// can be served.
type ImportedModel struct {
	Model  Model  `json:"model"`
	Result Result `json:"result"`
}

// Model is a version of a named piece of Keras source, or of a file that was
// imported, and what it builds.
type Model struct {
	ID           int64  `json:"id" minimum:"1"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	Imports      string `json:"imports"`
	Source       string `json:"source"`
	Framework    string `json:"framework"`
	Version      int    `json:"version" minimum:"1" description:"1, then one more with each change of source or imports"`
	SourceHash   string `json:"source_hash" description:"SHA-256 of imports and source, and of the label where it is stated"`
	LabelType    string `json:"label_type,omitempty"`
	LabelReshape string `json:"label_reshape,omitempty"`
	Artifact     string `json:"artifact" description:"key prefix of this version's export"`
	// Imported is nil of a model that has source.
	Imported *Imported `json:"imported,omitempty" description:"the file that it was imported from, in place of source"`
	Export
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	UsedBy  []int64   `json:"used_by" description:"configurations that hold it"`
}

// Variant is a version of a model as it is built with a variation, or why it cannot
// be. It may be asked for before it is built.
type Variant struct {
	Variation
	Pending  bool       `json:"pending,omitempty"`  // it is asked for
	Artifact string     `json:"artifact,omitempty"` // key prefix of its export
	Export   Export     `json:"export"`
	Refused  *Rejection `json:"refused,omitempty"`
}

// Configuration is a named set of models that train on one stream.
type Configuration struct {
	ID          int64     `json:"id" minimum:"1"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Models      []int64   `json:"models" nullable:"false"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	UsedBy      []int64   `json:"used_by" description:"deployments of it"`
}
