package codec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// mostSizes bounds the sizes of a shape, which as 1 cost no element.
const mostSizes = 32

// reshape is a shape as the wire has it: sizes separated by spaces; empty and
// null are a scalar. A JSON array of sizes is taken too.
type reshape []int

// UnmarshalJSON reads "28 28", "", null, 784 or [28, 28].
func (r *reshape) UnmarshalJSON(b []byte) error {
	*r = nil
	var text string
	switch b[0] {
	case 'n':
		return nil
	case '"':
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	default:
		text = strings.NewReplacer("[", " ", "]", " ", ",", " ").Replace(string(b))
	}
	total := 1
	for size := range strings.FieldsSeq(text) {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return notShape(text)
		}
		if total > MostBytes/n {
			return tooMany(text)
		}
		if len(*r) == mostSizes {
			return &Fault{Reason: fmt.Sprintf("a shape has %d sizes at most", mostSizes), Hint: "leave out sizes of 1"}
		}
		total *= n
		*r = append(*r, n)
	}
	return nil
}

// notShape refuses a shape with the form that is wanted.
func notShape(text string) error {
	sizes := strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	wanted := "28 28"
	if len(sizes) > 0 && !strings.Contains(text, "-") && !strings.Contains(text, ".") {
		wanted = strings.Join(sizes, " ")
	}
	return &Fault{
		Reason: fmt.Sprintf("%q is not a shape", text),
		Hint:   fmt.Sprintf("write the sizes, each above 0, with blanks between them: %q; nothing for a single number", wanted),
	}
}

// allot divides a record of the wire's shape among the tensors that the model
// wants, one after the other, and resolves the sizes that the model left open.
func allot(field string, wants []pipeline.Tensor, wire []int) ([]Tensor, error) {
	have, known, open := product(wire), 0, -1
	for i, w := range wants {
		switch n := w.Elements(); {
		case n >= 0:
			known += n
		case open >= 0:
			return nil, pipeline.Invalidf(field, "%q and %q of the model have open sizes: the record cannot be divided", wants[open].Name, w.Name)
		default:
			open = i
		}
	}
	tensors := make([]Tensor, len(wants))
	for i, w := range wants {
		tensors[i] = Tensor{Name: w.Name, Shape: slices.Clone(w.Shape)}
	}
	if open >= 0 {
		shape, ok := resolve(wants[open].Shape, wire, have-known)
		if !ok {
			return nil, misshapen(field, wants, wire)
		}
		tensors[open].Shape = shape
	} else if have != known {
		return nil, misshapen(field, wants, wire)
	}
	if len(wants) == 1 && !sameOrder(wire, tensors[0].Shape) {
		return nil, pipeline.Invalidf(field, "%s has the elements of %q, %s, in another order", shapeText(wire), wants[0].Name, shapeText(tensors[0].Shape)).
			WithHint("send the arrays in the order of the model's, as numpy.transpose gives it; sizes may be split or joined, as 28 28 and 784")
	}
	return tensors, nil
}

// resolve fills the open sizes of want from the wire's shape of the same rank,
// or, where one size is open, from the number of elements.
func resolve(want, wire []int, elements int) ([]int, bool) {
	if product(wire) == elements && slices.EqualFunc(want, wire, func(w, d int) bool { return w < 0 || w == d }) {
		return slices.Clone(wire), true
	}
	shape, known, open := slices.Clone(want), 1, -1
	for i, d := range want {
		switch {
		case d >= 0:
			known *= d
		case open >= 0:
			return nil, false
		default:
			open = i
		}
	}
	if open < 0 || known == 0 || elements <= 0 || elements%known != 0 {
		return nil, false
	}
	shape[open] = elements / known
	return shape, true
}

func misshapen(field string, wants []pipeline.Tensor, wire []int) error {
	var of []string
	for _, w := range wants {
		of = append(of, fmt.Sprintf("%s of %q", shapeText(w.Shape), w.Name))
	}
	return pipeline.Invalidf(field, "%s, %d elements, does not fill %s", shapeText(wire), product(wire), strings.Join(of, " and ")).
		WithHint("the number of elements must agree; the shape itself may differ")
}

// shapeText writes a shape as people read it: 28x28, ?x3, scalar.
func shapeText(shape []int) string {
	if len(shape) == 0 {
		return "scalar"
	}
	var sizes []string
	for _, d := range shape {
		if d < 0 {
			sizes = append(sizes, "?")
		} else {
			sizes = append(sizes, strconv.Itoa(d))
		}
	}
	return strings.Join(sizes, "x")
}
