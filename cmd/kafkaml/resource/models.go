package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const sourceUsage = "`FILE` of Keras source (.py), or of all members (.yaml, .json); - is standard input"

func modelKind(env *cli.Env) kind[pipeline.Model] {
	return kind[pipeline.Model]{
		env: env, of: (*client.Client).Models, one: "model", many: "models",
		columns: []column[pipeline.Model]{
			{"ID", func(m pipeline.Model, _ *names) string { return fmt.Sprint(m.ID) }},
			{"NAME", func(m pipeline.Model, _ *names) string { return m.Name }},
			{"VERSION", func(m pipeline.Model, _ *names) string { return fmt.Sprint(m.Version) }},
			{"INPUT", func(m pipeline.Model, _ *names) string { return tensors(m.Inputs) }},
			{"OUTPUT", func(m pipeline.Model, _ *names) string { return tensors(m.Outputs) }},
			{"PARAMETERS", func(m pipeline.Model, _ *names) string { return terminal.Count(m.Parameters) }},
			{"USED BY", func(m pipeline.Model, _ *names) string { return ids(m.UsedBy) }},
			{"UPDATED", func(m pipeline.Model, n *names) string { return terminal.Ago(m.Updated, n.now) }},
		},
		details: showModel,
		members: membersOf(pipeline.ModelForm{}),
	}
}

func models(env *cli.Env) *cobra.Command {
	k := modelKind(env)
	cmd := &cobra.Command{Use: "models", Aliases: []string{"model"}, Short: "Keras source, or files of trained models, and what they build"}
	create := k.create(sourced("register", "registered"), sourceUsage)
	create.Short = "Build Keras source and keep it under a name"
	create.Example = "  " + env.Program + " models create --name mnist -f mnist.py"
	update := k.update(sourced("update", "updated"), sourceUsage)
	update.Short = "Change a model; other source makes a new version"
	return cli.Group(cmd, create, importModel(env), validate(env, k), k.list(), k.show(), update, k.delete(), versions(env, k), examples(env))
}

// sourced is an edit whose -f may be Python source, and whose refusals are
// shown at their line of it.
func sourced(verb, past string) edit[pipeline.Model] {
	f, text := new(form), new(modelText)
	return edit[pipeline.Model]{
		verb: verb, past: past, form: f,
		read: func(_ context.Context, data map[string]any) error { return text.read(f, data) },
		mend: text.mend,
		check: func(_ context.Context, _ *client.Client, data map[string]any) error {
			text.remember(data)
			if verb == "register" && data["source"] == nil {
				return cli.Usagef("missing -f: the Keras source")
			}
			return nil
		},
	}
}

// modelText remembers the source and imports that were sent.
type modelText struct{ file, source, imports string }

// read puts what -f holds into data: the source itself, or all members.
func (t *modelText) read(f *form, data map[string]any) error {
	t.file = f.file
	if f.file == "" {
		return nil
	}
	b, err := readFile(f.env, f.file)
	if err != nil {
		return err
	}
	if !f.isManifest(b) {
		data["source"] = string(b)
		return nil
	}
	members, err := f.parse(b)
	for name, v := range members {
		data[name] = v
	}
	return err
}

func (t *modelText) remember(data map[string]any) {
	t.source, _ = data["source"].(string)
	t.imports, _ = data["imports"].(string)
}

// mend adds the text that an error's position is in.
func (t *modelText) mend(err error) error {
	var e *pipeline.Error
	if !errors.As(err, &e) || e.At == nil {
		return err
	}
	if strings.HasPrefix(e.Field, "imports") {
		return &terminal.Sourced{Err: err, File: "imports", Text: t.imports}
	}
	return &terminal.Sourced{Err: err, File: t.file, Text: t.source}
}

func validate(env *cli.Env, k kind[pipeline.Model]) *cobra.Command {
	e := sourced("validate", "builds")
	cmd := &cobra.Command{Use: "validate", Short: "Build Keras source without keeping it", Args: cli.Args()}
	e.prepare(k, cmd, sourceUsage)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := env.Client(cmd.Context())
		if err != nil {
			return err
		}
		data, err := e.gather(cmd, c)
		if err != nil {
			return err
		}
		if data["source"] == nil {
			return cli.Usagef("missing -f: the Keras source")
		}
		if err := e.check(cmd.Context(), c, data); err != nil {
			return err
		}
		command := c.Models().Command("validate", 0, data)
		if env.AsCurl() {
			return env.PrintCurl(cmd.Context(), c, command)
		}
		m, err := cli.Send[pipeline.Model](cmd.Context(), env, command)
		if err != nil {
			return e.mend(err)
		}
		return env.Print(m.Export, "valid", func(w io.Writer) error { return showExport(w, m.Export) })
	}
	return cmd
}
