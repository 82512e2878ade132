package pipeline

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// AdaptKind says what a layer learns from the records of a training.
type AdaptKind string

// The kinds of what layers learn.
const (
	AdaptMoments   AdaptKind = "moments"   // mean and variance, by column
	AdaptQuantiles AdaptKind = "quantiles" // boundaries between bins
	AdaptWords     AdaptKind = "words"     // a vocabulary, of texts or whole numbers
)

// Enum lists the values for JSON Schema.
func (AdaptKind) Enum() []any { return values(AdaptMoments, AdaptQuantiles, AdaptWords) }

// Adapt is a layer that the source leaves to be adapted: the training gives it
// what it learns from the training split, before it fits.
type Adapt struct {
	Layer string    `json:"layer"`
	Class string    `json:"class"`
	Kind  AdaptKind `json:"kind"`
	Level int       `json:"level" description:"0, or one more than the highest of the layers to be adapted that it reads"`
	Input int       `json:"input" description:"index of the input that enters it as it is; -1 where the graph computes what enters it"`

	Columns   int      `json:"columns,omitempty" description:"of moments: means and variances"`
	Bins      int      `json:"bins,omitempty" description:"of quantiles"`
	Epsilon   float64  `json:"epsilon,omitempty" description:"of quantiles: precision"`
	Exactly   bool     `json:"exactly,omitempty" description:"of quantiles: the output is as wide as there are bins"`
	Integers  bool     `json:"integers,omitempty" description:"of words: they are whole numbers"`
	Most      int      `json:"most,omitempty" description:"of words: how many it keeps; 0: all"`
	Start     int      `json:"start,omitempty" description:"of words: index of the most frequent one"`
	Dropped   []string `json:"dropped,omitempty" description:"of words: those that are never kept"`
	Documents bool     `json:"documents,omitempty" description:"of words: each has a weight by how many records it is in"`
}

// Adapted is what a layer has learned from the training split.
type Adapted struct {
	Layer   string    `json:"layer"`
	Class   string    `json:"class"`
	Kind    AdaptKind `json:"kind"`
	Records int64     `json:"records" description:"of the training split"`
	Said    string    `json:"said" description:"what it has learned, in a sentence"`

	Mean       []float64 `json:"mean,omitempty" description:"by column, the first 20"`
	Variance   []float64 `json:"variance,omitempty" description:"by column, the first 20"`
	Columns    int       `json:"columns,omitempty" description:"how many means and variances there are"`
	Boundaries []float64 `json:"boundaries,omitempty" description:"the first 20"`
	Bins       int       `json:"bins,omitempty"`

	Words    int      `json:"words,omitempty" description:"kept"`
	Met      int      `json:"met,omitempty" description:"different words in the training split"`
	Rarest   int64    `json:"rarest,omitempty" description:"how often the rarest of those kept is there"`
	Frequent []string `json:"frequent,omitempty" description:"the most frequent ones, the first 10"`
	Held     int64    `json:"held,omitempty" description:"words of the validation split, each as often as it is there"`
	Unknown  int64    `json:"unknown,omitempty" description:"those of them that are not kept"`

	Note string `json:"note,omitempty" description:"what to know of it"`
}

// Sentence says what a layer has learned, for people.
func (a Adapted) Sentence() string {
	switch a.Kind {
	case AdaptMoments:
		return fmt.Sprintf("mean %s; variance %s", some(a.Mean, a.Columns), some(a.Variance, a.Columns))
	case AdaptQuantiles:
		return fmt.Sprintf("%d bins, parted at %s", a.Bins, some(a.Boundaries, a.Bins-1))
	}
	text := fmt.Sprintf("%d words, the rarest %d times", a.Words, a.Rarest)
	if a.Met > a.Words {
		text = fmt.Sprintf("the most frequent %d of %d words, the rarest %d times", a.Words, a.Met, a.Rarest)
	}
	if a.Held > 0 {
		text += fmt.Sprintf("; %s %% of validation out of vocabulary", percent(a.Unknown, a.Held))
	}
	return text
}

// percent is a share of some in a hundred, which is 100 for all alone.
func percent(part, of int64) string {
	p := 100 * float64(part) / float64(of)
	if p < 10 {
		return strconv.FormatFloat(p, 'g', 2, 64)
	}
	return strconv.FormatFloat(math.Floor(p), 'f', 0, 64)
}

// some writes the first of n numbers.
func some(numbers []float64, n int) string {
	const shown = 5
	if n == 0 {
		return "none"
	}
	var parts []string
	for _, x := range numbers[:min(len(numbers), shown)] {
		parts = append(parts, strconv.FormatFloat(x, 'g', 5, 64))
	}
	text := strings.Join(parts, ", ")
	if n > len(parts) {
		text += fmt.Sprintf(" and %d more", n-len(parts))
	}
	return text
}
