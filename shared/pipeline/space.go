package pipeline

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ParseSpace reads a space as a person writes it: entries with commas between
// them, each of them one of
//
//	name=float(low,high)  name=float(low,high,step)
//	name=log(low,high)    by its logarithm
//	name=int(low,high)    name=int(low,high,step)  name=int(low,high,log)
//	name=[a,b,c]          numbers, text, true or false
//
// What is refused is an Invalid error of the field space.
func ParseSpace(text string) ([]Parameter, error) {
	var space []Parameter
	for _, entry := range entries(text) {
		name, spec, ok := strings.Cut(entry, "=")
		p := Parameter{Name: strings.TrimSpace(name)}
		if !ok || p.Name == "" || len(p.Name) > maxName {
			return nil, Invalidf("space", "%q is no entry", entry).WithHint("write name=float(low,high), log(low,high), int(low,high) or [choices], with commas between them")
		}
		if err := p.parse(strings.TrimSpace(spec)); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(space, p.named) {
			return nil, Invalidf("space", "%s is there twice", p.Name)
		}
		space = append(space, p)
	}
	return space, nil
}

// entries cuts at the commas outside of brackets.
func entries(text string) (all []string) {
	depth, from := 0, 0
	cut := func(to int) {
		if entry := strings.TrimSpace(text[from:to]); entry != "" {
			all = append(all, entry)
		}
	}
	for i, c := range text {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				cut(i)
				from = i + 1
			}
		}
	}
	cut(len(text))
	return all
}

// parse reads what follows the name.
func (p *Parameter) parse(spec string) error {
	if list, ok := strings.CutPrefix(spec, "["); ok && strings.HasSuffix(list, "]") {
		return p.parseChoices(strings.TrimSuffix(list, "]"))
	}
	kind, rest, ok := strings.Cut(spec, "(")
	if !ok || !strings.HasSuffix(rest, ")") {
		return Invalidf("space", "%s: %q is neither a range nor a list", p.Name, spec).WithHint("write float(low,high), log(low,high), int(low,high) or [a,b,c]")
	}
	args := strings.Split(strings.TrimSuffix(rest, ")"), ",")
	switch kind = strings.TrimSpace(kind); kind {
	case "float", "uniform":
		p.Kind = ParameterFloat
	case "log":
		p.Kind, p.Log = ParameterFloat, true
	case "int":
		p.Kind = ParameterInt
	default:
		return Invalidf("space", "%s: there is no range %q", p.Name, kind).WithHint("there are float, log and int")
	}
	if n := len(args); n == 3 && strings.TrimSpace(args[2]) == "log" {
		p.Log, args = true, args[:2]
	}
	numbers := make([]float64, len(args))
	for i, a := range args {
		v, err := strconv.ParseFloat(strings.TrimSpace(a), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return Invalidf("space", "%s: %q is no number", p.Name, strings.TrimSpace(a))
		}
		numbers[i] = v
	}
	if len(numbers) < 2 || len(numbers) > 3 {
		return Invalidf("space", "%s: a range has a low and a high end, and a step if need be, not %d numbers", p.Name, len(numbers))
	}
	p.Low, p.High = numbers[0], numbers[1]
	if len(numbers) == 3 {
		if p.Step = numbers[2]; p.Step <= 0 || p.Log {
			return Invalidf("space", "%s: a step is above 0, and not of a logarithm", p.Name)
		}
	}
	return p.Check()
}

// Check refuses a range that holds no value, or that has no logarithm.
func (p Parameter) Check() error {
	switch {
	case p.Kind != ParameterChoice && p.Kind != ParameterFloat && p.Kind != ParameterInt:
		return Invalidf("space", "%s: there is no range %q", p.Name, p.Kind)
	case p.Kind == ParameterChoice && len(p.Choices) == 0:
		return Invalidf("space", "%s has no choices", p.Name)
	case p.Kind == ParameterChoice && len(p.Choices) > maxChoices:
		return Invalidf("space", "%s has %d choices, at most %d are allowed", p.Name, len(p.Choices), maxChoices)
	case p.Low > p.High:
		return Invalidf("space", "%s: the low end %g lies above the high end %g", p.Name, p.Low, p.High)
	case p.Log && p.Low <= 0:
		return Invalidf("space", "%s: a logarithm begins above 0, not at %g", p.Name, p.Low).WithHint("begin with a small number, such as 1e-6")
	case p.Kind == ParameterInt && (p.Low != math.Trunc(p.Low) || p.High != math.Trunc(p.High) || p.Step != math.Trunc(p.Step) || max(-p.Low, p.High) > 1<<53):
		return Invalidf("space", "%s: int has whole numbers", p.Name)
	}
	return nil
}

func (p *Parameter) parseChoices(list string) error {
	p.Kind = ParameterChoice
	for _, word := range strings.Split(list, ",") {
		word = strings.TrimSpace(word)
		var choice any = strings.Trim(word, `"'`)
		if n, err := strconv.ParseFloat(word, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
			choice = n
		} else if b, err := strconv.ParseBool(strings.ToLower(word)); err == nil {
			choice = b
		}
		if word == "" || slices.Contains(p.Choices, choice) {
			return Invalidf("space", "%s: each choice is there, and once", p.Name)
		}
		p.Choices = append(p.Choices, choice)
	}
	return p.Check()
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
