package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func studyKind(env *cli.Env) kind[pipeline.Study] {
	return kind[pipeline.Study]{
		env: env, of: (*client.Client).Studies, one: "study", many: "studies",
		columns: []column[pipeline.Study]{
			{"ID", func(s pipeline.Study, _ *names) string { return fmt.Sprint(s.ID) }},
			{"MODELS", func(s pipeline.Study, _ *names) string { return s.ModelNames() }},
			{"OBJECTIVE", func(s pipeline.Study, _ *names) string { return s.Objective }},
			{"TRIALS", func(s pipeline.Study, _ *names) string { return trialsOf(s) }},
			{"BEST", func(s pipeline.Study, _ *names) string { return bestOf(s) }},
			{"STATUS", func(s pipeline.Study, _ *names) string { return string(s.Status) }},
			{"AGE", func(s pipeline.Study, n *names) string { return terminal.Ago(s.Created, n.now) }},
		},
		details: showStudy,
		members: withWords(membersOf(pipeline.StudyForm{}), "engine", env.Frameworks.Kinds().Engines()),
		filters: []filter{
			{name: "configuration", usage: "only those of `CONFIGURATION`", ref: toConfiguration},
			{name: "status", usage: "only those in `STATUS`", words: pipeline.Words(pipeline.StudyStatus(""))},
		},
	}
}

