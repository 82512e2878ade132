package framework

import (
	"context"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Conversion asks for another form of a trained model.
type Conversion struct {
	Form   pipeline.FormatKey
	Dir    string // holds the files of Bundle.Served
	Export pipeline.Export
	// Samples are records that quantization takes the ranges of values from.
	Samples Records
	// Test are records that the model was not trained on, with their labels, to
	// measure by what the conversion costs; none: it is not measured.
	Test Records
}

// Records are some records of a stream, as a model takes them.
type Records struct {
	Len            int
	Inputs, Labels []Rows // in the model's order
}

// Converted is what is known of a model that was converted.
type Converted struct {
	Inputs, Outputs []pipeline.FormatTensor
	Quality         *pipeline.Quality // nil where it was not measured
}

// Converter is a Builder that also converts trained models to the formats that
// its kind makes on demand.
type Converter interface {
	// Convert writes the model that c asks for to the file at path, which must be
	// absent. A model that has no such form is an Invalid *pipeline.Error that says
	// why.
	Convert(ctx context.Context, c Conversion, path string) (Converted, error)
}

// Reread is what can still be read of the stream that a model was trained on.
type Reread struct {
	Samples Records // of those that trained
	Tests   Records // of those that did not
	Split   string  // that Tests are of: test or validation
	Lacking string  // why there are no Tests, or no records at all; empty where there are
}
