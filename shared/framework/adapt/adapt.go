// Package adapt counts what the layers of a model learn from records before it is
// trained - means and variances, quantiles, vocabularies - as Keras' adapt does,
// in one pass and in bounded memory.
package adapt

import (
	"errors"
	"fmt"
)

// ErrNothing says that there was nothing to learn from.
var ErrNothing = errors.New("no value has come")

// NotFinite says that values were NaN or infinite.
type NotFinite struct{ Values, Of int64 }

func (e NotFinite) Error() string {
	return fmt.Sprintf("%d of its %d values are NaN or infinite", e.Values, e.Of)
}
