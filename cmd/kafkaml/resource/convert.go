package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// converting is what the stages of a conversion are called.
var converting = map[pipeline.ConversionStage]string{
	pipeline.ConversionReading:    "reads the stream again",
	pipeline.ConversionConverting: "converts the model",
	pipeline.ConversionStoring:    "stores it",
}

// convert has a result's model converted, unless it is kept as asked, tells how
// that goes, and gives the result as it then is.
func convert(ctx context.Context, env *cli.Env, c *client.Client, r pipeline.Result, form pipeline.ConversionForm) (done pipeline.Result, err error) {
	group, following := errgroup.WithContext(ctx)
	following, stop := context.WithCancel(following)
	open := make(chan struct{}) // closed once facts are followed, or cannot be
	opened := sync.OnceFunc(func() { close(open) })
	group.Go(func() error {
		defer opened()
		last := pipeline.ConversionStage("")
		// That the progress cannot be told is no reason not to convert.
		_ = c.Follow(following, pipeline.StepModelRegister, -1, func() error { opened(); return nil }, func(f client.Fact) error {
			var said pipeline.Converting
			if f.Event.Type() == eventing.ResultConverting && json.Unmarshal(f.Event.Data(), &said) == nil && said.ID == r.ID && said.Conversion.Stage != last {
				last = said.Conversion.Stage
				env.Note("result %d as %s: %s", r.ID, said.Conversion.FormatKey, converting[last])
			}
			return nil
		})
		return nil
	})
	group.Go(func() error {
		defer stop()
		<-open // else its first stage is over before anybody looks
		done, err = client.Do[pipeline.Result](ctx, c, c.ConvertResult(r.ID, form))
		return err
	})
	err = group.Wait()
	return done, err
}

// costs says what a conversion costs, "" where that was not measured.
func costs(f pipeline.ModelFormat) string {
	q := f.Quality
	if q == nil {
		return ""
	}
	text := fmt.Sprintf("on %d records of the %s split the outputs differ by %.2g of their size", q.Records, q.Split, q.Difference)
	switch q.Metric {
	case "accuracy":
		text = fmt.Sprintf("accuracy %s, %s before, on %d records of the %s split", percent(q.After), percent(q.Before), q.Records, q.Split)
	case "mean_absolute_error":
		text = fmt.Sprintf("mean absolute error %s, %s before, on %d records of the %s split", number(q.After), number(q.Before), q.Records, q.Split)
	}
	return text
}

func percent(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) }

// formatsView lists the formats of a result's model.
func formatsView(r pipeline.Result) (rows [][]string) {
	for _, f := range r.Formats {
		size, about := "-", f.Why
		switch {
		case f.Size > 0:
			size, about = terminal.Bytes(f.Size), costs(f)
		case f.Why == "":
			about = "made when it is downloaded"
		}
		rows = append(rows, []string{f.Name, string(f.Quantize), size, about})
	}
	return rows
}
