package resource

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
)

// listing is one invocation of list.
type listing[T any] struct {
	kind[T]
	client *client.Client
	query  client.Query
	limit  int
	quiet  bool
}

func (k kind[T]) list() *cobra.Command {
	l := listing[T]{kind: k}
	var watch bool
	values := make([]string, len(k.filters))
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List " + k.many, Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if l.limit < 0 {
				return cli.Usagef("--limit %d is negative", l.limit)
			}
			ctx := cmd.Context()
			if l.client, err = k.env.Client(ctx); err != nil {
				return err
			}
			if l.query.Filters, err = k.filterBy(ctx, l.client, values); err != nil {
				return err
			}
			switch {
			case k.env.AsCurl():
				return k.printRead(k.of(l.client).URL() + l.query.String())
			case watch:
				return l.follow(ctx)
			}
			return l.once(ctx)
		},
	}
	k.env.OutputFlag(cmd)
	k.env.CurlFlag(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&l.quiet, "quiet", "q", false, "print ids only")
	flags.BoolVarP(&watch, "watch", "w", false, "go on as they change")
	flags.StringVarP(&l.query.Q, "search", "s", "", "only those with `TEXT` in the name or description")
	flags.IntVar(&l.limit, "limit", 0, "print at most `N`")
	for i, f := range k.filters {
		flags.StringVar(&values[i], f.name, "", f.usage)
		// The flag exists, so this cannot fail.
		_ = cmd.RegisterFlagCompletionFunc(f.name, f.complete(k.env))
	}
	return cmd
}

func (f filter) complete(env *cli.Env) cli.Completion {
	if f.ref != nil {
		return f.ref.complete(env)
	}
	return cli.Choices(f.words...)
}

func (k kind[T]) filterBy(ctx context.Context, c *client.Client, values []string) (map[string]string, error) {
	by := map[string]string{}
	for i, f := range k.filters {
		switch {
		case values[i] == "":
		case f.ref == nil:
			if f.words != nil && !slices.Contains(f.words, values[i]) {
				return nil, cli.Usagef("--%s %q is none of %s", f.name, values[i], strings.Join(f.words, ", "))
			}
			by[f.name] = values[i]
		default:
			id, err := f.ref.id(ctx, k.env, c, values[i])
			if err != nil {
				return nil, err
			}
			by[f.name] = strconv.FormatInt(id, 10)
		}
	}
	return by, nil
}

// read gathers every page, or as many as the limit wants.
func (l listing[T]) read(ctx context.Context) ([]T, error) {
	l.query.Limit = min(l.limit, 1000)
	all := []T{}
	for v, err := range l.of(l.client).All(ctx, l.query) {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		if len(all) == l.limit {
			break
		}
	}
	return all, nil
}

func (l listing[T]) once(ctx context.Context) error {
	all, err := l.read(ctx)
	if err != nil {
		return err
	}
	r := l.of(l.client)
	format, err := l.env.Output()
	switch {
	case err != nil:
		return err
	case l.quiet:
		for _, v := range all {
			fmt.Fprintln(l.env.Out, r.ID(v))
		}
	case format == "json":
		return terminal.JSON(l.env.Out, all)
	case format == "yaml":
		return terminal.YAML(l.env.Out, all)
	case format == "name":
		for _, v := range all {
			fmt.Fprintln(l.env.Out, l.name(r, v))
		}
	case len(all) == 0:
		l.env.Note("no %s", l.many)
	default:
		return terminal.Table(l.env.Out, l.titles(), l.rows(ctx, all))
	}
	return nil
}

func (l listing[T]) titles() []string {
	titles := make([]string, len(l.columns))
	for i, c := range l.columns {
		titles[i] = c.title
	}
	return titles
}

func (l listing[T]) rows(ctx context.Context, all []T) [][]string {
	n := &names{ctx: ctx, client: l.client, now: l.env.Now()}
	rows := make([][]string, len(all))
	for i, v := range all {
		for _, c := range l.columns {
			rows[i] = append(rows[i], c.cell(v, n))
		}
	}
	return rows
}
