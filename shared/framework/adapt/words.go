package adapt

import (
	"cmp"
	"fmt"
	"slices"
)

// DefaultWords is how many different words of one layer are counted unless the
// installation says otherwise.
const DefaultWords = 2_000_000

// maxBytes bounds the texts of a vocabulary.
const maxBytes = 512 << 20

// TooMany says that more different words came than are counted.
type TooMany struct{ Most int }

func (e TooMany) Error() string { return fmt.Sprintf("more than %d different words came", e.Most) }

// Words counts texts or whole numbers. Memory grows with how many different
// ones come, up to a bound.
type Words[K string | int64] struct {
	at     map[K]int
	counts []Count[K]
	bytes  int
	most   int // that are counted
	full   bool
}

// Count is a word, how often it is there, and in how many records where that was counted.
type Count[K string | int64] struct {
	Word      K
	Times     int64
	Documents int64
}

// NewWords counts up to most different words.
func NewWords[K string | int64](most int) *Words[K] { return &Words[K]{at: map[K]int{}, most: most} }

// Add counts a word that is there so often, in so many records.
func (w *Words[K]) Add(word K, times, documents int64) {
	i, known := w.at[word]
	if !known {
		i = w.meet(word)
	}
	if i >= 0 {
		w.counts[i].Times += times
		w.counts[i].Documents += documents
	}
}

// AddText counts a text, which is copied only the first time.
func AddText(w *Words[string], word []byte) {
	if i, known := w.at[string(word)]; known {
		w.counts[i].Times++
		return
	}
	w.Add(string(word), 1, 0)
}

// meet makes room for a new word; -1 where there is none.
func (w *Words[K]) meet(word K) int {
	if text, is := any(word).(string); is {
		w.bytes += len(text)
	}
	if len(w.counts) >= w.most || w.bytes > maxBytes {
		w.full = true
		return -1
	}
	i := len(w.counts)
	w.at[word] = i
	w.counts = append(w.counts, Count[K]{Word: word})
	return i
}

// Vocabulary are the most most frequent words but those dropped, all where most is
// 0; of words that are there as often, the later in their order come first, as in
// Keras. met is how many different ones there were.
func (w *Words[K]) Vocabulary(most int, dropped ...K) (kept []Count[K], met int, err error) {
	if w.full {
		return nil, 0, TooMany{w.most}
	}
	kept = slices.DeleteFunc(w.counts, func(c Count[K]) bool { return slices.Contains(dropped, c.Word) })
	w.counts, w.at = nil, nil
	if len(kept) == 0 {
		return nil, 0, ErrNothing
	}
	slices.SortFunc(kept, func(a, b Count[K]) int { return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(b.Word, a.Word)) })
	met = len(kept)
	if most > 0 {
		kept = kept[:min(met, most)]
	}
	return kept, met, nil
}

// Each calls for every word, in the order in which they came first.
func (w *Words[K]) Each(call func(Count[K])) {
	for _, c := range w.counts {
		call(c)
	}
}
