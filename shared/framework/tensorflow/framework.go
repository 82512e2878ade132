package tensorflow

import (
	"path/filepath"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
)

// Framework trains and serves Keras models.
type Framework struct{}

var _ framework.Framework = Framework{}

// Kind implements framework.Framework.
func (Framework) Kind() framework.Kind { return kerasmodel.Kind() }

// Library implements framework.Framework. It has no version where the library
// cannot be opened.
func (Framework) Library() string {
	if load() != nil {
		return "libtensorflow"
	}
	return "libtensorflow " + tf.Version()
}

// OpenTrainer implements framework.Framework.
func (Framework) OpenTrainer(o framework.TrainerOptions) (framework.Trainer, error) {
	t, err := openTrainer(o)
	if err != nil { // a nil *Trainer would be no nil Trainer
		return nil, err
	}
	return t, nil
}

// OpenPredictor implements framework.Framework.
func (Framework) OpenPredictor(o framework.PredictorOptions) (framework.Predictor, error) {
	if err := load(); err != nil {
		return nil, err
	}
	p, err := openPredictor(filepath.Join(o.Dir, kerasmodel.Trained), o)
	if err != nil { // a nil *Predictor would be no nil Predictor
		return nil, err
	}
	return p, nil
}
