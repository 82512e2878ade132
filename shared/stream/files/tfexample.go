package files

import (
	"errors"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var errNoExample = pipeline.Invalidf("file", "holds a record that is no tf.train.Example").
	WithHint("write each as tf.train.Example(features=tf.train.Features(feature={...})).SerializeToString()")

// features gives the features of a tf.train.Example by name (TensorFlow,
// tensorflow/core/example/example.proto, feature.proto).
func features(example []byte, take func(name string, feature []byte) error) error {
	return messages(example, func(n protowire.Number, all []byte) error {
		if n == 2 {
			return pipeline.Invalidf("file", "holds a tf.train.SequenceExample").WithHint("write each as a tf.train.Example, its steps as one list")
		}
		if n != 1 {
			return errNoExample
		}
		return messages(all, func(n protowire.Number, entry []byte) error {
			if n != 1 {
				return errNoExample
			}
			var name, feature []byte
			err := messages(entry, func(n protowire.Number, b []byte) error {
				switch n {
				case 1:
					name = b
				case 2:
					feature = b
				}
				return nil
			})
			if err != nil || !utf8.Valid(name) {
				return errNoExample
			}
			return take(string(name), feature)
		})
	})
}

// messages gives the fields of a message that has only such of bytes.
func messages(b []byte, take func(n protowire.Number, field []byte) error) error {
	for len(b) > 0 {
		n, t, size := protowire.ConsumeTag(b)
		if size < 0 || t != protowire.BytesType {
			return errNoExample
		}
		field, rest := protowire.ConsumeBytes(b[size:])
		if rest < 0 {
			return errNoExample
		}
		b = b[size+rest:]
		if err := take(n, field); err != nil {
			return err
		}
	}
	return nil
}

// feature reads one of its lists: of bytes, of floats or of whole numbers.
func (c *cell) feature(b []byte) error {
	return messages(b, func(n protowire.Number, of []byte) error {
		c.reset() // of several the last counts
		switch n {
		case 1:
			return messages(of, func(_ protowire.Number, text []byte) error {
				kind := aText
				if !utf8.Valid(text) {
					kind = aBytes
				}
				c.addText(string(text), kind)
				return nil
			})
		case 2:
			return scalars(of, protowire.Fixed32Type, func(v uint64) { c.add(number{float: float64(math.Float32frombits(uint32(v)))}) })
		case 3:
			return scalars(of, protowire.VarintType, func(v uint64) { c.add(integer(int64(v))) })
		}
		return errors.New("is of no kind that a feature has")
	})
}

// scalars gives the numbers of a repeated field, packed or not.
func scalars(b []byte, of protowire.Type, take func(uint64)) error {
	one := func(b []byte) int {
		if of == protowire.VarintType {
			v, n := protowire.ConsumeVarint(b)
			if n > 0 {
				take(v)
			}
			return n
		}
		v, n := protowire.ConsumeFixed32(b)
		if n > 0 {
			take(uint64(v))
		}
		return n
	}
	for len(b) > 0 {
		_, t, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errNoExample
		}
		b = b[size:]
		var values []byte
		var rest int
		switch t {
		case of:
			if rest = one(b); rest < 0 {
				return errNoExample
			}
		case protowire.BytesType:
			if values, rest = protowire.ConsumeBytes(b); rest < 0 {
				return errNoExample
			}
			for len(values) > 0 {
				n := one(values)
				if n < 0 {
					return errNoExample
				}
				values = values[n:]
			}
		default:
			return errNoExample
		}
		b = b[rest:]
	}
	return nil
}
