package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
)

func TestCompletion(t *testing.T) {
	s := servePrepared(t)
	for _, tc := range []struct{ name, line, want string }{
		{"commands", "__complete mod", "models"},
		{"names", "__complete models show di", "digits"},
		{"one name is enough", "__complete models show digits ''", ""},
		{"ids", "__complete deployments show ''", ""},
		{"the values of a filter", "__complete results list --status fin", "finished"},
		{"the names of a filter", "__complete results list --model l", "line"},
		{"the names of a member", "__complete deployments create --configuration ''", "pair"},
		{"the values of a member", "__complete inferences create --delivery ''", "source direct"},
		{"formats", "__complete models list -o ''", "table json yaml name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.run(t, tc.line, "")
			var got []string
			for _, line := range strings.Split(r.out, "\n") {
				if word, _, _ := strings.Cut(line, "\t"); word != "" && !strings.HasPrefix(word, ":") {
					got = append(got, word)
				}
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("proposes %q, want %q", got, tc.want)
			}
		})
	}
}

// Completion while the server is down proposes nothing and waits for nothing.
func TestCompletionWithoutServer(t *testing.T) {
	down := &server{URL: "http://127.0.0.1:1"}
	if r := down.run(t, "__complete models show ''", ""); r.code != 0 || !strings.HasPrefix(r.out, ":4") {
		t.Errorf("exit %d, %q", r.code, r.out)
	}
}

func TestPluginOfKn(t *testing.T) {
	if got := program("/usr/local/bin/kn-kafkaml"); got != "kn kafkaml" {
		t.Errorf("under the name kn-kafkaml the program is %q", got)
	}
	down := &server{URL: "http://127.0.0.1:1"}
	for _, line := range []string{"--help", "models create --help", "models show"} {
		r := down.runAs(t, "kn kafkaml", line, "")
		text := r.out + r.err
		if !strings.Contains(text, "kn kafkaml") || strings.Contains(strings.ReplaceAll(text, "kn kafkaml", ""), "  kafkaml ") {
			t.Errorf("%s speaks of another program:\n%s", line, text)
		}
	}
	if r := down.runAs(t, "kn kafkaml", "models list", ""); r.code != cli.Unavailable {
		t.Errorf("exit %d without a server, want %d", r.code, cli.Unavailable)
	}
}

// Help shows nothing of the environment that may hold a password.
func TestAttackHelpTellsNoPassword(t *testing.T) {
	env := &cli.Env{Program: "kafkaml", Out: io.Discard, Err: io.Discard, Getenv: func(name string) string { return "postgres://me:hush@" + name + "/db" }}
	each(newRoot(env), func(c *cobra.Command) {
		if strings.Contains(c.LocalFlags().FlagUsages(), "hush@DATABASE_URL") {
			t.Errorf("%s --help shows DATABASE_URL", c.CommandPath())
		}
	})
}

// A port that is none is refused, not taken for one that was not set.
func TestRunRefusesPorts(t *testing.T) {
	for _, tc := range []struct {
		variable, value, line, field string
	}{
		{"PORT", "eighty", "run", "PORT"},
		{"KAFKA_PORT", "9092 ", "run", "KAFKA_PORT"},
		{"PORT", "eighty", "run --port 99999", "port"},
		{"", "", "run --kafka-port -1", "kafka-port"},
		{"KAFKAML_MAX_REPLICAS", "many", "run", "KAFKAML_MAX_REPLICAS"},
	} {
		var errs bytes.Buffer
		env := &cli.Env{Program: "kafkaml", Out: io.Discard, Err: &errs, Getenv: func(name string) string {
			return map[string]string{tc.variable: tc.value, "KAFKAML_DATA": t.TempDir()}[name]
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		code := env.Execute(ctx, newRoot(env), strings.Fields(tc.line))
		cancel()
		if code != cli.Refused || !strings.HasPrefix(errs.String(), "error: "+tc.field+": ") {
			t.Errorf("%s=%s kafkaml %s: exit %d: %s", tc.variable, tc.value, tc.line, code, &errs)
		}
	}
}

// Every command says what it does, and which arguments it takes.
func TestEveryCommandIsDescribed(t *testing.T) {
	env := &cli.Env{Program: "kafkaml", Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }}
	each(newRoot(env), func(c *cobra.Command) {
		if c.Short == "" || c.RunE == nil && c.Run == nil {
			t.Errorf("%s: no description, or nothing to run", c.CommandPath())
		}
		if strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q ends with a full stop", c.CommandPath(), c.Short)
		}
	})
}

// each calls fn for a command and all below it that a person sees.
func each(c *cobra.Command, fn func(*cobra.Command)) {
	fn(c)
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			each(child, fn)
		}
	}
}
