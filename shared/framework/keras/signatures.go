package keras

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// initSignature is what TensorFlow runs when it loads the model.
const initSignature = "__saved_model_init_op"

// side is the tensors that one side of a signature must have, by name.
type side map[string]savedmodel.TensorInfo

// checkSignatures holds that the graph has the entry points that Export
// promises, of the types and shapes that the description claims.
func (g *graph) checkSignatures(want pipeline.Export) error {
	if want.Untrainable != "" {
		return g.checkServing(want)
	}
	expected := map[string]side{
		"train": loop(want, false), "train_xla": loop(want, false),
		"serving_default": tensors(want.Inputs, "", -1), "reset": {}, "weights": {},
	}
	if !want.Untested {
		expected["evaluate"] = loop(want, false)
	}
	if _, there := g.Signatures["train_steps"]; there { // where XLA refuses what the graph does
		expected["train_steps"] = loop(want, false)
	}
	if _, there := g.Signatures["train_halves"]; there { // of convolutions
		expected["train_halves"] = loop(want, false)
	}
	if want.Weighted {
		expected["train_weighted"] = loop(want, true)
	}
	if _, there := g.Signatures["finalize"]; there { // optimizers that average the variables
		expected["finalize"] = side{}
	}
	if _, there := g.Signatures["weights"]; there {
		if err := g.checkWeights(want); err != nil {
			return err
		}
	}
	expected["assign"] = side{}
	for name, t := range g.Signatures["weights"].Outputs {
		expected["assign"][name] = savedmodel.TensorInfo{Type: t.Type, Shape: t.Shape}
	}
	g.addAdapting(expected, want)
	if err := g.checkExpected(expected); err != nil {
		return err
	}
	if err := g.checkSeen(want); err != nil {
		return err
	}
	if err := g.checkOutputs(want); err != nil {
		return err
	}
	return g.checkMetrics(want)
}

// checkServing holds that the graph of a model that only serves has the forward
// pass and nothing else.
func (g *graph) checkServing(want pipeline.Export) error {
	if err := g.checkExpected(map[string]side{"serving_default": tensors(want.Inputs, "", -1)}); err != nil {
		return err
	}
	if len(want.Labels) > 0 || len(want.Adapt) > 0 {
		return fmt.Errorf("labels of a model that only serves")
	}
	return g.checkOutputs(want)
}

// checkExpected holds that there are just the signatures of these inputs.
func (g *graph) checkExpected(expected map[string]side) error {
	for name := range g.Signatures {
		if expected[name] == nil && name != initSignature {
			return fmt.Errorf("the signature %q is not expected", plain(name, 100))
		}
	}
	for name, inputs := range expected {
		s, there := g.Signatures[name]
		if !there {
			return fmt.Errorf("the signature %s is missing", name)
		}
		if err := g.checkSignature(s, inputs); err != nil {
			return fmt.Errorf("the signature %s: %w", name, err)
		}
	}
	return nil
}

// checkSignature holds one signature to its inputs and to dense tensors that
// the graph has.
func (g *graph) checkSignature(s savedmodel.Signature, inputs side) error {
	if s.Defaults > 0 {
		return fmt.Errorf("default values are not allowed")
	}
	if err := sameNames(s.Inputs, inputs); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	fed := map[string]bool{}
	for name, t := range s.Inputs {
		n := g.nodes[nodeOf(t.Name)]
		if n == nil || n.Op != "Placeholder" || fed[n.Name] {
			return fmt.Errorf("the input %s is no placeholder of its own", name)
		}
		fed[n.Name] = true
		if t.Type != inputs[name].Type || !t.Plain || !slices.Equal(t.Shape.Dims, inputs[name].Shape.Dims) || t.Shape.UnknownRank {
			return fmt.Errorf("the input %s is %s %v, described as %s %v", name, t.Type, t.Shape.Dims, inputs[name].Type, inputs[name].Shape.Dims)
		}
	}
	for name, t := range s.Outputs {
		if g.nodes[nodeOf(t.Name)] == nil || !t.Plain || t.Type.String() == "" {
			return fmt.Errorf("the output %s is no dense tensor of the graph", plain(name, 100))
		}
	}
	return nil
}

func (g *graph) checkOutputs(want pipeline.Export) error {
	outputs := tensors(want.Outputs, "", -1)
	serving := g.Signatures["serving_default"].Outputs
	if err := sameNames(serving, outputs); err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	for name, t := range serving {
		if o := outputs[name]; t.Type != o.Type || !compatible(t.Shape, o.Shape) {
			return fmt.Errorf("the output %s is %s %v, described as %s %v", name, t.Type, t.Shape.Dims, o.Type, o.Shape.Dims)
		}
	}
	return nil
}

