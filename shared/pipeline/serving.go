package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// Serving says what the trained model of a result can be served by. Engines are
// named as frameworks are.
type Serving struct {
	Engine  string   `json:"engine" description:"serves it unless an inference asks for another: onnx or tensorflow"`
	Reason  string   `json:"reason,omitempty" description:"the figures that chose it, or why there is no other"`
	Engines []string `json:"engines" nullable:"false" description:"those that can serve it"`
}

// ServedBy is the engine that serves the model of a result, whose framework is
// own, where an inference asks for one; "" and "auto" leave it to the result. One
// that cannot serve it is an Invalid error.
func (r Result) ServedBy(asked, own string) (string, error) {
	can := Serving{Engine: own, Engines: []string{own}, Reason: fmt.Sprintf("result %d was trained before there were others", r.ID)}
	if r.Serving != nil {
		can = *r.Serving
	}
	switch {
	case asked == "" || asked == string(Auto):
		return can.Engine, nil
	case slices.Contains(can.Engines, asked):
		return asked, nil
	}
	err := Invalidf("engine", "result %d cannot be served by %q", r.ID, asked)
	hint := "use " + strings.Join(can.Engines, " or ")
	if len(can.Engines) == 1 && can.Reason != "" {
		hint += ": " + can.Reason
	}
	return "", err.WithHint("%s", hint)
}