// trialsOf is how many trials have ended, of how many.
func trialsOf(s pipeline.Study) string {
	text := fmt.Sprintf("%d of %d", s.Finished+s.Pruned+s.Failed, s.Trials)
	for _, part := range []struct {
		n    int
		what string
	}{{s.Pruned, "pruned"}, {s.Failed, "failed"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return text
}

func bestOf(s pipeline.Study) string {
	if s.Best == nil {
		return "-"
	}
	return strconv.FormatFloat(s.Best.Value, 'g', 4, 64)
}

func spaceOf(space []pipeline.Parameter) string {
	all := make([]string, len(space))
	for i, p := range space {
		all[i] = p.String()
		if p.Model != "" {
			all[i] += " of " + p.Model
		}
	}
	return strings.Join(all, ", ")
}

func showStudy(w io.Writer, s pipeline.Study) error {
	best := ""
	if b := s.Best; b != nil {
		best = fmt.Sprintf("%s %s by trial %d, result %d: %s", s.Objective, bestOf(s), b.Trial, b.Result, pipeline.StudyTrial{Parameters: b.Parameters}.Said())
	}
	return facts(w, factsOf(s, special{
		"models": {"models", terminal.Plain(s.ModelNames())}, "space": {"space", terminal.Plain(spaceOf(s.Space))}, "best": {"best", terminal.Plain(best)}, "trials": {"trials", trialsOf(s)},
	})...)
}

func studies(env *cli.Env) *cobra.Command {
	k := studyKind(env)
	k.watch = func(ctx context.Context, c *client.Client, s pipeline.Study) error {
		return watchStudy(ctx, env, c, s.ID)
	}
	cmd := &cobra.Command{Use: "studies", Aliases: []string{"study"}, Short: "Searches for the values that a model trains best with"}
	var watch bool
	create := k.create(edit[pipeline.Study]{
		verb: "create", past: "created",
		done: func(ctx context.Context, c *client.Client, s pipeline.Study) error {
			if s.Status == pipeline.StudyWaiting {
				env.Note("it waits for a stream: %s stream send FILE --topic TOPIC --deployment %d", env.Program, s.Deployment)
			}
			if !watch {
				return nil
			}
			return watchStudy(ctx, env, c, s.ID)
		},
	}, membersUsage)
	create.Short = "Search for the values that a model trains best with"
	create.Example = "  " + env.Program + " studies create --configuration digits --space 'learning_rate=log(1e-4,1e-1), batch_size=[16,32,64]' --objective val_accuracy --trials 20 --pruner asha"
	create.Flags().BoolVarP(&watch, "watch", "w", false, "follow its trials until they end")
	remove := k.delete()
	remove.Short = "Delete studies with their trials and what these trained, where nothing uses it"
	stop := k.act(verb{name: "stop", past: "stopped", short: "End studies and their trainings, keeping what they found"})
	return cli.Group(cmd, create, k.list(), k.show(), trials(env), stop, remove)
}

// trials lists those of a study, the best first.
func trials(env *cli.Env) *cobra.Command {
	k := studyKind(env)
	cmd := &cobra.Command{
		Use: "trials STUDY", Short: "List the trials of a study, the best first", Args: cli.Args("STUDY"), ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := env.Client(ctx)
			if err != nil {
				return err
			}
			id, err := k.id(ctx, c, args[0])
			if err != nil {
				return err
			}
			st, err := c.Studies().Get(ctx, id)
			if err != nil {
				return err
			}
			all, err := trialsBestFirst(ctx, c, st)
			if err != nil {
				return err
			}
			return env.Print(all, "", func(w io.Writer) error { return trialTable(w, st, all) })
		},
	}
	env.OutputFlag(cmd)
	return cmd
}

func trialsBestFirst(ctx context.Context, c *client.Client, st pipeline.Study) (all []pipeline.Result, err error) {
	by := client.Query{Filters: map[string]string{"deployment": fmt.Sprint(st.Deployment)}}
	for r, err := range c.Results().All(ctx, by) {
		if err != nil {
			return nil, err
		}
		if r.Trial != nil {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b pipeline.Result) int {
		x, y := a.Trial.Value, b.Trial.Value
		switch {
		case (a.Status == pipeline.ResultFinished) != (b.Status == pipeline.ResultFinished):
			return map[bool]int{true: -1, false: 1}[a.Status == pipeline.ResultFinished]
		case x != nil && y != nil && *x != *y:
			return map[bool]int{true: -1, false: 1}[st.Better(*x, *y)]
		case (x == nil) != (y == nil):
			return map[bool]int{true: 1, false: -1}[x == nil]
		}
		return cmp.Compare(a.Trial.Number, b.Trial.Number)
	})
	return all, nil
}

func trialTable(w io.Writer, st pipeline.Study, all []pipeline.Result) error {
	var rows [][]string
	for _, r := range all {
		value := "-"
		if r.Trial.Value != nil {
			value = strconv.FormatFloat(*r.Trial.Value, 'g', 4, 64)
		}
		rows = append(rows, []string{
			fmt.Sprint(r.Trial.Number), fmt.Sprint(r.ID), value, epochsOf(r, " of "), string(r.Status), terminal.Plain(r.Trial.Said()),
		})
	}
	return terminal.Table(w, []string{"TRIAL", "RESULT", strings.ToUpper(terminal.Plain(st.Objective)), "EPOCHS", "STATUS", "VALUES"}, rows)
}

// watchStudy follows a study until it has ended: a line for each trial that did.
func watchStudy(ctx context.Context, env *cli.Env, c *client.Client, id int64) error {
	told := map[int64]bool{}
	var st pipeline.Study
	err := env.Watch(ctx, pipeline.StepDeployTraining, func(e event.Event) bool {
		return strings.HasPrefix(e.Type(), "io.kafkaml.study.")
	}, func(ctx context.Context) (done bool, err error) {
		if st, err = c.Studies().Get(ctx, id); err != nil {
			return false, err
		}
		by := client.Query{Filters: map[string]string{"deployment": fmt.Sprint(st.Deployment)}}
		for r, err := range c.Results().All(ctx, by) {
			if err != nil {
				return false, err
			}
			if !r.Status.Ended() || r.Trial == nil || told[r.ID] {
				continue
			}
			told[r.ID] = true
			env.Note("%s", terminal.Plain(trialLine(st, r)))
		}
		return st.Status.Ended(), nil
	})
	if err != nil || st.Status == pipeline.StudyFinished {
		return errors.Join(err, env.Print(st, fmt.Sprint(id), func(w io.Writer) error { return showStudy(w, st) }))
	}
	return &pipeline.Error{Op: fmt.Sprintf("study %d", id), Kind: pipeline.Conflict, Reason: "it " + string(st.Status) + ": " + st.Reason, Hint: st.Hint}
}

func trialLine(st pipeline.Study, r pipeline.Result) string {
	text := fmt.Sprintf("trial %d %s: %s", r.Trial.Number, r.Status, r.Trial.Said())
	if r.Trial.Value != nil {
		text += fmt.Sprintf(": %s %.4g", st.Objective, *r.Trial.Value)
	}
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	return text
}
