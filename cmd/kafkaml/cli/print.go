package cli

import (
	"fmt"
	"io"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
)

// Print writes one resource in the chosen format: name is what -o name prints,
// human writes the table form.
func (e *Env) Print(v any, name string, human func(io.Writer) error) error {
	format, err := e.Output()
	if err != nil {
		return err
	}
	switch format {
	case "json":
		return terminal.JSON(e.Out, v)
	case "yaml":
		return terminal.YAML(e.Out, v)
	case "name":
		_, err := fmt.Fprintln(e.Out, name)
		return err
	}
	return human(e.Out)
}
