package pipeline

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Parameter is one dimension of a space.
type Parameter struct {
	Name    string  `json:"name"`
	Model   string  `json:"model,omitempty" description:"whose source asks for it, of a study of several: other trials do not have it"`
	Kind    string  `json:"kind" enum:"float,int,choice"`
	Low     float64 `json:"low,omitempty"`
	High    float64 `json:"high,omitempty"`
	Step    float64 `json:"step,omitempty" description:"between two values; 0: any value of floats, whole numbers of ints"`
	Log     bool    `json:"log,omitempty" description:"sampled by its logarithm"`
	Choices []any   `json:"choices,omitempty"`
	Default any     `json:"default,omitempty" description:"of a hyperparameter of a model's source"`
}

// The kinds of a Parameter.
const (
	ParameterFloat  = "float"
	ParameterInt    = "int"
	ParameterChoice = "choice"
)

// The parameters that each study can have.
const (
	LearningRate = "learning_rate"
	BatchSize    = "batch_size"
	Epochs       = "epochs"
	ModelName    = "model" // which of the configuration's
)

// OfSource reports whether it is one that the model's source asks hp for.
func (p Parameter) OfSource() bool { return ofSource(p.Name) }

func ofSource(name string) bool { return strings.HasPrefix(name, "hp.") }

// within gives p with the step or the logarithm that it takes over of a hyperparameter
// of the source, or says what that does not have.
func (p Parameter) within(of Parameter) (Parameter, error) {
	wrong := func(format string, args ...any) (Parameter, error) {
		return p, Invalidf("space", "%s: %s", p.Said(), fmt.Sprintf(format, args...)).WithHint("the source has %s", of)
	}
	if p.Kind == ParameterFloat && of.Kind == ParameterInt || p.Kind != ParameterChoice && of.Kind == ParameterChoice {
		return wrong("a range of %s is none of its values", p.Kind)
	}
	if p.Kind != ParameterChoice && p.Step == 0 && !p.Log {
		p.Step, p.Log = of.Step, of.Log
	}
	if p.Kind != ParameterChoice && of.Step > 0 && (p.Log || math.Abs(math.Remainder(p.Step, of.Step)) > 1e-6*of.Step) {
		return wrong("the source's steps are of %g", of.Step)
	}
	if p.Step > 0 && p.High <= of.High {
		p.High = p.Low + math.Floor((p.High-p.Low)/p.Step+1e-9)*p.Step
	}
	for _, v := range p.bounds() {
		if !of.Holds(v) {
			return wrong("%v is none of its values", v)
		}
	}
	p.Default = of.Default
	return p, nil
}

// Said is the name of the parameter, and whose it is.
func (p Parameter) Said() string {
	if p.Model == "" {
		return p.Name
	}
	return p.Name + " of " + p.Model
}

// Values is how many values a parameter can take, 0 where they cannot be counted.
func (p Parameter) Values() int {
	switch {
	case p.Kind == ParameterChoice:
		return len(p.Choices)
	case p.Kind == ParameterInt:
		return int(min(math.MaxInt32, (p.High-p.Low)/max(1, p.Step))) + 1
	case p.Step > 0:
		return int(min(math.MaxInt32, (p.High-p.Low)/p.Step+1e-9)) + 1
	}
	return 0
}

// Points are those values, of a parameter that has a number of them.
func (p Parameter) Points() []any {
	if p.Kind == ParameterChoice {
		return p.Choices
	}
	all := make([]any, p.Values())
	for i := range all {
		step := p.Step
		if step == 0 {
			step = 1
		}
		all[i] = min(p.High, p.Low+float64(i)*step)
	}
	return all
}

// Holds reports whether a value is one of the parameter's.
func (p Parameter) Holds(value any) bool {
	if p.Kind == ParameterChoice {
		return slices.Contains(p.Choices, value)
	}
	n, ok := value.(float64)
	if !ok || n < p.Low || n > p.High || p.Kind == ParameterInt && n != math.Trunc(n) {
		return false
	}
	return p.Step == 0 || math.Abs(math.Remainder(n-p.Low, p.Step)) < 1e-6*p.Step
}

