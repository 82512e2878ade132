// Package openinference has the messages of the Open Inference Protocol over
// gRPC, generated from open_inference.proto by its test:
//
//	go test ./functions/predict/openinference -update
package openinference
