package keras

import (
	"fmt"
	"regexp"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Bounds of a description.
const (
	maxTensors    = 100 // inputs, outputs or labels
	maxLayers     = 10_000
	maxWithin     = 1000 // layers within one
	maxMetrics    = 200
	maxRank       = 16
	maxRecord     = 256 << 20 // bytes of one record's tensor
	maxClasses    = 1_000_000
	maxOperations = 1 << 50 // of one record; a month of one processor
	maxParents    = 1_000
	maxLibraries  = 10
	maxAdapt      = 1_000
	maxColumns    = 10_000_000 // of a Normalization
	maxBins       = 1_000_000
	leastEpsilon  = 1e-6
)

// tensorName is what TensorFlow takes as the name of a placeholder.
var tensorName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,99}$`)

var tasks = []pipeline.Task{
	pipeline.Classification, pipeline.BinaryClassification, pipeline.Regression, pipeline.OtherTask,
}

// checkDescription holds a child's description of a model within bounds, so
// that its names and numbers can be stored, shown and computed with.
func checkDescription(e pipeline.Export) error {
	if len(e.Inputs) == 0 || len(e.Outputs) == 0 {
		return fmt.Errorf("a model needs at least one input and one output")
	}
	for what, tensors := range map[string][]pipeline.Tensor{"input": e.Inputs, "output": e.Outputs, "label": e.Labels} {
		if err := checkTensors(tensors); err != nil {
			return fmt.Errorf("%s %w", what, err)
		}
	}
	switch {
	case e.TrainableParameters < 0 || e.Parameters < e.TrainableParameters:
		return fmt.Errorf("%d of %d parameters trainable", e.TrainableParameters, e.Parameters)
	case e.Operations < 0 || e.Operations > maxOperations:
		return fmt.Errorf("%d operations", e.Operations)
	case !slices.Contains(tasks, e.Task):
		return fmt.Errorf("the task %q is unknown", plain(string(e.Task), 100))
	case e.Classes < 0 || e.Classes > maxClasses:
		return fmt.Errorf("%d classes", e.Classes)
	case !validText(e.Loss, 2000) || !validText(e.Optimizer, 200):
		return fmt.Errorf("the name of the loss or of the optimizer is not a short line of text")
	case !validText(e.Untrainable, 1000):
		return fmt.Errorf("why it cannot be trained is not a short line of text")
	case !validText(e.NoONNX, 1000):
		return fmt.Errorf("why it has no ONNX form is not a short line of text")
	case len(e.Libraries) > maxLibraries:
		return fmt.Errorf("%d libraries", len(e.Libraries))
	case len(e.Metrics) > maxMetrics || slices.ContainsFunc(e.Metrics, func(m string) bool { return !validName(m) }):
		return fmt.Errorf("more than %d metrics, or one whose name is not a short line of text", maxMetrics)
	}
	if len(e.Monitors) > 2*maxMetrics {
		return fmt.Errorf("%d metrics to monitor", len(e.Monitors))
	}
	for metric, better := range e.Monitors {
		if !validName(metric) || better != "" && better != pipeline.ModeMin && better != pipeline.ModeMax {
			return fmt.Errorf("the metrics to monitor have %q, or a name that is not a short line of text", plain(string(better), 100))
		}
	}
	for library, version := range e.Libraries {
		if !validName(library) || !validName(version) {
			return fmt.Errorf("the version of a library is not a short line of text")
		}
	}
	if err := checkHyperparameters(e.Hyperparameters); err != nil {
		return err
	}
	if err := checkAdapt(e); err != nil {
		return err
	}
	return checkLayers(e.Layers)
}

// checkHyperparameters holds that each hyperparameter has a name of its own, and
// values that a study can try.
func checkHyperparameters(all []pipeline.Parameter) error {
	if len(all) > pipeline.MaxParameters {
		return fmt.Errorf("%d hyperparameters, %d are allowed", len(all), pipeline.MaxParameters)
	}
	seen := map[string]bool{}
	for _, p := range all {
		if !validName(p.Name) || !p.OfSource() || seen[p.Name] {
			return fmt.Errorf("the hyperparameter %q has no name of its own in a short line of text", plain(p.Name, 100))
		}
		seen[p.Name] = true
		for _, c := range p.Choices {
			text, ok := c.(string)
			if _, number := c.(float64); ok && !validName(text) || !ok && !number && c != true && c != false {
				return fmt.Errorf("a choice of %s is neither a short line of text nor a number, true or false", p.Name)
			}
		}
		if err := p.Check(); err != nil {
			return err
		}
		if !p.Holds(p.Default) {
			return fmt.Errorf("the default of %s is none of its values", p.Name)
		}
	}
	return nil
}

// checkAdapt holds that each layer to be adapted is described as its kind is,
// in an order in which none reads a later one.
func checkAdapt(e pipeline.Export) error {
	if len(e.Adapt) > maxAdapt {
		return fmt.Errorf("%d layers to be adapted, %d are allowed", len(e.Adapt), maxAdapt)
	}
	highest := -1
	for i, a := range e.Adapt {
		if !validName(a.Layer) || !validName(a.Class) {
			return fmt.Errorf("the layer %q to be adapted is not described in short lines of text", plain(a.Layer, 100))
		}
		if a.Level < 0 || a.Level > i || a.Input < -1 || a.Input >= len(e.Inputs) || !soundAdapt(a) || !entersAsIs(e, a) {
			return fmt.Errorf("the layer %s to be adapted is described by numbers that cannot be", plain(a.Layer, 100))
		}
		highest = max(highest, a.Level)
	}
	for level := range highest + 1 {
		if !slices.ContainsFunc(e.Adapt, func(a pipeline.Adapt) bool { return a.Level == level }) {
			return fmt.Errorf("no layer to be adapted is of level %d", level)
		}
	}
	return nil
}

// soundAdapt reports whether the numbers of a layer to be adapted are within bounds.
func soundAdapt(a pipeline.Adapt) bool {
	switch a.Kind {
	case pipeline.AdaptMoments:
		return a.Columns >= 0 && a.Columns <= maxColumns
	case pipeline.AdaptQuantiles:
		return a.Bins >= 1 && a.Bins <= maxBins && a.Epsilon >= leastEpsilon && a.Epsilon < 1
	case pipeline.AdaptWords:
		tooMany := len(a.Dropped) > 2 || slices.ContainsFunc(a.Dropped, func(d string) bool { return !validText(d, 1000) })
		return a.Most >= 0 && a.Start >= 0 && !tooMany
	}
	return false
}

// entersAsIs reports whether the type of the input that a layer reads as it is,
// if it does, is one that it reads so.
func entersAsIs(e pipeline.Export, a pipeline.Adapt) bool {
	if a.Input < 0 {
		return true
	}
	in := e.Inputs[a.Input]
	switch {
	case a.Documents:
		return false
	case a.Kind != pipeline.AdaptWords:
		n := 1
		for _, d := range in.Shape {
			if d > 0 {
				n *= d
			}
		}
		return (in.DType == "float32" || in.DType == "float64") && (a.Kind == pipeline.AdaptQuantiles || a.Columns > 0 && n%a.Columns == 0)
	case a.Integers:
		return in.DType == "int64"
	}
	return in.DType == "string"
}

func checkTensors(tensors []pipeline.Tensor) error {
	if len(tensors) > maxTensors {
		return fmt.Errorf("tensors: %d, %d are allowed", len(tensors), maxTensors)
	}
	seen, signatures := map[string]bool{}, map[string]bool{}
	for _, t := range tensors {
		if !validName(t.Name) || seen[t.Name] {
			return fmt.Errorf("%q: not a name of its own in a short line of text", plain(t.Name, 100))
		}
		if s := t.SignatureName(); !tensorName.MatchString(s) || signatures[s] {
			return fmt.Errorf("%q: not a name of its own of letters, digits and _", plain(s, 100))
		}
		seen[t.Name], signatures[t.SignatureName()] = true, true
		if _, known := savedmodel.ParseDType(t.DType); !known {
			return fmt.Errorf("%s: the type %q is unknown", t.Name, plain(t.DType, 100))
		}
		if len(t.Shape) > maxRank || recordBytes(t) > maxRecord {
			return fmt.Errorf("%s: the shape %v is too large", t.Name, t.Shape[:min(len(t.Shape), maxRank)])
		}
	}
	return nil
}

func checkLayers(layers []pipeline.Layer) error {
	if len(layers) > maxLayers {
		return fmt.Errorf("%d layers, %d are allowed", len(layers), maxLayers)
	}
	for _, l := range layers {
		if !validName(l.Name) || !validName(l.Class) || !validText(l.Output, 2000) || l.Parameters < 0 ||
			len(l.Inputs) > maxParents || len(l.Within) > maxWithin || slices.ContainsFunc(l.Within, func(p string) bool { return p == "" || !validText(p, 2000) }) || slices.ContainsFunc(l.Inputs, func(i string) bool { return !validName(i) }) {
			return fmt.Errorf("the layer %q is not described in short lines of text", plain(l.Name, 100))
		}
	}
	return nil
}

// validName tells a name that can be shown: one line, not empty, at most 200 bytes.
func validName(s string) bool { return s != "" && validText(s, 200) }

func validText(s string, most int) bool {
	if len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
