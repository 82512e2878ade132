// Package tensorflow trains and serves exported Keras models through the
// TensorFlow C library, which it opens when the first model is. It is the only
// room that imports the binding.
//
// A model comes as the SavedModel that shared/framework/keras exports: beside
// serving_default it holds the signatures train, train_halves, train_xla, train_steps,
// train_weighted, evaluate, reset, weights and assign. What runs is a graph: no Python takes part.
//
// The Go API under tfgo (github.com/galeone/tensorflow) is used where tfgo
// itself would panic: loading and running return errors here.
package tensorflow
