package modelregister

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
)

//go:embed examples/*.py
var exampleFiles embed.FS

// Example is a ready-made model that a person can register as it is. Its file
// is a Python module: the docstring is the description, the import statements
// below it are the imports, the rest is the source.
type Example struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Imports     string `json:"imports"`
	Source      string `json:"source"`
	Framework   string `json:"framework"`
}

// Examples gives the embedded examples in the order of their file names.
func Examples() ([]Example, error) {
	files, err := fs.Glob(exampleFiles, "examples/*.py")
	if err != nil {
		return nil, fmt.Errorf("list examples: %w", err)
	}
	examples := make([]Example, 0, len(files))
	for _, file := range files {
		text, err := exampleFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read example: %w", err)
		}
		example, err := parseExample(strings.TrimSuffix(path.Base(file), ".py"), string(text))
		if err != nil {
			return nil, err
		}
		examples = append(examples, example)
	}
	return examples, nil
}

// parseExample takes an example's module apart.
func parseExample(name, text string) (Example, error) {
	const quotes = `"""`
	description, body, closed := strings.Cut(strings.TrimPrefix(text, quotes), quotes)
	if !strings.HasPrefix(text, quotes) || !closed {
		return Example{}, fmt.Errorf("example %s: no docstring", name)
	}
	imports, source := splitImports(strings.TrimLeft(body, "\n"))
	if imports == "" || source == "" {
		return Example{}, fmt.Errorf("example %s: no imports or no source", name)
	}
	return Example{
		Name: name, Description: strings.TrimSpace(description),
		Imports: imports, Source: source, Framework: kerasmodel.Name,
	}, nil
}

// splitImports parts the leading import statements from what follows.
func splitImports(body string) (imports, source string) {
	rest := body
	for rest != "" {
		line, after, _ := strings.Cut(rest, "\n")
		if !strings.HasPrefix(line, "import ") && !strings.HasPrefix(line, "from ") {
			break
		}
		imports += line + "\n"
		rest = after
	}
	return imports, strings.TrimLeft(rest, "\n")
}
