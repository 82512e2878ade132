// Package doctor looks at this machine and says what kafkaml lacks on it, and
// the command that mends it.
package doctor

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// State is how a check came out.
type State string

// The states of a Finding. What is absent is needed only for what Detail says.
const (
	OK      State = "ok"
	Absent  State = "absent"  // something optional
	Missing State = "missing" // something that `kafkaml run` cannot do without
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"` // command or step
}

// patience is what a check takes at most.
const patience = 10 * time.Second

// check looks at one thing.
type check func(ctx context.Context, env *cli.Env) Finding

func ok(name, format string, args ...any) Finding {
	return Finding{Check: name, State: OK, Detail: fmt.Sprintf(format, args...)}
}

// found makes a finding of an error: its reason, and its hint to mend it.
func found(name string, state State, err error) Finding {
	f := Finding{Check: name, State: state, Detail: err.Error()}
	if e := asError(err); e != nil {
		f.Detail, f.Mend = e.Message(), e.Hint
		if e.Field != "" {
			f.Detail = e.Field + ": " + f.Detail
		}
	}
	return f
}

// Command is `doctor`.
func Command(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Short: "Say what is missing on this machine or wrong with what runs, and what to do",
		Long: `Say what is missing on this machine, and what is wrong with the kafkaml at --server
and its Kafka: versions, the registry, the store of models (by ARTIFACT_URL, or in the
data folder), clocks, the control topic, inferences that are behind; and what to do.

"missing" is what kafkaml run cannot do without (exit code 1), "absent" what only
some uses want.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := examine(cmd.Context(), env)
			err := env.Print(findings, "", func(w io.Writer) error { return show(w, findings) })
			if err != nil {
				return err
			}
			return verdict(findings)
		},
	}
	env.OutputFlag(cmd)
	return cmd
}

func examine(ctx context.Context, env *cli.Env) []Finding {
	all := sync.OnceValue(func() map[string]door.About {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return abouts(ctx, env)
	})
	checks := []check{
		processor, memory, disks, python, library, onnxLibrary, programs, landlock, seccomp, fences, java, kafkaJars, broker, schemaRegistry, server,
		versions(all), registryState(all), store, clock, look(recordsName, records), look(controlTopicName, controlTopic), look(inferencesName, inferences),
	}
	findings := make([]Finding, len(checks))
	for i, c := range checks {
		findings[i] = limited(ctx, env, c)
	}
	return findings
}

func limited(ctx context.Context, env *cli.Env, c check) Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c(ctx, env)
}

func show(w io.Writer, findings []Finding) error {
	rows := make([][]string, len(findings))
	for i, f := range findings {
		rows[i] = []string{string(f.State), f.Check, f.Detail}
	}
	if err := terminal.Table(w, nil, rows); err != nil {
		return err
	}
	for _, f := range findings {
		if f.State != OK && f.Mend != "" {
			fmt.Fprintf(w, "\n%s: %s\n", f.Check, terminal.Plain(f.Mend))
		}
	}
	return nil
}

func verdict(findings []Finding) error {
	n := 0
	for _, f := range findings {
		if f.State == Missing {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &pipeline.Error{Op: "doctor", Reason: fmt.Sprintf("%d of %d checks found something missing", n, len(findings))}
}
