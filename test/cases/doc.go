// Package cases holds what people meet: Keras sources, streams, records and
// files after public questions and bug reports, each with what is right. They
// are tried on a real kafkaml run over Apache Kafka, as a new user would, and
// the outcome of all is one table: id, what is right, what was got.
//
// A row fails where what was got is not right.
//
//	go test ./test/cases -v                    the table, also in artefacts/cases.md
//	go test ./test/cases -run 'Cases/rows/A21' one row
//	KAFKAML_LONG=1 go test ./test/cases        the large models, too
//
// KAFKAML_BIN names the folder of kafkaml and kafkaml-tensorflow, as make sets it.
package cases
