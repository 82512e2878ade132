package pipeline

import (
	"errors"
	"fmt"
	"strings"
)

// Kind sorts errors by what the caller can do about them.
type Kind string

// The kinds; each becomes an HTTP status in one place, eventing/door.
const (
	Invalid     Kind = "invalid"     // the request is wrong: mend it
	NotFound    Kind = "not-found"   // no such thing
	Conflict    Kind = "conflict"    // the name is taken, or the state does not allow it
	InUse       Kind = "in-use"      // something still depends on it
	Unavailable Kind = "unavailable" // try again later
	Internal    Kind = "internal"    // a fault of this program

	Unauthenticated Kind = "unauthenticated" // nobody knows who asks: log in
	Forbidden       Kind = "forbidden"       // who asks may not do it
)

// Enum lists the values for JSON Schema.
func (Kind) Enum() []any {
	return values(Invalid, NotFound, Conflict, InUse, Unavailable, Internal, Unauthenticated, Forbidden)
}

// Error says to a person what failed, where, why and what to do. Field is the
// member of the request at fault, Hint the next step.
type Error struct {
	Op     string    // what was being done: "register model"
	Kind   Kind      // Internal when empty
	Field  string    // "source", "training_kwargs.epochs"; may be empty
	Reason string    // why; Err's text when empty
	Hint   string    // what to do; may be empty
	At     *Position // where in the person's source; may be nil
	Err    error     // the cause; may be nil
}

// Error gives operation, field and reason on one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Message())
	if e.At != nil {
		fmt.Fprintf(&b, " (line %d)", e.At.Line)
	}
	return b.String()
}

// Message is the reason alone, without operation and field.
func (e *Error) Message() string {
	if e.Reason != "" {
		return e.Reason
	}
	if e.Err != nil {
		return e.Err.Error()
	}
	return string(e.KindOr())
}

// KindOr is the kind, Internal where none was set.
func (e *Error) KindOr() Kind {
	if e.Kind == "" {
		return Internal
	}
	return e.Kind
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the outermost Error in err's chain, Internal for an
// error of another type and empty for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.KindOr()
	}
	return Internal
}

// Invalidf is an Invalid error of one field.
func Invalidf(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Reason: fmt.Sprintf(format, args...)}
}

// WithHint adds what to do and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}
