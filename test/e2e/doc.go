// Package e2e holds the tests that use kafkaml as a person does: real `kafkaml
// run` processes on ports and folders of their own, the command line, Kafka
// clients, HTTP, and plain Keras for what was downloaded. They kill processes,
// too: whatever is killed, nothing may be lost and nothing counted twice.
//
// KAFKAML_BIN names the folder of kafkaml and kafkaml-tensorflow; without it
// both are built for the run.
package e2e
