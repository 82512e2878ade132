package codec

import (
	"errors"
	"fmt"
)

// explainFields says of a key or value whose fields cannot be read what it looks
// like, and what to do. again reads other bytes as the reader does.
func explainFields(of Side, avro bool, record []byte, err error, again func([]byte) error) error {
	var unknown *Missing
	var known *Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return unknown
	case len(record) == 0 && of == Value:
		return nothing(sideValue, record == nil)
	case len(record) == 0:
		return &Fault{"the record has no key, or an empty one", "take the value from elsewhere, or say what stands for a missing one (missing)"}
	}
	if seen, hint := look(againPart{again, avro}, nil, record); seen != "" {
		return &Fault{fmt.Sprintf("%v; %s", err, seen), hint}
	}
	if errors.As(err, &known) {
		return &Fault{err.Error(), known.Hint}
	}
	return &Fault{Reason: err.Error()}
}

// againPart tries whether other bytes of a record can be read.
type againPart struct {
	read func([]byte) error
	avro bool
}

func (p againPart) decode(_ [][]byte, record []byte) error { return p.read(record) }
