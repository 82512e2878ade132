package tensorflow

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
)

// Inherit sets the variables to those of a trained model: all of them where it was
// trained from this export, else those that kerasmodel.Inherit finds.
func (t *Trainer) Inherit(a framework.Ancestor) (state string, err error) {
	if t.assign == nil {
		return "", errNotSettable("from")
	}
	mine, err := t.read()
	if err != nil {
		return "", err
	}
	theirs, err := trained(filepath.Join(a.Dir, kerasmodel.Trained))
	if err != nil {
		return "", fmt.Errorf("read the variables of the result: %w", err)
	}
	var h kerasmodel.Heritage
	if a.From != nil {
		h, err = kerasmodel.Inherit(framework.Kin{Export: *a.From, Dir: a.Dir}, framework.Kin{Export: t.options.Export, Dir: t.options.Dir})
		if err == nil && len(h.From) != len(mine) {
			err = fmt.Errorf("%s has %d variables, the model has %d", kerasmodel.VariablesFile, len(h.From), len(mine))
		}
		if err != nil {
			return "", err
		}
	}
	for i, v := range mine {
		at := i
		if h.From != nil {
			at = h.From[i]
		}
		if at < 0 {
			continue
		}
		if at >= len(theirs) || v.DataType() != theirs[at].DataType() || len(Bytes(v)) != len(Bytes(theirs[at])) {
			return "", fmt.Errorf("variable %d of the result is not that of its export", at)
		}
		mine[i] = theirs[at]
	}
	t.inherited, t.adapted = mine, true
	return h.Optimizer, t.write(mine)
}

// trained gives the variables of a trained SavedModel.
func trained(dir string) (values []*tf.Tensor, err error) {
	folder, err := pruned(dir, false, func(signature string) bool { return signature == "weights" })
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	m, err := Load(folder, Threads{IntraOp: 1, InterOp: -1}, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	f, ok, err := m.Function("weights")
	if err != nil || !ok {
		return nil, errors.Join(err, errors.New("it does not give its weights"))
	}
	return f.Call(nil)
}
