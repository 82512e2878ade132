package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The exit codes.
const (
	Done        = 0
	Failed      = 1 // the command, or the training it watched
	Misused     = 2 // unknown flag, missing argument
	Missing     = 3 // no such thing
	Refused     = 4 // the request is wrong, or the state does not allow it
	Unavailable = 5 // no answer, or "not now"
	Interrupted = 130
)

// UsageError is a command line that cannot be understood.
type UsageError struct{ Reason string }

// Error is the reason.
func (u *UsageError) Error() string { return u.Reason }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// ExitCode is the code that err ends the program with.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return Done
	case errors.As(err, new(*UsageError)):
		return Misused
	case errors.Is(err, context.Canceled):
		return Interrupted
	}
	switch pipeline.KindOf(err) {
	case pipeline.NotFound:
		return Missing
	case pipeline.Invalid, pipeline.Conflict, pipeline.InUse, pipeline.Unauthenticated, pipeline.Forbidden:
		return Refused
	case pipeline.Unavailable:
		return Unavailable
	}
	return Failed
}

// Execute runs root and returns the exit code, having printed what
// went wrong. Whatever fails before a command begins is a mistake of usage.
func (e *Env) Execute(ctx context.Context, root *cobra.Command, args []string) int {
	began := false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetIn(e.In)
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !began {
		err = misused(err)
	}
	e.explain(cmd, err)
	return ExitCode(err)
}

// misused says of a flag's value what is wanted, where pflag gives the words of
// the function of Go that could not read it.
func misused(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return Usagef("%s", err)
	}
	flag := invalid.GetFlag()
	wanted, known := map[string]string{
		"int": "a whole number", "int64": "a whole number", "float64": "a number",
		"bool": "true or false", "duration": "a time such as 30s or 5m",
	}[flag.Value.Type()]
	if !known {
		return Usagef("%s", err)
	}
	return Usagef("--%s takes %s, not %q", flag.Name, wanted, invalid.GetValue())
}

func (e *Env) explain(cmd *cobra.Command, err error) {
	switch {
	case err == nil:
	case errors.As(err, new(*UsageError)):
		fmt.Fprintf(e.Err, "error: %s\n\n%s\n", terminal.PlainText(err.Error()), usage(e.Program, cmd))
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(e.Err, "interrupted")
	default:
		terminal.Diagnose(e.Err, err)
	}
}

func usage(program string, cmd *cobra.Command) string {
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " COMMAND"
	}
	return "usage: " + line + "\n`" + cmd.CommandPath() + " --help` says more"
}
