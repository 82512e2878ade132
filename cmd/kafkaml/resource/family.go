package resource

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// maxFamily bounds how many results are shown before a result, and after it.
const maxFamily = 20

// showFamily writes the results that a result goes back to, and those that went on
// from it, as a tree.
func showFamily(ctx context.Context, c *client.Client, w io.Writer, r pipeline.Result) error {
	var before []string
	for id := r.Parent; id != 0 && len(before) < maxFamily; {
		p, err := c.Results().Get(ctx, id)
		if pipeline.KindOf(err) == pipeline.NotFound {
			before = append(before, fmt.Sprintf("result %d, which was deleted", id))
			break
		}
		if err != nil {
			return err
		}
		before, id = append(before, relative(p)), p.Parent
	}
	after, err := c.Results().List(ctx, client.Query{Limit: maxFamily, Filters: map[string]string{"parent": strconv.FormatInt(r.ID, 10)}})
	if err != nil || len(before)+len(after.Items) == 0 {
		return err
	}
	fmt.Fprintln(w, "\ntrained on from each other:")
	indent := func(depth int, text string) { fmt.Fprintln(w, strings.Repeat("  ", depth+1)+terminal.Plain(text)) }
	for i := range before {
		indent(i, before[len(before)-1-i])
	}
	indent(len(before), relative(r)+" <-")
	for i := range after.Items {
		indent(len(before)+1, relative(after.Items[len(after.Items)-1-i]))
	}
	if after.Next != "" {
		indent(len(before)+1, fmt.Sprintf("... (results list --parent %d)", r.ID))
	}
	return nil
}

// relative is a result in a line.
func relative(r pipeline.Result) string {
	text := fmt.Sprintf("result %d", r.ID)
	if r.Round > 0 {
		text += fmt.Sprintf(", round %d", r.Round)
	}
	return fmt.Sprintf("%s, %s, %s", text, r.Status, metrics(r.Metrics.Training))
}