// checkMetrics holds that each loop reports the described metrics.
func (g *graph) checkMetrics(want pipeline.Export) error {
	metrics := side{}
	for _, name := range want.Metrics {
		metrics[name] = savedmodel.TensorInfo{}
	}
	for _, name := range []string{"train", "train_halves", "train_xla", "train_steps", "train_weighted", "evaluate"} {
		s, there := g.Signatures[name]
		axes := 0
		if name == "train_steps" {
			axes = 1 // a value a batch
		}
		if there && name != "evaluate" && name != "train_steps" { // test_step may report others
			if err := sameNames(s.Outputs, metrics); err != nil {
				return fmt.Errorf("metrics of %s: %w", name, err)
			}
		}
		for metric, t := range s.Outputs {
			if t.Type.String() != "float32" || len(t.Shape.Dims) != axes || !validName(metric) {
				return fmt.Errorf("the metric %q of %s is no float32 of %d axes", plain(metric, 100), name, axes)
			}
		}
	}
	return nil
}

// checkWeights holds that weights gives v000 on, each described by a letter, of a
// known type and shape, and that they hold the described number of parameters.
func (g *graph) checkWeights(want pipeline.Export) error {
	if n := len(g.Signatures["weights"].Outputs); len(want.Variables) != n || strings.Trim(want.Variables, letters) != "" {
		return fmt.Errorf("the graph has %d variables, described are %q", n, plain(want.Variables, 100))
	}
	var values, bytes int64
	for name, t := range g.Signatures["weights"].Outputs {
		if !slices.Contains(weightNames(len(g.Signatures["weights"].Outputs)), name) {
			return fmt.Errorf("the variable %q is out of its order", plain(name, 100))
		}
		if err := add(&bytes, t.Type, t.Shape, maxVariables); err != nil {
			return fmt.Errorf("the variable %s: %w", name, err)
		}
		values += t.Shape.Elements()
	}
	if want.Parameters > values {
		return fmt.Errorf("%d parameters are described, the variables hold %d values", want.Parameters, values)
	}
	return nil
}

// letters are those of Export.Variables.
const letters = string(pipeline.VariableWeight) + string(pipeline.VariableRate) + string(pipeline.VariableOther)

// weightNames are the outputs of the signature weights in their order.
func weightNames(n int) []string {
	width := max(3, len(fmt.Sprint(n-1)))
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("v%0*d", width, i)
	}
	return names
}

// loop is the inputs of a training or evaluation loop: x0 on and y0 on with
// axes for steps and batch, w the weights of the records, steps how many to run.
func loop(want pipeline.Export, weighted bool) side {
	s := tensors(want.Inputs, "x", -1, -1)
	maps.Copy(s, tensors(want.Labels, "y", -1, -1))
	float, _ := savedmodel.ParseDType("float32")
	count, _ := savedmodel.ParseDType("int32")
	if weighted {
		s["w"] = savedmodel.TensorInfo{Type: float, Shape: savedmodel.Shape{Dims: []int64{-1, -1}}}
	}
	s["steps"] = savedmodel.TensorInfo{Type: count}
	return s
}

// tensors gives described tensors leading axes and, unless prefix is empty,
// names by their order.
func tensors(described []pipeline.Tensor, prefix string, lead ...int64) side {
	s := side{}
	for i, t := range described {
		name := t.SignatureName()
		if prefix != "" {
			name = fmt.Sprintf("%s%d", prefix, i)
		}
		dims := slices.Clone(lead)
		for _, d := range t.Shape {
			dims = append(dims, int64(d))
		}
		kind, _ := savedmodel.ParseDType(t.DType)
		s[name] = savedmodel.TensorInfo{Type: kind, Shape: savedmodel.Shape{Dims: dims}}
	}
	return s
}

func sameNames(got, want map[string]savedmodel.TensorInfo) error {
	if !maps.EqualFunc(got, want, func(_, _ savedmodel.TensorInfo) bool { return true }) {
		return fmt.Errorf("the graph has %q, described are %q", names(got), names(want))
	}
	return nil
}

// names are at most ten of a side's names, sorted and safe to show.
func names(s map[string]savedmodel.TensorInfo) []string {
	all := slices.Sorted(maps.Keys(s))
	for i := range all {
		all[i] = plain(all[i], 100)
	}
	return all[:min(len(all), 10)]
}

// compatible reports whether a traced shape may be the described one: an axis or
// rank that tracing left open may be anything.
func compatible(got, want savedmodel.Shape) bool {
	if got.UnknownRank {
		return true
	}
	return slices.EqualFunc(got.Dims, want.Dims, func(a, b int64) bool { return a == b || a == -1 || b == -1 })
}

// recordBytes is the size of a tensor of one record, open axes counted as one,
// math.MaxInt64 where it overflows.
func recordBytes(t pipeline.Tensor) int64 {
	s := savedmodel.Shape{}
	for _, d := range t.Shape {
		s.Dims = append(s.Dims, max(int64(d), -2))
		if d == -1 {
			s.Dims[len(s.Dims)-1] = 1
		}
	}
	kind, _ := savedmodel.ParseDType(t.DType)
	n := s.Elements()
	if n > math.MaxInt64/kind.Bytes() {
		return math.MaxInt64
	}
	return n * kind.Bytes()
}
