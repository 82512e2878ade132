package resource

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// examples lists the ready-made models, or prints the source of one, ready to
// be saved and registered.
func examples(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "examples [EXAMPLE]", Short: "List ready-made models, or print one's source", Args: cobra.MaximumNArgs(1),
		Example: "  " + env.Program + " models examples mnist-dense > mnist.py",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.ModelExamples(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return env.Print(all, exampleNames(all), func(w io.Writer) error { return listExamples(w, all) })
			}
			for _, e := range all {
				if e.Name == args[0] {
					return env.Print(e, e.Name, func(w io.Writer) error {
						_, err := fmt.Fprintf(w, "%s\n%s", e.Imports, e.Source)
						return err
					})
				}
			}
			return &pipeline.Error{
				Op: "find example", Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no example %q", args[0]),
				Hint: "there are " + strings.ReplaceAll(exampleNames(all), "\n", ", "),
			}
		},
	}
	env.OutputFlag(cmd)
	return cmd
}

func exampleNames(all []pipeline.ModelForm) string {
	text := make([]string, len(all))
	for i, e := range all {
		text[i] = e.Name
	}
	return strings.Join(text, "\n")
}

func listExamples(w io.Writer, all []pipeline.ModelForm) error {
	rows := make([][]string, len(all))
	for i, e := range all {
		description, _, _ := strings.Cut(e.Description, "\n")
		rows[i] = []string{e.Name, description}
	}
	return terminal.Table(w, []string{"NAME", "DESCRIPTION"}, rows)
}
