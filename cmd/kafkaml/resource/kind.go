// Package resource holds the commands on what the functions keep: models,
// configurations, deployments, results, datasources and inferences. Each kind
// describes its members and columns; how to list, show, create, update, watch
// and delete is the same for all.
package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
)

// Commands are the commands of every kind of resource.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{
		models(env), configurations(env), deployments(env), results(env), studies(env), datasources(env), inferences(env), topics(env),
	}
}

// kind describes one kind of resource to the commands that all kinds share.
type kind[T any] struct {
	env     *cli.Env
	of      func(*client.Client) client.Resource[T]
	one     string // "model"
	many    string // "models"
	columns []column[T]
	details func(w io.Writer, v T) error                                        // the table form of show
	beside  func(ctx context.Context, c *client.Client, w io.Writer, v T) error // what show adds to it from others; nil: nothing
	members []member                                                            // of the form; nil where a person cannot create one
	filters []filter                                                            // of lists
	watch   func(ctx context.Context, c *client.Client, v T) error              // show --watch; nil: print it as it changes
}

// column is one column of a list.
type column[T any] struct {
	title string
	cell  func(v T, n *names) string
}

// filter narrows a list to those that refer to one thing.
type filter struct {
	name  string // as on the wire, and the flag's
	usage string
	ref   reference // nil where the value is no reference
	words []string  // the values, where they are few
}

// name is what -o name prints, and what is taken as a reference again.
func (k kind[T]) name(r client.Resource[T], v T) string { return k.one + "/" + r.Name(v) }

// find reads the one that a reference means: an id, a name, or either after
// "model/".
func (k kind[T]) find(ctx context.Context, c *client.Client, ref string) (T, error) {
	return k.of(c).Find(ctx, strings.TrimPrefix(ref, k.one+"/"))
}

// id is the id that a reference means. Only a name, or what could be one, is
// looked up.
func (k kind[T]) id(ctx context.Context, c *client.Client, ref string) (int64, error) {
	r := k.of(c)
	ref = strings.TrimPrefix(ref, k.one+"/")
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil && (!r.Named() || k.env.AsCurl()) {
		return id, nil
	}
	v, err := r.Find(ctx, ref)
	if err != nil {
		return 0, err
	}
	return r.ID(v), nil
}

// complete proposes the names, or the ids where there are no names.
func (k kind[T]) complete() cli.Completion {
	return cli.Asking(func(ctx context.Context) ([]string, error) {
		c, err := k.env.Client(ctx)
		if err != nil {
			return nil, err
		}
		r := k.of(c)
		var refs []string
		for v, err := range r.All(ctx, client.Query{}) {
			if err != nil {
				return refs, err
			}
			refs = append(refs, r.Name(v))
		}
		return refs, nil
	})
}

// argument is how usage texts call a reference: "MODEL".
func (k kind[T]) argument() string { return strings.ToUpper(k.one) }

func (k kind[T]) show() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "show " + k.argument(),
		Short: "Show one " + k.one,
		Args:  cli.Args(k.argument()), ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := k.env.Client(cmd.Context())
			if err != nil {
				return err
			}
			if k.env.AsCurl() {
				id, err := k.id(cmd.Context(), c, args[0])
				if err != nil {
					return err
				}
				return k.printRead(k.of(c).URL(strconv.FormatInt(id, 10)))
			}
			v, err := k.find(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if watch {
				return k.watching(cmd.Context(), c, v)
			}
			if k.beside == nil {
				return k.print(c, v)
			}
			return k.env.Print(v, k.name(k.of(c), v), func(w io.Writer) error {
				return errors.Join(k.details(w, v), k.beside(cmd.Context(), c, w, v))
			})
		},
	}
	k.env.OutputFlag(cmd)
	k.env.CurlFlag(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again as it changes")
	return cmd
}

// printRead prints the curl command that reads address.
func (k kind[T]) printRead(address string) error {
	_, err := fmt.Fprintln(k.env.Out, "curl -sS "+terminal.Quote(address))
	return err
}

// print writes v in the chosen format.
func (k kind[T]) print(c *client.Client, v T) error {
	return k.env.Print(v, k.name(k.of(c), v), func(w io.Writer) error { return k.details(w, v) })
}

// verb is a command on existing ones, such as stop or delete.
type verb struct {
	name  string // "stop"
	past  string // "stopped"
	short string
}

// act makes the command of v. It takes several references.
func (k kind[T]) act(v verb) *cobra.Command {
	cmd := &cobra.Command{
		Use: v.name + " " + k.argument() + "...", Short: v.short, ValidArgsFunction: k.complete(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("missing argument %s", k.argument())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 && k.env.ID() != "" {
				return cli.Usagef("--id is for one %s: each is an event of its own", k.one)
			}
			for _, ref := range args {
				if err := k.actOn(cmd.Context(), v, ref); err != nil {
					return err
				}
			}
			return nil
		},
	}
	k.env.CommandFlags(cmd)
	return cmd
}

func (k kind[T]) actOn(ctx context.Context, v verb, ref string) error {
	c, err := k.env.Client(ctx)
	if err != nil {
		return err
	}
	id, err := k.id(ctx, c, ref)
	if err != nil {
		return err
	}
	command := k.of(c).Command(v.name, id, nil)
	if k.env.AsCurl() {
		return k.env.PrintCurl(ctx, c, command)
	}
	answer, err := cli.Send[map[string]any](ctx, k.env, command)
	if err != nil {
		return err
	}
	ref = strings.TrimPrefix(ref, k.one+"/")
	return k.env.Print(answer, k.one+"/"+ref, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s %s %s\n", k.one, terminal.Plain(ref), v.past)
		return err
	})
}

func (k kind[T]) delete() *cobra.Command {
	return k.act(verb{name: "delete", past: "deleted", short: "Delete " + k.many + " that nothing uses"})
}
