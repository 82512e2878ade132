package resource

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// follow prints the one with an id, and again each time it has changed, until
// it is deleted or the person ends it.
func (k kind[T]) follow(ctx context.Context, c *client.Client, id int64) error {
	last := ""
	return k.env.Watch(ctx, k.of(c).Function, k.concerns(id), func(ctx context.Context) (bool, error) {
		v, err := k.of(c).Get(ctx, id)
		if pipeline.KindOf(err) == pipeline.NotFound {
			k.env.Note("%s %d was deleted", k.one, id)
			return true, nil
		}
		now, changed := changed(v, last)
		if err != nil || !changed {
			return false, err
		}
		last = now
		return false, k.print(c, v)
	})
}

// concerns selects the facts about the one with an id; 0 is any of them.
func (k kind[T]) concerns(id int64) func(event.Event) bool {
	subject := strconv.FormatInt(id, 10)
	return func(e event.Event) bool {
		ours := strings.HasPrefix(e.Type(), "io.kafkaml."+k.one+".") ||
			k.one == "result" && strings.HasPrefix(e.Type(), "io.kafkaml.training.")
		return ours && (id == 0 || e.Subject() == subject)
	}
}

// changed gives v's JSON form and whether it differs from the last.
func changed(v any, last string) (string, bool) {
	b, err := json.Marshal(v)
	return string(b), err == nil && string(b) != last
}

// follow prints the list and then what changes. In a terminal the table is
// drawn again in its place; elsewhere rows that are new or changed are added,
// one JSON object a line with -o json.
func (l listing[T]) follow(ctx context.Context) error {
	columns, screen := l.env.Terminal(l.env.Out)
	format, err := l.env.Output()
	if err != nil {
		return err
	}
	draw := l.draw(terminal.Screen{Out: l.env.Out, Width: columns})
	if !screen || format != "table" || l.quiet {
		draw = l.add(format)
	}
	function := l.of(l.client).Function
	return l.env.Watch(ctx, function, l.concerns(0), func(ctx context.Context) (bool, error) {
		all, err := l.read(ctx)
		if err != nil {
			return false, err
		}
		return false, draw(ctx, all)
	})
}

func (l listing[T]) draw(screen terminal.Screen) func(context.Context, []T) error {
	return func(ctx context.Context, all []T) error {
		var block strings.Builder
		if err := terminal.Table(&block, l.titles(), l.rows(ctx, all)); err != nil {
			return err
		}
		screen.Draw(block.String())
		return nil
	}
}

func (l listing[T]) add(format string) func(context.Context, []T) error {
	r, last, titles := l.of(l.client), map[int64]string{}, l.titles()
	return func(ctx context.Context, all []T) error {
		var fresh []T
		for _, v := range all {
			now, changed := changed(v, last[r.ID(v)])
			if changed {
				fresh = append(fresh, v)
			}
			last[r.ID(v)] = now
		}
		if format == "table" && !l.quiet && len(fresh) > 0 {
			header := titles
			titles = nil
			return terminal.Table(l.env.Out, header, l.rows(ctx, fresh))
		}
		for _, v := range fresh {
			if err := l.addOne(format, r, v); err != nil {
				return err
			}
		}
		return nil
	}
}

// watching is show --watch.
func (k kind[T]) watching(ctx context.Context, c *client.Client, v T) error {
	if k.watch != nil {
		return k.watch(ctx, c, v)
	}
	return k.follow(ctx, c, k.of(c).ID(v))
}
