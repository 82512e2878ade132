package framework

import (
	"context"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The folders in which an Importer leaves a model.
const (
	ImportedTrained  = "trained"  // the files of Bundle.Trained
	ImportedExported = "exported" // those of Bundle.Exported, of a model that can be trained on
)

// Importer reads files of models that were trained elsewhere, which strangers
// made.
type Importer interface {
	// Import reads a file and leaves the model in two folders of dir, which must be
	// empty. A file that is refused is an Invalid *pipeline.Error.
	Import(ctx context.Context, file, dir string) (Import, error)
}

// Import is what was read of a file. A model that only serves has Untrainable set
// in its Export.
type Import struct {
	Format  string // as pipeline.Imported names it
	Export  pipeline.Export
	Serving pipeline.Serving
}

// Importers are those of a process, by the name of the kind whose models they
// give.
type Importers map[string]Importer

// Importers are those that frameworks registered, and the builders that are
// importers too.
func (r Registry) Importers(builders Builders) Importers {
	all := Importers{}
	for _, one := range r {
		if one.Importer != nil {
			all[one.Kind.Name] = one.Importer
		} else if i, ok := builders[one.Kind.Name].(Importer); ok {
			all[one.Kind.Name] = i
		}
	}
	return all
}
