package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// errDiverged ends the repetition of a training at its first difference from the
// receipt.
type errDiverged string

func (e errDiverged) Error() string { return string(e) }

func diverged(format string, args ...any) error { return errDiverged(fmt.Sprintf(format, args...)) }

// verified holds a step's work against the receipt, where the Job has one.
func (t *training) verified(do func(context.Context) error, compare func(*pipeline.Receipt, error) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := do(ctx)
		if t.Job.Receipt == nil || ctx.Err() != nil {
			return err
		}
		return compare(t.Job.Receipt, err)
	}
}

// sameRecords holds what was read, or why it could not be, against the receipt:
// records that were trained on once, and cannot be decoded now, are others.
func (t *training) sameRecords(receipt *pipeline.Receipt, err error) error {
	l := t.outcome.Lineage
	var refused *pipeline.Error
	switch {
	case l.ContentHash != "" && l.ContentHash != receipt.ContentHash:
		return diverged("the records of its ranges are not those it was trained on: their content hash is %s, the receipt says %s (%d records, %d in the receipt)",
			l.ContentHash, receipt.ContentHash, l.Records, receipt.Records)
	case errors.As(err, &refused) && refused.Op == "decode" && refused.Kind == pipeline.Invalid:
		return diverged("the records of its ranges are not those it was trained on: %s", refused.Message())
	case err != nil || receipt.Split == nil:
		return err
	}
	return sameSplit(receipt.Split, t.outcome.Split)
}

// sameSplit compares how many records, and of which labels, each split holds.
func sameSplit(receipt, now *pipeline.SplitAudit) error {
	if receipt.By != now.By || receipt.Seed != now.Seed {
		return diverged("the records are split %q by seed %d, in the receipt %q by seed %d", now.By, now.Seed, receipt.By, receipt.Seed)
	}
	for _, s := range []struct {
		name         string
		receipt, now pipeline.SplitCount
	}{{"training", receipt.Training, now.Training}, {"validation", receipt.Validation, now.Validation}, {"test", receipt.Test, now.Test}} {
		if s.receipt.Records != s.now.Records {
			return diverged("the %s split holds %d records, %d in the receipt", s.name, s.now.Records, s.receipt.Records)
		}
		all := maps.Clone(s.receipt.Labels)
		if all == nil {
			all = map[string]int64{}
		}
		maps.Copy(all, s.now.Labels)
		for _, label := range slices.Sorted(maps.Keys(all)) {
			if a, b := s.now.Labels[label], s.receipt.Labels[label]; a != b {
				return diverged("the %s split holds %d records of label %s, %d in the receipt", s.name, a, label, b)
			}
		}
	}
	return nil
}

// sameModel holds the weights and the metrics against the receipt.
func (t *training) sameModel(receipt *pipeline.Receipt, err error) error {
	if err != nil {
		return err
	}
	hash, err := t.trainer.WeightsHash()
	if err != nil {
		return op("hash the trained weights", err)
	}
	if hash != receipt.WeightsHash {
		by := ""
		if library := t.framework.Library(); receipt.Trainer != "" && library != receipt.Trainer {
			by = fmt.Sprintf("; it was trained by %s, and now by %s", receipt.Trainer, library)
		}
		return diverged("the trained weights differ: their hash is %s, the receipt says %s%s", hash, receipt.WeightsHash, by)
	}
	now := t.outcome.Metrics
	return errors.Join(sameMetrics("training", receipt.Metrics.Training, now.Training),
		sameMetrics("validation", receipt.Metrics.Validation, now.Validation), sameMetrics("test", receipt.Metrics.Test, now.Test))
}

func sameMetrics(split string, receipt, now pipeline.Metrics) error {
	all := maps.Clone(receipt)
	if all == nil {
		all = pipeline.Metrics{}
	}
	maps.Copy(all, now)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a, has := now[name]
		b, had := receipt[name]
		if has != had || a != b && !(math.IsNaN(a) && math.IsNaN(b)) {
			return diverged("%s of the %s split is %v, %v in the receipt", name, split, a, b)
		}
	}
	return nil
}
