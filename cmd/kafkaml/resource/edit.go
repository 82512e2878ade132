package resource

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
)

// edit is a create or update command of one kind; what differs between kinds
// hangs on its hooks.
type edit[T any] struct {
	kind  kind[T]
	verb  string // of the event type
	past  string // "registered"
	form  *form
	read  func(ctx context.Context, data map[string]any) error                   // more members; may be nil
	check func(ctx context.Context, c *client.Client, data map[string]any) error // what a new one needs; may be nil
	mend  func(err error) error                                                  // what a refusal is shown with; may be nil
	done  func(ctx context.Context, c *client.Client, v T) error                 // after the answer is printed; may be nil
}

// gather reads file and flags into the data of the command.
func (e edit[T]) gather(cmd *cobra.Command, c *client.Client) (map[string]any, error) {
	ctx := cmd.Context()
	var data map[string]any
	var err error
	if e.read != nil {
		data = map[string]any{}
		err = e.read(ctx, data)
	} else {
		data, err = e.form.manifest()
	}
	if err != nil {
		return nil, err
	}
	return data, e.form.fill(ctx, c, cmd, data)
}

// run sends the command for the one with an id, 0 for a new one.
func (e edit[T]) run(cmd *cobra.Command, c *client.Client, id int64) error {
	ctx, env := cmd.Context(), e.kind.env
	data, err := e.gather(cmd, c)
	if err != nil {
		return err
	}
	switch {
	case id == 0:
		err = e.form.missing(data)
	case len(data) == 0:
		err = cli.Usagef("nothing to change: give a flag or -f")
	}
	if err == nil && e.check != nil {
		err = e.check(ctx, c, data)
	}
	if err != nil {
		return err
	}
	command := e.kind.of(c).Command(e.verb, id, data)
	if env.AsCurl() {
		return env.PrintCurl(ctx, c, command)
	}
	v, err := cli.Send[T](ctx, env, command)
	if err != nil && e.mend != nil {
		err = e.mend(err)
	}
	if err != nil {
		return err
	}
	if err := e.answer(c, v); err != nil || e.done == nil {
		return err
	}
	return e.done(ctx, c, v)
}

func (e edit[T]) answer(c *client.Client, v T) error {
	r := e.kind.of(c)
	return e.kind.env.Print(v, e.kind.name(r, v), func(w io.Writer) error {
		line := fmt.Sprintf("%s %d %s", e.kind.one, r.ID(v), e.past)
		if r.Named() {
			line = fmt.Sprintf("%s %d %s %s", e.kind.one, r.ID(v), terminal.Plain(r.Name(v)), e.past)
		}
		_, err := fmt.Fprintln(w, line)
		return err
	})
}

// create makes the command that makes a new one.
func (k kind[T]) create(e edit[T], fileUsage string) *cobra.Command {
	cmd := &cobra.Command{Use: "create", Short: "Create a " + k.one, Args: cli.Args()}
	e.prepare(k, cmd, fileUsage)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := k.env.Client(cmd.Context())
		if err != nil {
			return err
		}
		return e.run(cmd, c, 0)
	}
	return cmd
}

// update makes the command that changes members of one.
func (k kind[T]) update(e edit[T], fileUsage string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "update " + k.argument(), Short: "Change members of a " + k.one,
		Args: cli.Args(k.argument()), ValidArgsFunction: cli.First(k.complete()),
	}
	e.prepare(k, cmd, fileUsage)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := k.env.Client(cmd.Context())
		if err != nil {
			return err
		}
		id, err := k.id(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		return e.run(cmd, c, id)
	}
	return cmd
}

// prepare adds the flags of cmd. The hooks of e may already hold its form.
func (e *edit[T]) prepare(k kind[T], cmd *cobra.Command, fileUsage string) {
	e.kind = k
	if e.form == nil {
		e.form = new(form)
	}
	attach(e.form, k, cmd, fileUsage)
	k.env.CommandFlags(cmd)
}