// String is the parameter as ParseSpace reads it.
func (p Parameter) String() string {
	switch {
	case p.Kind == ParameterChoice:
		all := make([]string, len(p.Choices))
		for i, c := range p.Choices {
			all[i] = fmt.Sprint(c)
		}
		return p.Name + "=[" + strings.Join(all, ",") + "]"
	case p.Log && p.Kind == ParameterFloat:
		return fmt.Sprintf("%s=log(%g,%g)", p.Name, p.Low, p.High)
	}
	text := fmt.Sprintf("%s=%s(%g,%g", p.Name, p.Kind, p.Low, p.High)
	if p.Step > 0 {
		text += fmt.Sprintf(",%g", p.Step)
	}
	if p.Log {
		text += ",log"
	}
	return text + ")"
}

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
	case p.Kind != ParameterChoice && p.Name == ModelName:
		return Invalidf("space", "%s is one of the configuration's models", ModelName).WithHint("name those that are tried: %s=[NAME,...]", ModelName)
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
		if p.Name == ModelName { // whatever it looks like
		} else if n, err := strconv.ParseFloat(word, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
			choice = n
		} else if b, err := strconv.ParseBool(strings.ToLower(word)); err == nil {
			choice = b
		}
		switch {
		case word == "":
			return Invalidf("space", "%s: a choice is empty", p.Name).WithHint("write values between commas, as batch_size=[16,32,64]")
		case slices.Contains(p.Choices, choice):
			return Invalidf("space", "%s: the choice %s is there twice", p.Name, word).WithHint("leave one out")
		}
		p.Choices = append(p.Choices, choice)
	}
	return p.Check()
}

func (p Parameter) named(q Parameter) bool { return p.Name == q.Name }

// of reports whether trials of a model have the parameter.
func (p Parameter) of(model any) bool { return p.Model == "" || p.Model == model }

// widened gives a space with the hyperparameters of models' sources, each as it is given
// or else as the source has it; of several models, each has its own.
func widened(given []Parameter, models []Model, several bool) (space []Parameter, err error) {
	own := func(p Parameter, m Model) Parameter {
		if p.Model = ""; several {
			p.Model = m.Name
		}
		return p
	}
	for _, p := range given {
		if !p.OfSource() {
			space = append(space, p)
			continue
		}
		before := len(space)
		for _, m := range models {
			i := slices.IndexFunc(m.Hyperparameters, p.named)
			if i < 0 {
				continue
			}
			q, err := own(p, m).within(m.Hyperparameters[i])
			if err != nil {
				return nil, err
			}
			space = append(space, q)
		}
		if len(space) == before {
			return nil, unasked(p.Name, models)
		}
	}
	for _, m := range models {
		for _, p := range m.Hyperparameters {
			if !slices.ContainsFunc(given, p.named) {
				space = append(space, own(p, m))
			}
		}
	}
	return space, nil
}

// unasked says that no source asks hp for what is to be tried.
func unasked(name string, models []Model) error {
	err := Invalidf("space", "the source of no model asks for %s", name)
	asked := map[string]bool{}
	for _, m := range models {
		for _, p := range m.Hyperparameters {
			asked[p.Name] = true
		}
	}
	if len(asked) == 0 {
		return err.WithHint(`write hp.Int("%s", 16, 256) in the source in place of a number, and update the model`, strings.TrimPrefix(name, "hp."))
	}
	return err.WithHint("asked for are %s", strings.Join(sortedKeys(asked), ", "))
}

// suits refuses a parameter that the training of a model cannot be tried with.
func (p Parameter) suits(e Export) error {
	if p.OfSource() || p.Name == ModelName {
		return nil // see Choose
	}
	whole := func(most float64) error {
		for _, v := range p.bounds() {
			if n, ok := v.(float64); !ok || n < 1 || n > most || n != math.Trunc(n) || p.Kind == ParameterFloat {
				return Invalidf("space", "%s is a whole number from 1 to %g", p.Name, most).WithHint("as in %s=[16,32] or %s=int(1,64)", p.Name, p.Name)
			}
		}
		return nil
	}
	switch p.Name {
	case BatchSize:
		return whole(maxBatchSize)
	case Epochs:
		return whole(math.MaxInt32)
	case LearningRate:
		if !strings.ContainsRune(e.Variables, VariableRate) {
			return Invalidf("space", "the model has no learning_rate that could be set: its optimizer follows a schedule, or it has none").
				WithHint("leave it out, or give the optimizer a number as its learning_rate")
		}
		for _, v := range p.bounds() {
			if n, ok := v.(float64); !ok || n <= 0 {
				return Invalidf("space", "learning_rate is a number above 0, not %v", v)
			}
		}
		return nil
	}
	return Invalidf("space", "there is no parameter %q", p.Name).WithHint("there are %s, and hp.NAME of what the source asks hp for", strings.Join([]string{LearningRate, BatchSize, Epochs, ModelName}, ", "))
}

// bounds are the values between which, or of which, all others are.
func (p Parameter) bounds() []any {
	if p.Kind == ParameterChoice {
		return p.Choices
	}
	return []any{p.Low, p.High}
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
