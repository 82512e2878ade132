// Package pipeline holds the nouns of kafkaml and the rules between them: a
// Model is grouped into a Configuration, a Deployment of it waits for a
// Datasource, each model then becomes a Result, and a finished Result is served
// by an Inference. It imports the standard library only, so that every other
// room can import it.
//
// The JSON form of each type here is the REST resource and the data of its
// CloudEvents.
package pipeline
