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

// alias makes the command that gives a result an alias, or that takes it off.
func alias(k kind[pipeline.Result], name, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " RESULT ALIAS", Short: short,
		Example: "  " + k.env.Program + " results " + name + " 3 champion",
		Args:    cli.Args("RESULT", "ALIAS"), ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := k.env.Client(ctx)
			if err != nil {
				return err
			}
			id, err := k.id(ctx, c, args[0])
			if err != nil {
				return err
			}
			command := k.of(c).Command(name, id, pipeline.AliasForm{Alias: args[1]})
			if k.env.AsCurl() {
				return k.env.PrintCurl(ctx, c, command)
			}
			r, err := cli.Send[pipeline.Result](ctx, k.env, command)
			if err != nil {
				return err
			}
			return k.env.Print(r, k.name(k.of(c), r), func(w io.Writer) error {
				has := "no alias"
				if len(r.Aliases) > 0 {
					has = strings.Join(r.Aliases, ", ")
				}
				_, err := fmt.Fprintf(w, "result %d of %s has %s\n", r.ID, terminal.Plain(r.ModelName), has)
				return err
			})
		},
	}
	k.env.CommandFlags(cmd)
	return cmd
}
