package resource

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/functions/records"
	"github.com/kafkaml/kafkaml/shared/inspect"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// topics are those of the brokers, as a training might use them.
func topics(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "topics", Aliases: []string{"topic"}, Short: "Topics that a model might train on, and what lies in them"}
	return cli.Group(cmd, listTopics(env), showTopic(env), previewTopic(env))
}

func listTopics(env *cli.Env) *cobra.Command {
	var q string
	cmd := &cobra.Command{
		Use: "list", Short: "List topics", Args: cli.Args(), Example: "  " + env.Program + " topics list -q orders",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			all := []records.Topic{}
			for after := ""; ; {
				query := url.Values{"q": {q}, "after": {after}, "limit": {"200"}}
				page, err := client.Read[client.Page[records.Topic]](cmd.Context(), c, pipeline.StepRecords, "topics?"+query.Encode())
				if err != nil {
					return err
				}
				all = append(all, page.Items...)
				if after = page.Next; after == "" {
					break
				}
			}
			return env.Print(all, topicNames(all), func(w io.Writer) error { return printTopics(w, all) })
		},
	}
	cmd.Flags().StringVarP(&q, "query", "q", "", "only those whose name contains this")
	env.OutputFlag(cmd)
	return cmd
}

func topicNames(all []records.Topic) string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.Name
	}
	return strings.Join(names, "\n")
}

func printTopics(w io.Writer, all []records.Topic) error {
	rows := make([][]string, len(all))
	for i, t := range all {
		kept := t.Retention
		if t.Compacted {
			kept = "compacted: cannot be announced as a stream"
		}
		rows[i] = []string{t.Name, terminal.Count(t.Offsets), strconv.Itoa(t.Partitions), kept}
	}
	return terminal.Table(w, []string{"TOPIC", "RECORDS", "PARTITIONS", "KEPT FOR"}, rows)
}

func showTopic(env *cli.Env) *cobra.Command {
	var deployment int64
	var limit int
	cmd := &cobra.Command{
		Use: "show TOPIC", Short: "Say what the newest records of a topic are", Args: cli.Args("TOPIC"),
		Long: `Say what the newest records of a topic are: their format, and their fields with
what they hold. With --deployment, say how its models might take them, and the
command that trains on them.`,
		Example: "  " + env.Program + " topics show orders --deployment 1",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if deployment != 0 {
				query.Set("deployment", strconv.FormatInt(deployment, 10))
			}
			look, err := client.Read[records.Look](cmd.Context(), c, pipeline.StepRecords, "topics/"+url.PathEscape(args[0])+"?"+query.Encode())
			if err != nil {
				return err
			}
			return env.Print(look, look.Name, func(w io.Writer) error { return printLook(w, env.Program, look, deployment) })
		},
	}
	cmd.Flags().Int64Var(&deployment, "deployment", 0, "`DEPLOYMENT` whose models are to take the records: its id")
	cmd.Flags().IntVar(&limit, "limit", 100, "look at the newest `N` records")
	env.OutputFlag(cmd)
	return cmd
}

func printLook(w io.Writer, program string, l records.Look, deployment int64) error {
	err := facts(w, "topic", l.Name, "records", terminal.Count(l.Offsets), "partitions", strconv.Itoa(l.Partitions), "kept for", l.Retention,
		"of the newest", terminal.Plain(l.Says), "", terminal.Plain(l.Hint))
	if err != nil {
		return err
	}
	var rows [][]string
	for _, f := range l.Value.Fields {
		if f.Path != "" {
			rows = append(rows, []string{terminal.Plain(f.Path), f.Holds, use(f, l.Proposal), valuesOf(f)})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		if err := terminal.Table(w, []string{"FIELD", "HOLDS", "USE", "VALUES"}, rows); err != nil {
			return err
		}
	}
	if p := l.Proposal; p != nil {
		for _, note := range p.Notes {
			fmt.Fprintf(w, "\n%s\n", terminal.Plain(note))
		}
		if p.Format != "" {
			fmt.Fprintf(w, "\nTo train on it:\n  %s datasources create --topic %s --deployment %d --format %s \\\n    --input-config '%s' --validation-rate 0.1\n",
				program, l.Name, deployment, p.Format, strings.ReplaceAll(terminal.Plain(string(p.Config)), "'", `'\''`))
		}
	}
	return nil
}

// use is what is proposed for a field, or what it may be.
func use(f inspect.Field, p *inspect.Proposal) string {
	if p == nil {
		return f.Role
	}
	if f.Path == p.Label {
		return "label"
	}
	for name, paths := range p.Inputs {
		if slices.Contains(paths, f.Path) {
			if len(p.Inputs) == 1 {
				return "input"
			}
			return "input " + name
		}
	}
	return ""
}

func valuesOf(f inspect.Field) string {
	var text string
	if f.Least != nil {
		text = fmt.Sprintf("%.6g to %.6g", *f.Least, *f.Most)
	} else {
		examples := make([]string, len(f.Examples))
		for i, e := range f.Examples {
			examples[i] = string(e)
		}
		text = strings.Join(examples, ", ")
	}
	if f.Missing > 0 {
		text += fmt.Sprintf("; %d without", f.Missing)
	}
	return terminal.Plain(text)
}
