package pipeline

import (
	"math"
	"strings"
)

// LabelRange is which labels a loss of Keras is for. It computes something of others,
// too, which means nothing: a loss below 0, or that of another label.
type LabelRange struct {
	Loss      string // its name
	Low, High float64
}

// Probability reports whether the labels are from 0 to 1.
func (r *LabelRange) Probability() bool { return r.Low == 0 && r.High == 1 }

// Holds reports whether a label is one of them, a number that is finite.
func (r *LabelRange) Holds(label float64) bool {
	return label >= r.Low && label <= r.High && !math.IsInf(label, 0)
}

func rangeOf(loss string) *LabelRange {
	switch loss {
	case "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
		"kl_divergence", "dice", "tversky", "categorical_hinge":
		return &LabelRange{loss, 0, 1}
	case "hinge", "squared_hinge":
		return &LabelRange{loss, -1, 1}
	case "poisson", "mean_squared_logarithmic_error":
		return &LabelRange{loss, 0, math.Inf(1)}
	case "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "huber", "huber_loss", "log_cosh", "cosine_similarity":
		return &LabelRange{loss, math.Inf(-1), math.Inf(1)}
	}
	return nil
}

// LabelRange is that of a label, nil where its loss is one of somebody's own, which may
// leave out labels that are NaN.
func (e Export) LabelRange(label int) *LabelRange {
	if e.LabelGuessed {
		return nil
	}
	loss := e.Loss
	if strings.Contains(loss, ": ") { // by output
		loss = ""
		for of := range strings.SplitSeq(e.Loss, ", ") {
			if name, its, _ := strings.Cut(of, ": "); name == e.Labels[label].Name {
				loss = its
			}
		}
	}
	return rangeOf(loss)
}
