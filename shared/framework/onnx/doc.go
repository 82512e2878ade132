// Package onnx serves trained models as ONNX graphs through the C library of
// ONNX Runtime, which it opens when the first model is. It is the only room that
// imports the binding (github.com/yalue/onnxruntime_go).
//
// Models are trained elsewhere: the graph is written beside another form of
// them. Nothing is loaded that onnxgraph.Verify has not read.
package onnx
