package tensorflow

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/adapt"
)

// wordTexts are words of text.
type wordTexts struct{}

func (wordTexts) each(stored []byte, call func(string)) error {
	for {
		word, rest, ok := codec.CutText(stored)
		if !ok {
			return nil
		}
		call(string(word))
		stored = rest
	}
}

func (wordTexts) add(w *adapt.Words[string], stored []byte) error {
	for {
		word, rest, ok := codec.CutText(stored)
		if !ok {
			return nil
		}
		adapt.AddText(w, word)
		stored = rest
	}
}

func (wordTexts) stored(t *tf.Tensor) ([]byte, error) { return appendTexts(nil, t, mostSeen) }

func (wordTexts) tensor(words []string) (operand, error) {
	x, err := newTexts(int64(len(words)))
	if err != nil {
		return operand{}, err
	}
	var all []byte
	for _, w := range words {
		all = codec.AppendText(all, w)
	}
	return operand{x.tensor, x}, x.fill(all, len(words))
}

func (wordTexts) parse(text string) (string, error) { return text, nil }

func (wordTexts) name(word string) string {
	const most = 60
	if len(word) > most {
		word = word[:most]
	}
	if utf8.ValidString(word) {
		return word
	}
	return strconv.Quote(word)
}

// storable reports whether JSON, and NumPy's texts after it, hold a word as it is.
func (wordTexts) storable(word string) bool {
	return utf8.ValidString(word) && !strings.HasSuffix(word, "\x00")
}

// numbers are words that are whole numbers.
type numbers struct{}

func (numbers) each(stored []byte, call func(int64)) error {
	for ; len(stored) >= 8; stored = stored[8:] {
		call(int64(binary.LittleEndian.Uint64(stored))) // #nosec G115 -- as it is stored
	}
	return nil
}

func (n numbers) add(w *adapt.Words[int64], stored []byte) error {
	return n.each(stored, func(word int64) { w.Add(word, 1, 0) })
}

func (numbers) stored(t *tf.Tensor) ([]byte, error) { return Bytes(t), nil }

func (numbers) tensor(words []int64) (operand, error) {
	tensor, err := tf.NewTensor(words)
	return operand{tensor, words}, err
}

func (numbers) parse(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }

func (numbers) name(word int64) string { return strconv.FormatInt(word, 10) }

func (numbers) storable(int64) bool { return true }
