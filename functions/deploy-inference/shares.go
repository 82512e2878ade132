package deployinference

import (
	"fmt"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// challenge checks the shares of an inference, and its challenger. One process serves both, so that a record is taken once
// whoever predicts it: both have to be served by one engine, and no window is
// kept twice.
func (d Deps) challenge(tx *registry.Tx, p *proposal) error {
	share, err := pipeline.CheckShares(p.Shares, p.Result)
	if err != nil || share.Result == 0 {
		p.Shares = nil
		return err
	}
	p.Shares = []pipeline.Part{{Result: p.Result, Percent: 100 - share.Percent}, share}
	second, err := subjectOf(tx, share.Result)
	if err != nil {
		return inShares(err)
	}
	if p.window != nil {
		return pipeline.Invalidf("shares", "a prediction takes a window of %d records, and windows are kept for one result only", p.window.Size).
			WithHint("deploy another inference of result %d to another output topic", share.Result)
	}
	if p.ServedBy, err = common(p.Inference, p.of, second); err != nil {
		return err
	}
	decoder, err := features.New(p.InputFormat, p.InputConfig, codec.Binding{Inputs: second.model.Inputs, Registry: d.Registry}, features.WithLearned(second.result.Learned()))
	if err != nil {
		return inShares(fmt.Errorf("result %d cannot take these records: %w", share.Result, err))
	}
	p.Warnings = slices.Concat(p.Warnings, second.result.Doubts(), unheld(second.result.ID, decoder))
	return nil
}

// common is an engine that serves both results, the one that the inference would
// be served by where that does.
func common(i pipeline.Inference, of, second subject) (string, error) {
	asked := []string{i.ServedBy}
	if i.Engine == "" || i.Engine == string(pipeline.Auto) {
		asked = append(asked, of.model.Framework, second.model.Framework)
	}
	for _, engine := range asked {
		_, err := of.result.ServedBy(engine, of.model.Framework)
		_, other := second.result.ServedBy(engine, second.model.Framework)
		if err == nil && other == nil {
			return engine, nil
		}
	}
	return "", pipeline.Invalidf("shares", "results %d and %d have no engine in common that this inference may use (%s)", of.result.ID, second.result.ID, i.ServedBy).
		WithHint("one process predicts for both: take results of one engine, or say another: engine")
}

// inShares says of an error about a challenger where it was named.
func inShares(err error) error {
	kind := pipeline.KindOf(err)
	if kind != pipeline.Invalid && kind != pipeline.Conflict {
		return err
	}
	return &pipeline.Error{Kind: kind, Field: "shares", Err: err}
}

// shift keeps the shares of an inference that serves another result from now on:
// that takes the place of the one before, unless it is the challenger, which then
// has won.
func shift(shares []pipeline.Part, result int64) []pipeline.Part {
	if len(shares) < 2 || shares[1].Result == result {
		return nil
	}
	shares = slices.Clone(shares)
	shares[0].Result = result
	return shares
}
