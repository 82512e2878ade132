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
	"errors"
	"log/slog"
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
	Source   string // what a person pastes, to be read after "paste"; empty: it only serves
	Memory   string // that a replica requests in a cluster, as Kubernetes writes it
	Bundle   Bundle
	Settings Settings
	// Inherits is nil where a model can go on from what another trained, else the
	// reason why not, an Invalid error; a kind that does not train has none.
	Inherits func(parent, child Kin) error
}

// Kin is an export as models are compared by: Dir holds Bundle.Named of it.
type Kin struct {
	Export pipeline.Export
	Dir    string
}

// Kinds are the frameworks that a process knows; the first is the default.
type Kinds []Kind

// Get looks up a kind, the default where name is empty; a name that is not
// registered is an Invalid error.
func (k Kinds) Get(name string) (Kind, error) {
	return lookup(k, name, func(kind Kind) string { return kind.Name })
}

// Engines are those of all kinds, the first kind's default first.
func (k Kinds) Engines() []string {
	return union(k, func(kind Kind) []string { return kind.Settings.EngineNames() })
}

// Formats are the names of those of all kinds, the first kind's default first.
func (k Kinds) Formats() []string {
	return union(k, func(kind Kind) []string { return kind.Bundle.FormatNames() })
}

// Format looks up a format among those of all kinds.
func (k Kinds) Format(name string) (Format, bool) {
	for _, kind := range k {
		if f, ok := kind.Bundle.Format(name); ok {
			return f, true
		}
	}
	return Format{}, false
}

// union is what the kinds have, each once, in the order in which it comes.
func union(kinds Kinds, of func(Kind) []string) (all []string) {
	for _, kind := range kinds {
		for _, name := range of(kind) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// lookup finds the one of a name, the first where it is empty.
func lookup[F any](registered []F, name string, nameOf func(F) string) (F, error) {
	var names []string
	for _, one := range registered {
		if name == "" || nameOf(one) == name {
			return one, nil
		}
		names = append(names, nameOf(one))
	}
	var none F
	return none, pipeline.Invalidf("framework", "%q is not known", name).WithHint("use %s", strings.Join(names, " or "))
}

// Framework trains and serves the models of one Kind.
type Framework interface {
	Kind() Kind
	// Library is name and version of what it links, for the lineage of results.
	Library() string
	OpenTrainer(TrainerOptions) (Trainer, error)
	OpenPredictor(PredictorOptions) (Predictor, error)
}

// Loader is a Framework whose library is not linked. Load opens it, which
// opening a model does otherwise, so that it may be done while the model is
// fetched.
type Loader interface{ Load() error }

// Load opens the library of f where it is a Loader.
func Load(f Framework) error {
	if l, ok := f.(Loader); ok {
		return l.Load()
	}
	return nil
}

// Checker is a Framework that can tell whether a model gives what its export says.
type Checker interface {
	// Check opens a model as OpenPredictor does and runs it on records of zeros. An
	// error that is not Unavailable is the model's fault.
	Check(PredictorOptions) error
}

// Frameworks are those that a program links; the first is the default.
type Frameworks []Framework

// Get looks up a framework, the default where name is empty; a name that is not
// registered is an Invalid error.
func (f Frameworks) Get(name string) (Framework, error) {
	return lookup(f, name, func(one Framework) string { return one.Kind().Name })
}

// Servers are those beside the one of a kind that can serve what it trains: all
// that they open is among what it saves.
func (f Frameworks) Servers(kind Kind) []Framework {
	return slices.DeleteFunc(slices.Clone(f), func(one Framework) bool {
		return one.Kind().Name == kind.Name || !kind.Bundle.Trained.have(one.Kind().Bundle.Served)
	})
}

// Source is what a person gives of a model to be built.
type Source struct {
	Imports, Text string // run one after the other
	Label         pipeline.Label
	// Values are those of the source's hyperparameters, by the names that Export
	// gives them; nil: their defaults.
	Values map[string]any
	// Freeze are the layers that do not train, as pipeline.Deployment has them; nil:
	// those that the source freezes.
	Freeze []string
	// Saved is the path of Bundle.Rebuilt of a model that has been imported, in place of
	// Imports and Text; empty: they are the source.
	Saved string
}

// Builder turns a person's source into an export. It may be called from many
// goroutines at once.
type Builder interface {
	// Export runs a source and leaves the export in dir, which must
	// be absent or empty: the files of Bundle.Exported. An error of the person's
	// source is an Invalid *pipeline.Error with its position.
	Export(ctx context.Context, s Source, dir string) (pipeline.Export, error)
	// Try runs a source and one training step of its model on a batch. What is
	// wrong with the step is part of the Trial; what is wrong with the source is an
	// error as of Export.
	Try(ctx context.Context, s Source, b TrialBatch) (Trial, error)
	// Health is nil while it can build, or says what is missing.
	Health() error
	// Close ends it and what it runs.
	Close() error
}

// Builders are those of a process, by the name of their framework.
type Builders map[string]Builder

// Health is nil while all of them can build, or says what is missing.
func (b Builders) Health() error {
	var all error
	for _, one := range b {
		all = errors.Join(all, one.Health())
	}
	return all
}

// Close closes all of them.
func (b Builders) Close() error {
	var all error
	for _, one := range b {
		all = errors.Join(all, one.Close())
	}
	return all
}

// Registration is what a main of the functions registers of a framework.
type Registration struct {
	Kind  Kind
	Start func(ctx context.Context, log *slog.Logger) (Builder, error) // ctx bounds the start only; nil where nothing is built
	// Importer reads trained models of the kind; nil where the Builder does, or
	// nobody.
	Importer Importer
}

// Registry are the frameworks of such a main; the first is the default.
type Registry []Registration

// Kinds are those of the frameworks.
func (r Registry) Kinds() Kinds {
	kinds := make(Kinds, len(r))
	for i, one := range r {
		kinds[i] = one.Kind
	}
	return kinds
}

// Build starts a builder for each framework that has one. The caller closes them.
func (r Registry) Build(ctx context.Context, log *slog.Logger) (Builders, error) {
	builders := Builders{}
	for _, one := range r {
		if one.Start == nil {
			continue
		}
		b, err := one.Start(ctx, log)
		if err != nil {
			return nil, errors.Join(err, builders.Close())
		}
		builders[one.Kind.Name] = b
	}
	return builders, nil
}

// Output is one output of a model for some records.
type Output struct {
	Name  string
	DType codec.DType
	Shape []int  // of one record
	Data  []byte // little-endian, row-major, record after record; text as codec.AppendText stores it
	Size  int    // bytes of one record; 0 for text
	Ends  []int  // of text, whose records differ in size: where each ends in Data
}

// Row is the bytes of record i.
func (o *Output) Row(i int) []byte {
	if o.DType == codec.String {
		return o.text(i)
	}
	return o.Data[i*o.Size : (i+1)*o.Size]
}

func (o *Output) text(i int) []byte {
	start := 0
	if i > 0 {
		start = o.Ends[i-1]
	}
	return o.Data[start:o.Ends[i]]
}
