package resource

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const membersUsage = "`FILE` of the members as YAML or JSON; - is standard input"

func configurationKind(env *cli.Env) kind[pipeline.Configuration] {
	return kind[pipeline.Configuration]{
		env: env, of: (*client.Client).Configurations, one: "configuration", many: "configurations",
		columns: []column[pipeline.Configuration]{
			{"ID", func(c pipeline.Configuration, _ *names) string { return fmt.Sprint(c.ID) }},
			{"NAME", func(c pipeline.Configuration, _ *names) string { return c.Name }},
			{"MODELS", func(c pipeline.Configuration, n *names) string {
				all := make([]string, len(c.Models))
				for i, id := range c.Models {
					all[i] = n.model(id)
				}
				return strings.Join(all, ", ")
			}},
			{"DEPLOYMENTS", func(c pipeline.Configuration, _ *names) string { return ids(c.UsedBy) }},
			{"UPDATED", func(c pipeline.Configuration, n *names) string { return terminal.Ago(c.Updated, n.now) }},
		},
		details: func(w io.Writer, c pipeline.Configuration) error {
			return facts(w, factsOf(c, special{"used_by": {"deployments", ids(c.UsedBy)}})...)
		},
		members: membersOf(pipeline.ConfigurationForm{}),
		filters: []filter{{name: "model", usage: "only those that hold `MODEL`", ref: toModel}},
	}
}

func configurations(env *cli.Env) *cobra.Command {
	k := configurationKind(env)
	cmd := &cobra.Command{Use: "configurations", Aliases: []string{"configuration"}, Short: "Sets of models that train on one stream"}
	create := k.create(edit[pipeline.Configuration]{verb: "create", past: "created"}, membersUsage)
	create.Example = "  " + env.Program + " configurations create --name digits --models mnist-dense,mnist-cnn"
	update := k.update(edit[pipeline.Configuration]{verb: "update", past: "updated"}, membersUsage)
	return cli.Group(cmd, create, k.list(), k.show(), update, k.delete())
}
