package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want int
	}{
		{"done", nil, Done},
		{"usage", Usagef("no"), Misused},
		{"not found", fmt.Errorf("x: %w", &pipeline.Error{Kind: pipeline.NotFound}), Missing},
		{"invalid", pipeline.Invalidf("name", "empty"), Refused},
		{"taken", &pipeline.Error{Kind: pipeline.Conflict}, Refused},
		{"in use", &pipeline.Error{Kind: pipeline.InUse}, Refused},
		{"unavailable", &pipeline.Error{Kind: pipeline.Unavailable}, Unavailable},
		{"internal", &pipeline.Error{}, Failed},
		{"any other", errors.New("x"), Failed},
		{"interrupted", fmt.Errorf("x: %w", context.Canceled), Interrupted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := ExitCode(tc.err); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

// tree is a small command line with what Execute must distinguish.
func tree(env *Env) *cobra.Command {
	child := &cobra.Command{
		Use: "show THING", Args: Args("THING"),
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] == "gone" {
				return &pipeline.Error{Op: "find thing", Kind: pipeline.NotFound, Reason: "there is no thing \"gone\"", Hint: "look again"}
			}
			return env.Print(map[string]string{"thing": args[0]}, "thing/"+args[0], nil)
		},
	}
	env.OutputFlag(child)
	child.Flags().Int64("deployment", 0, "")
	child.Flags().Duration("wait", 0, "")
	root := &cobra.Command{Use: "program"}
	env.GlobalFlags(root.PersistentFlags())
	return Group(root, Group(&cobra.Command{Use: "things"}, child))
}

func TestExecute(t *testing.T) {
	for _, tc := range []struct {
		name, args string
		code       int
		out, err   string
	}{
		{"json", "things show a -o json", Done, "{\n  \"thing\": \"a\"\n}\n", ""},
		{"yaml", "things show a -o yaml", Done, "thing: a\n", ""},
		{"name", "things show a -o name", Done, "thing/a\n", ""},
		{"unknown format", "things show a -o xml", Misused, "", `error: --output "xml" is none of table, json, yaml, name`},
		{"missing argument", "things show", Misused, "", "error: missing argument THING\n\nusage: program things show THING"},
		{"too many arguments", "things show a b c", Misused, "", "error: more arguments than the command takes: b c (a value that holds blanks wants quotation marks around it)\n"},
		{"a name for a number", "things show a --deployment digits", Misused, "", "error: --deployment takes a whole number, not \"digits\"\n"},
		{"a number for a time", "things show a --wait 5", Misused, "", "error: --wait takes a time such as 30s or 5m, not \"5\"\n"},
		{"unknown flag", "things show --nope", Misused, "", "error: unknown flag: --nope"},
		{"unknown command", "things sow", Misused, "", `error: unknown command "sow" for "program things"`},
		{"unknown command at the root", "tings", Misused, "", `error: unknown command "tings" for "program"`},
		{"an error of the command", "things show gone", Missing, "", "error: find thing: there is no thing \"gone\"\nhint: look again\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, err bytes.Buffer
			env := &Env{Program: "program", In: strings.NewReader(""), Out: &out, Err: &err, Getenv: func(string) string { return "" }, Now: time.Now}
			code := env.Execute(t.Context(), tree(env), strings.Fields(tc.args))
			if code != tc.code || out.String() != tc.out || !strings.HasPrefix(err.String(), tc.err) {
				t.Errorf("code %d, out %q, err %q", code, out.String(), err.String())
			}
		})
	}
}
