package train

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// classes is how many classes labels are counted by, 0 for a model that is no
// classifier.
func (t *training) classes() int {
	e := t.Job.Export
	if (e.Task != pipeline.Classification && e.Task != pipeline.BinaryClassification) || len(e.Labels) != 1 || e.Classes > pipeline.MaxClasses {
		return 0
	}
	if t.window != nil && t.window.Ranges() { // a class for each of several records
		return 0
	}
	return e.Classes
}

// audit counts the records and labels of each split and warns where a split
// lacks a class that the stream has.
func (t *training) audit(ctx context.Context) (*pipeline.SplitAudit, error) {
	a := &pipeline.SplitAudit{}
	parts := []struct {
		name string
		s    *split
		into *pipeline.SplitCount
	}{{"training", t.train, &a.Training}, {"validation", t.validation, &a.Validation}, {"test", t.test, &a.Test}}
	whole := make([]int64, t.classes())
	counts := make([][]int64, len(parts))
	for i, p := range parts {
		p.into.Records = p.s.Len()
		if len(whole) == 0 {
			continue
		}
		var err error
		if counts[i], err = p.s.count(ctx, len(whole)); err != nil {
			return a, err
		}
		p.into.Labels = map[string]int64{}
		for class, n := range counts[i] {
			if whole[class] += n; n > 0 {
				p.into.Labels[strconv.Itoa(class)] = n
			}
		}
	}
	for i, p := range parts {
		if p.s.Len() > 0 && len(whole) > 0 {
			a.Warnings = append(a.Warnings, missing(p.name, counts[i], whole)...)
		}
	}
	all := t.train.Len() + t.validation.Len() + t.test.Len()
	a.Warnings = append(a.Warnings, without("validation", t.Job.ValidationRate, t.validation.Len(), all)...)
	a.Warnings = append(a.Warnings, without("test", t.Job.TestRate, t.test.Len(), all)...)
	a.Warnings = append(a.Warnings, t.alike(whole)...)
	if name := features.Leak(t.Job.InputConfig); name != "" {
		a.Warnings = append(a.Warnings, fmt.Sprintf("the label %s is an input, too: the model is told what it is to predict; leave it out of the inputs", name))
	}
	return a, nil
}

// without warns of a share of all records that comes to none.
func without(split string, rate float64, records, all int64) []string {
	if rate == 0 || records > 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s_rate %v of %d records comes to none: there are no %s metrics; send more records, or a larger share", split, rate, all, split)}
}

// alike warns of a stream whose records are all of one class.
func (t *training) alike(whole []int64) []string {
	var of []int
	for class, n := range whole {
		if n > 0 {
			of = append(of, class)
		}
	}
	if len(of) != 1 || whole[of[0]] < 2 {
		return nil
	}
	return []string{fmt.Sprintf("all %d records are of class %s: nothing can be learned from them but to say so; look at the label, or at another time", whole[of[0]], t.className(of[0]))}
}

