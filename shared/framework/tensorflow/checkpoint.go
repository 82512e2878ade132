package tensorflow

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/callbacks"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// checkpoint is a training between two epochs. Which records and random numbers
// come next follows from the epoch and the variables.
type checkpoint struct {
	Epoch     int             // the last that is done
	Engine    pipeline.Engine // Auto: it is not decided yet
	Reason    string
	Sound     map[string]bool
	Callbacks callbacks.State
	Variables [][]byte
	Best      [][]byte // of the best epoch; empty: none is kept
}

// openCheckpoint reads what Fit is to go on from, nil where it begins.
func openCheckpoint(p framework.Plan) (*checkpoint, error) {
	if p.From == nil {
		return nil, nil // there is none
	}
	c := &checkpoint{}
	if err := gob.NewDecoder(bytes.NewReader(p.From)).Decode(c); err != nil {
		return nil, fmt.Errorf("%w: %w", framework.ErrForeign, err)
	}
	if c.Epoch <= p.InitialEpoch || c.Epoch >= p.Epochs || !slices.Contains([]pipeline.Engine{pipeline.Auto, kerasmodel.Graph, kerasmodel.XLA}, c.Engine) {
		return nil, fmt.Errorf("%w: it is of epoch %d in the engine %q", framework.ErrForeign, c.Epoch, c.Engine)
	}
	return c, nil
}

// state gives the training after an epoch.
func (t *Trainer) state(epoch int, engine pipeline.Engine, reason string, s *steering, sound soundness) ([]byte, error) {
	now, err := t.read()
	if err != nil {
		return nil, err
	}
	c := checkpoint{
		Epoch: epoch, Engine: engine, Reason: reason, Sound: sound, Callbacks: s.State(),
		Variables: contents(now), Best: contents(s.best),
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(c)
	return b.Bytes(), err
}

// resume sets the training to what it was.
func (t *Trainer) resume(c *checkpoint, s *steering, sound soundness) error {
	values, err := t.tensors(c.Variables)
	if err != nil {
		return err
	}
	if len(c.Best) > 0 {
		if s.best, err = t.tensors(c.Best); err != nil {
			return err
		}
	}
	for name, finite := range c.Sound {
		sound[name] = finite
	}
	s.Resume(c.Callbacks)
	return t.write(values)
}

func contents(tensors []*tf.Tensor) [][]byte {
	var all [][]byte
	for _, v := range tensors {
		all = append(all, Bytes(v))
	}
	return all
}

// tensors are values of the variables.
func (t *Trainer) tensors(contents [][]byte) ([]*tf.Tensor, error) {
	now, err := t.read()
	if err != nil {
		return nil, err
	}
	if len(contents) != len(now) {
		return nil, fmt.Errorf("%w: it has %d variables, the model has %d", framework.ErrForeign, len(contents), len(now))
	}
	all := make([]*tf.Tensor, len(now))
	for i, v := range now {
		if len(contents[i]) != len(Bytes(v)) {
			return nil, fmt.Errorf("%w: variable %d has %d bytes, that of the model %d", framework.ErrForeign, i, len(contents[i]), len(Bytes(v)))
		}
		if all[i], err = tf.ReadTensor(v.DataType(), v.Shape(), bytes.NewReader(contents[i])); err != nil {
			return nil, fmt.Errorf("variable %d: %w", i, err)
		}
	}
	return all, nil
}
