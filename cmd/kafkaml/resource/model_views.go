package resource

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// tensors are shapes as a person reads them: "28x28 uint8", the names where
// there are several.
func tensors(all []pipeline.Tensor) string {
	text := make([]string, len(all))
	for i, t := range all {
		text[i] = shape(t.Shape) + " " + t.DType
		if len(all) > 1 {
			text[i] = t.Name + " " + text[i]
		}
	}
	if len(text) == 0 {
		return "-"
	}
	return strings.Join(text, ", ")
}

func shape(sizes []int) string {
	if len(sizes) == 0 {
		return "scalar"
	}
	text := make([]string, len(sizes))
	for i, n := range sizes {
		text[i] = strconv.Itoa(n)
		if n < 0 {
			text[i] = "?"
		}
	}
	return strings.Join(text, "x")
}

func showModel(w io.Writer, m pipeline.Model) error {
	err := facts(w,
		"id", fmt.Sprint(m.ID), "name", m.Name, "description", m.Description,
		"version", fmt.Sprint(m.Version), "imported", importedFrom(m.Imported), "source hash", m.SourceHash, "used by", ids(m.UsedBy),
		"created", stamp(m.Created), "updated", stamp(m.Updated))
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := showExport(w, m.Export); err != nil {
		return err
	}
	if m.Imported != nil {
		return nil
	}
	text := m.Source
	if m.Imports != "" {
		text = strings.TrimRight(m.Imports, "\n") + "\n\n" + m.Source
	}
	_, err = fmt.Fprintf(w, "\n%s\n", strings.TrimRight(terminal.PlainText(text), "\n"))
	return err
}

// importedFrom says which file a model came from, empty of one that has source.
func importedFrom(i *pipeline.Imported) string {
	if i == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s, %s, SHA-256 %s)", i.File, i.Format, terminal.Bytes(i.Bytes), i.SHA256[:min(12, len(i.SHA256))])
}

func showExport(w io.Writer, e pipeline.Export) error {
	err := facts(w,
		"inputs", tensors(e.Inputs), "outputs", tensors(e.Outputs), "labels", tensors(e.Labels),
		"task", string(e.Task), "loss", e.Loss, "optimizer", e.Optimizer, "metrics", strings.Join(e.Metrics, ", "),
		"parameters", fmt.Sprintf("%s, %s of them trainable", terminal.Count(e.Parameters), terminal.Count(e.TrainableParameters)),
		"asks hp for", spaceOf(e.Hyperparameters), "cannot be trained", e.Untrainable, "served by TensorFlow", e.NoONNX)
	if err != nil {
		return err
	}
	for _, warning := range e.Warnings {
		place := ""
		if warning.Line > 0 {
			place = fmt.Sprintf("%s line %d: ", warning.Field, warning.Line)
		}
		fmt.Fprintf(w, "warning: %s%s\n", terminal.Plain(place), terminal.Plain(warning.Message))
	}
	if len(e.Layers) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := make([][]string, len(e.Layers))
	for i, l := range e.Layers {
		rows[i] = []string{l.Name, l.Class, l.Output, terminal.Count(l.Parameters)}
	}
	return terminal.Table(w, []string{"LAYER", "CLASS", "OUTPUT", "PARAMETERS"}, rows)
}

func versions(env *cli.Env, k kind[pipeline.Model]) *cobra.Command {
	cmd := &cobra.Command{
		Use: "versions MODEL", Short: "List the versions of a model", Args: cli.Args("MODEL"),
		ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			id, err := k.id(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			all, err := c.ModelVersions(cmd.Context(), id)
			if err != nil {
				return err
			}
			return env.Print(all, "model/"+args[0], func(w io.Writer) error { return showVersions(env, w, all) })
		},
	}
	env.OutputFlag(cmd)
	return cmd
}

func showVersions(env *cli.Env, w io.Writer, all []pipeline.Model) error {
	rows := make([][]string, len(all))
	for i, m := range all {
		rows[i] = []string{
			fmt.Sprint(m.Version), tensors(m.Inputs), tensors(m.Outputs), terminal.Count(m.Parameters),
			m.SourceHash[:min(12, len(m.SourceHash))], terminal.Ago(m.Updated, env.Now()),
		}
	}
	return terminal.Table(w, []string{"VERSION", "INPUT", "OUTPUT", "PARAMETERS", "SOURCE HASH", "UPDATED"}, rows)
}
