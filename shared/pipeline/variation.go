package pipeline

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Variation is how the model of a result differs from its version as it is
// registered, which the zero one is. The export of each is a Variant.
type Variation struct {
	// Hyperparameters are by the names of Export.Hyperparameters.
	Hyperparameters map[string]any `json:"hyperparameters,omitempty" description:"values of hp that its model was built with; absent: the defaults of its source"`
	Freeze          []string       `json:"freeze,omitempty" description:"layers that did not train, by name or pattern; absent: those that its source freezes"`
}

// Unvaried reports whether v is the model as it is registered.
func (v Variation) Unvaried() bool { return len(v.Hyperparameters) == 0 && len(v.Freeze) == 0 }

// Equal reports whether v and o are one Variant.
func (v Variation) Equal(o Variation) bool {
	return maps.Equal(v.Hyperparameters, o.Hyperparameters) && slices.Equal(v.Freeze, o.Freeze)
}

// Varied is v as a person reads it: "hp.units=8, conv_* frozen".
func (v Variation) Varied() string {
	var all []string
	if said := SaidValues(v.Hyperparameters); said != "" {
		all = append(all, said)
	}
	if len(v.Freeze) > 0 {
		all = append(all, strings.Join(v.Freeze, " and ")+" frozen")
	}
	return strings.Join(all, ", ")
}

// The bounds of a deployment's patterns.
const (
	maxPatterns = 64
	maxPattern  = 256 // bytes
)

// normalizeFreeze gives the patterns an order of their own, so that the same ones are
// the same Variation, and refuses what is none.
func (d *Deployment) normalizeFreeze() error {
	for i, p := range d.Freeze {
		d.Freeze[i] = strings.Trim(strings.TrimSpace(p), "/")
	}
	slices.Sort(d.Freeze)
	d.Freeze = slices.Compact(d.Freeze)
	switch {
	case len(d.Freeze) == 0:
		return nil
	case d.From == 0 && d.Follows == "":
		return Invalidf("freeze", "there is no result whose layers could be kept as they are: from is not set").
			WithHint("set from to a finished result; to freeze layers that begin with initial weights, set layer.trainable = False in the source")
	case len(d.Freeze) > maxPatterns:
		return Invalidf("freeze", "has %d patterns, at most %d are allowed", len(d.Freeze), maxPatterns).WithHint("write one pattern for several layers, as conv_*")
	}
	for _, p := range d.Freeze {
		if p == "" || len(p) > maxPattern || strings.ContainsAny(p, `[]\`) {
			return Invalidf("freeze", "%q is neither the name of a layer nor a pattern", p).
				WithHint("write names of layers, as dense_1 or outer/inner, with * for any letters and ? for one")
		}
	}
	return nil
}

// mostNamed is how many layers an error names.
const mostNamed = 30

// CheckFreeze refuses patterns that match no layer, or every one with weights, as far as
// the layers of an export tell: what else there is within another, and weights that
// never train, are known to who builds the model.
func (e Export) CheckFreeze(patterns []string) error {
	var frozen int64 // parameters of the layers that are frozen whole
	whole := make([]bool, len(e.Layers))
	for _, p := range patterns {
		outer, _, within := strings.Cut(p, "/")
		found := false
		var below []string // the layers within those that it may be of
		unknown := false
		for i, l := range e.Layers {
			if ok, _ := path.Match(outer, l.Name); !ok { // its only error is of brackets, which are refused
				continue
			}
			found = true
			below = append(below, l.Within...)
			unknown = unknown || len(l.Within) == 0
			if !within && !whole[i] {
				whole[i] = true
				frozen += l.Parameters
			}
		}
		if !found {
			return Invalidf("freeze", "the model has no layer %s", p).WithHint("it has %s", layerNames(e.Layers))
		}
		if within && !unknown && !slices.ContainsFunc(below, func(l string) bool { ok, _ := path.Match(p, l); return ok }) {
			return Invalidf("freeze", "the model has no layer %s", p).WithHint("it has %s", firstNames(below))
		}
	}
	if frozen > 0 && frozen == e.Parameters {
		return Invalidf("freeze", "nothing is left to train: every layer with weights is frozen").WithHint("leave one out of %s", layerNames(slices.DeleteFunc(slices.Clone(e.Layers), func(l Layer) bool { return l.Parameters == 0 })))
	}
	return nil
}

// layerNames lists layers in an error.
func layerNames(layers []Layer) string {
	names := make([]string, len(layers))
	for i, l := range layers {
		names[i] = l.Name
	}
	return firstNames(names)
}

func firstNames(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
