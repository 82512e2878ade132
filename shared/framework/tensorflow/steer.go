package tensorflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/callbacks"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// errStopped ends the walk over the records where a callback ends the training.
var errStopped = errors.New("stopped early")

// steering is a training under callbacks. The best weights are held in memory,
// once.
type steering struct {
	*callbacks.Callbacks
	t    *Trainer
	best []*tf.Tensor // of all variables in the best epoch; nil: none yet, or not wanted
}

// steered reports whether a plan may set variables.
func steered(p framework.Plan) bool {
	return p.LearningRate != 0 || p.EarlyStopping != nil || p.ReduceLR != nil || p.Checkpointed || p.Inherits
}

func (t *Trainer) steer(p framework.Plan) (*steering, error) {
	c, err := callbacks.New(p.EarlyStopping, p.ReduceLR, t.options.Export.Monitors, p.Validation != nil && p.Validation.Len() > 0)
	if err != nil {
		return nil, err
	}
	s := &steering{Callbacks: c, t: t}
	if (p.LearningRate != 0 || c.Restores() || c.Rates() || p.Checkpointed) && t.assign == nil {
		return nil, errNotSettable("training_kwargs")
	}
	return s, nil
}

// errNotSettable refuses what a field asks for, as it sets the weights of a model that
// has no such signature.
func errNotSettable(field string) error {
	return pipeline.Invalidf(field, "the model was registered by an earlier version, whose weights cannot be set").
		WithHint("register the model again")
}

// epoch judges an epoch, notes in it what was seen, and does what follows.
func (s *steering) epoch(e *pipeline.Epoch) (stop bool, err error) {
	var now []*tf.Tensor
	var rates []float32
	var places []int
	if s.Rates() {
		if now, err = s.t.read(); err != nil {
			return false, err
		}
		if rates, places, err = s.t.rates(now); err != nil {
			return false, err
		}
		e.LearningRate = float64(rates[0])
	}
	before := slices.Clone(rates)
	v := s.Epoch(*e, rates)
	e.Best = v.Best
	if v.Best && s.Restores() {
		if now == nil {
			if now, err = s.t.read(); err != nil {
				return false, err
			}
		}
		s.best = now
	}
	if slices.Equal(rates, before) {
		return v.Stop, nil
	}
	return v.Stop, s.t.setRates(slices.Clone(now), rates, places)
}

// end restores the best weights where that is wanted, as Keras does whether or
// not the training was stopped.
func (s *steering) end() error {
	if s.best == nil {
		return nil
	}
	now, err := s.t.read()
	if err != nil {
		return err
	}
	for i, v := range s.best {
		if s.t.is(i, pipeline.VariableWeight) {
			now[i] = v
		}
	}
	return s.t.write(now)
}

// is reports what a variable is.
func (t *Trainer) is(i int, letter byte) bool {
	return i < len(t.options.Export.Variables) && t.options.Export.Variables[i] == letter
}

// rates are the learning rates that may be set, and their places among the
// variables, whose values are now: there is at least one.
func (t *Trainer) rates(now []*tf.Tensor) (rates []float32, places []int, err error) {
	for i, v := range now {
		if !t.is(i, pipeline.VariableRate) {
			continue
		}
		if v.DataType() != tf.Float || len(Bytes(v)) != 4 {
			return nil, nil, fmt.Errorf("variable %d, a learning rate, is not one float32", i)
		}
		rates, places = append(rates, math.Float32frombits(binary.LittleEndian.Uint32(Bytes(v)))), append(places, i)
	}
	if len(rates) == 0 {
		return nil, nil, errors.New("the model has no learning rate that may be set")
	}
	return rates, places, nil
}

// Rates implements framework.Trainer.
func (t *Trainer) Rates() ([]float32, error) {
	now, err := t.read()
	if err != nil {
		return nil, err
	}
	rates, _, err := t.rates(now)
	return rates, err
}

// SetRates implements framework.Trainer.
func (t *Trainer) SetRates(rates []float32) error {
	if t.assign == nil {
		return errNotSettable("training_kwargs")
	}
	now, err := t.read()
	if err != nil {
		return err
	}
	_, places, err := t.rates(now)
	if err == nil && len(places) != len(rates) {
		err = fmt.Errorf("%d learning rates, the model has %d", len(rates), len(places))
	}
	if err != nil {
		return err
	}
	return t.setRates(slices.Clone(now), rates, places)
}

// setRate sets all learning rates to one that is not the model's.
func (t *Trainer) setRate(rate float64) error {
	rates, err := t.Rates()
	if err != nil {
		return err
	}
	for i := range rates {
		rates[i] = float32(rate)
	}
	return t.SetRates(rates)
}

// setRates sets all variables to now, but the rates.
func (t *Trainer) setRates(now []*tf.Tensor, rates []float32, places []int) (err error) {
	for i, at := range places {
		if now[at], err = tf.NewTensor(rates[i]); err != nil {
			return err
		}
	}
	return t.write(now)
}

// read gives the values of all variables as they are now, in the middle of a
// training as well: they are not kept.
func (t *Trainer) read() ([]*tf.Tensor, error) {
	t.values = nil
	now, err := t.variables()
	t.values = nil
	return now, err
}

// write sets all variables.
func (t *Trainer) write(values []*tf.Tensor) error {
	feeds := make(map[tf.Output]*tf.Tensor, len(values))
	for i, name := range t.weights.Outputs { // in the order of values
		in, ok := t.assign.Inputs[name]
		if !ok {
			return fmt.Errorf("the signature assign does not take %s", name)
		}
		feeds[in] = values[i]
	}
	t.values = nil
	if _, err := t.assign.Call(feeds); err != nil {
		return fmt.Errorf("set the variables: %w", err)
	}
	return nil
}
