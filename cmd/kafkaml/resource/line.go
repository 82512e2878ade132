package resource

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
)

// addOne writes one resource of a list that goes on: a JSON line, a YAML
// document, its name or its id.
func (l listing[T]) addOne(format string, r client.Resource[T], v T) error {
	switch {
	case l.quiet:
		_, err := fmt.Fprintln(l.env.Out, r.ID(v))
		return err
	case format == "json":
		return json.NewEncoder(l.env.Out).Encode(v)
	case format == "yaml":
		if _, err := io.WriteString(l.env.Out, "---\n"); err != nil {
			return err
		}
		return terminal.YAML(l.env.Out, v)
	}
	_, err := fmt.Fprintln(l.env.Out, l.name(r, v))
	return err
}