// missing warns of classes that the stream has and a split lacks.
func missing(split string, have, whole []int64) []string {
	var lacks []string
	for class, n := range whole {
		if n > 0 && have[class] == 0 {
			lacks = append(lacks, strconv.Itoa(class))
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	const shown = 20
	rest := ""
	if len(lacks) > shown {
		rest = fmt.Sprintf(" and %d more", len(lacks)-shown)
		lacks = lacks[:shown]
	}
	return []string{fmt.Sprintf("the %s split has no record of class %v%s: split the stream by label, or send it in mixed order", split, lacks, rest)}
}

// count counts a split's labels by class.
func (s *split) count(ctx context.Context, classes int) ([]int64, error) {
	out := make([]int64, classes)
	label := s.cache.fields[len(s.cache.fields)-1]
	var values []float64
	most := max(1, readBytes/s.cache.row)
	buf := make([]byte, most*s.cache.row)
	for at := s.from; at < s.to; at += int64(most) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows, err := s.cache.rows(at, int(min(int64(most), s.to-at)), buf)
		if err != nil {
			return nil, err
		}
		for ; len(rows) > 0; rows = rows[s.cache.row:] {
			if values, err = codec.AppendFloats(values[:0], rows[label.at:label.at+label.bytes], label.DType); err != nil {
				return nil, err
			}
			if c := framework.Class(values); c >= 0 && c < classes {
				out[c]++
			}
		}
	}
	return out, nil
}

// confusedOfTraining bounds the confusion matrix over the training split, which
// only stands in where nothing was kept to validate or test on.
const confusedOfTraining = 10_000

// confusion is the confusion matrix of a classifier over the test split, else
// the validation split, else the beginning of the training split; nil for other
// models.
func (t *training) confusion(ctx context.Context) (*pipeline.Confusion, error) {
	n := t.classes()
	if n == 0 || len(t.Job.Export.Outputs) != 1 {
		return nil, nil
	}
	c := &pipeline.Confusion{Split: "training", Counts: make([][]int64, n)}
	over := t.train
	if over.Len() > confusedOfTraining {
		c.Split = fmt.Sprintf("first %d of training", confusedOfTraining)
		over = newSplit(t.cache, t.trainer.Columns(), t.train.from, t.train.from+confusedOfTraining)
	}
	if t.validation.Len() > 0 {
		c.Split, over = "validation", t.validation
	}
	if t.test.Len() > 0 {
		c.Split, over = "test", t.test
	}
	for i := range n {
		c.Labels = append(c.Labels, t.className(i))
		c.Counts[i] = make([]int64, n)
	}
	label := t.trainer.Columns()[len(t.Job.Export.Inputs)]
	given := extent{math.Inf(1), math.Inf(-1)}
	err := t.trainer.Predict(ctx, over, func(p framework.Predicted) error {
		truth, err := codec.Floats(p.Columns[len(p.Columns)-1][:p.Records*label.Bytes()], label.DType)
		if err != nil {
			return err
		}
		guess, err := codec.Floats(p.Outputs[0].Data, p.Outputs[0].DType)
		if err != nil {
			return err
		}
		t.tally(c.Counts, p.Records, truth, guess)
		given.add(guess)
		return nil
	})
	if err != nil {
		return nil, op("compute the confusion matrix", err)
	}
	if said := improbable(t.Job.Export, given); said != "" {
		t.outcome.Split.Warnings = append(t.outcome.Split.Warnings, said)
	}
	return c, nil
}

// extent is where numbers lie.
type extent struct{ low, high float64 }

func (x *extent) add(numbers []float64) {
	for _, v := range numbers {
		x.low, x.high = min(x.low, v), max(x.high, v)
	}
}

// improbable warns of outputs that are no probabilities where the loss takes them,
// which Keras clips without a word. Where the source tells the activation the model
// was warned of when it was registered; a subclassed one does not tell it. The losses
// that take a share of each class divide them by their sum, which may be any.
func improbable(e pipeline.Export, given extent) string {
	const rounding = 1e-3 // of a softmax in few bits
	shares := strings.Contains(e.Loss, "categorical") && !strings.Contains(e.Loss, "sparse")
	if e.LabelGuessed || e.Logits || !strings.Contains(e.Loss, "crossentropy") || !(given.low < -rounding || !shares && given.high > 1+rounding) {
		return ""
	}
	return fmt.Sprintf("%s takes probabilities, and the outputs of the model go from %.4g to %.4g: end it with a softmax, or a sigmoid for one number, or make the loss with from_logits=True", e.Loss, given.low, given.high)
}

// className is the text that the label of a class is numbered from, else its
// number.
func (t *training) className(class int) string {
	if class < len(t.classNames) {
		return t.classNames[class]
	}
	return strconv.Itoa(class)
}

// tally adds rows records to counts[true][predicted].
func (t *training) tally(counts [][]int64, rows int, truth, guess []float64) {
	labels, outputs := len(truth)/rows, len(guess)/rows
	for i := range rows {
		is, said := framework.Class(truth[i*labels:(i+1)*labels]), t.predicted(guess[i*outputs:(i+1)*outputs])
		if is >= 0 && is < len(counts) && said < len(counts) {
			counts[is][said]++
		}
	}
}

// predicted is the class that an output says: its largest value, or for a
// single one whether it is past one half (past zero as a logit).
func (t *training) predicted(output []float64) int {
	if len(output) > 1 {
		return framework.Class(output)
	}
	threshold := 0.5
	if t.Job.Export.Logits {
		threshold = 0
	}
	if output[0] > threshold {
		return 1
	}
	return 0
}

// twice warns of records that lie in more than one range.
func twice(ranges []pipeline.Range) []string {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b pipeline.Range) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	var end int64 // of the ranges of a partition so far
	for i, r := range sorted {
		if before := sorted[max(0, i-1)]; before.Topic != r.Topic || before.Partition != r.Partition {
			end = 0
		}
		if last := min(end, r.Offset+r.Length) - 1; last >= r.Offset {
			return []string{fmt.Sprintf("ranges overlap: %s[%d] from %d to %d, first of all, is read twice, so that what is tested or validated may have been trained on: announce each record once", r.Topic, r.Partition, r.Offset, last)}
		}
		end = max(end, r.Offset+r.Length)
	}
	return nil
}
