// Package framework is the contract between the pipeline and a machine
// learning framework. It links no library: the programs that do are mains,
// which register their frameworks by name and hand them down.
//
// A framework has two halves. Its Kind is plain data that every process has:
// names of blobs, formats, settings. Its Framework opens trainers and
// predictors and is there only in the program that links the library. A
// Builder, which turns source into what a Trainer opens, is a third process's.
//
//	source -> Builder -> Bundle.Exported -> Trainer -> Bundle.Trained -> Predictor
//
// A framework is done when it passes frameworktest.Exercise.
package framework

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Kind is what every process knows of a framework.
type Kind struct {
	Name     string // as pipeline.Model.Framework names it
	Program  string // file name of the program that trains and predicts
	Protocol string // its models' platform in the Open Inference Protocol
	Source   string // what a person pastes, to be read after "paste"
	Bundle   Bundle
	Settings Settings
}

// Kinds are the frameworks of a process by name.
type Kinds map[string]Kind

// Register gives the kinds by their names.
func Register(all ...Kind) Kinds {
	k := make(Kinds, len(all))
	for _, kind := range all {
		k[kind.Name] = kind
	}
	return k
}

// Get looks up a kind; a name that is not registered is an Invalid error.
func (k Kinds) Get(name string) (Kind, error) {
	if kind, ok := k[name]; ok {
		return kind, nil
	}
	return Kind{}, unknown(k, name)
}

// Names are those registered, sorted.
func (k Kinds) Names() []string { return slices.Sorted(maps.Keys(k)) }

func unknown[F any](registered map[string]F, name string) error {
	return pipeline.Invalidf("framework", "%q is not known", name).
		WithHint("use %s", strings.Join(slices.Sorted(maps.Keys(registered)), " or "))
}

// Framework trains and serves the models of one Kind.
type Framework interface {
	Kind() Kind
	// Library is name and version of what it links, for the lineage of results.
	Library() string
	OpenTrainer(TrainerOptions) (Trainer, error)
	OpenPredictor(PredictorOptions) (Predictor, error)
}

// Frameworks are those that a program links, by name.
type Frameworks map[string]Framework

// Link registers frameworks by the names of their kinds.
func Link(all ...Framework) Frameworks {
	f := make(Frameworks, len(all))
	for _, one := range all {
		f[one.Kind().Name] = one
	}
	return f
}

// Get looks up a framework; a name that is not registered is an Invalid error.
// A program that links one framework only needs no name.
func (f Frameworks) Get(name string) (Framework, error) {
	if one, ok := f[name]; ok {
		return one, nil
	}
	if name == "" && len(f) == 1 {
		for _, one := range f {
			return one, nil
		}
	}
	return nil, unknown(f, name)
}

// Builder turns a person's source into an export. It may be called from many
// goroutines at once.
type Builder interface {
	// Export runs imports and source and leaves the export in dir, which must
	// be absent or empty: the files of Bundle.Exported. An error of the person's
	// source is an Invalid *pipeline.Error with its position.
	Export(ctx context.Context, imports, source, dir string) (pipeline.Export, error)
	// Health is nil while it can build, or says what is missing.
	Health() error
}

// Builders are those of a process, by the name of their framework.
type Builders map[string]Builder

// Get looks up a builder; a name that is not registered is an Invalid error.
func (b Builders) Get(name string) (Builder, error) {
	if one, ok := b[name]; ok {
		return one, nil
	}
	return nil, unknown(b, name)
}

// Output is one output of a model for some records.
type Output struct {
	Name  string
	DType codec.DType
	Shape []int  // of one record
	Data  []byte // little-endian, row-major, record after record
	Size  int    // bytes of one record
}

// Row is the bytes of record i.
func (o *Output) Row(i int) []byte { return o.Data[i*o.Size : (i+1)*o.Size] }
