package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Args takes exactly the named arguments, and says which one is missing.
func Args(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return Usagef("missing argument %s", names[len(args)])
		}
		if len(args) > len(names) {
			return Usagef("more arguments than the command takes: %s (a value that holds blanks wants quotation marks around it)", strings.Join(args[len(names):], " "))
		}
		return nil
	}
}

// Group makes cmd a command that only holds others: alone it prints its help,
// with an unknown one it says so.
func Group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return Usagef("unknown command %q for %q", args[0], cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(children...)
	return cmd
}

// Completion proposes the rest of a word; it is asked while a person types.
type Completion = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

// Choices completes one of a few fixed words.
func Choices(words ...string) Completion {
	return func(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return beginning(words, word), cobra.ShellCompDirectiveNoFileComp
	}
}

func beginning(all []string, word string) []string {
	var fitting []string
	for _, proposal := range all {
		if strings.HasPrefix(proposal, word) {
			fitting = append(fitting, proposal)
		}
	}
	return fitting
}

// First keeps complete for the first argument and proposes nothing after it.
func First(complete Completion) Completion {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, word)
	}
}

// Asking completes from what the server knows: nothing where it does not
// answer within two seconds.
func Asking(ask func(ctx context.Context) ([]string, error)) Completion {
	return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		all, err := ask(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(all, word), cobra.ShellCompDirectiveNoFileComp
	}
}
