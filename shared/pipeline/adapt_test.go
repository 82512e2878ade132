package pipeline

import "testing"

// Shares are read as people write them: 100 % is all.
func TestWhatWasAdaptedInWords(t *testing.T) {
	for want, held := range map[string][2]int64{
		"; 100 % of validation out of vocabulary": {80, 80}, "; 99 % of validation out of vocabulary": {9_999, 10_000},
		"; 12 % of validation out of vocabulary": {125, 1000}, "; 0.13 % of validation out of vocabulary": {13, 10_000}, "; 0 % of validation out of vocabulary": {0, 5},
	} {
		a := Adapted{Kind: AdaptWords, Words: 7, Met: 320, Rarest: 1, Unknown: held[0], Held: held[1]}
		if got := a.Sentence(); got != "the most frequent 7 of 320 words, the rarest 1 times"+want {
			t.Error(got)
		}
	}
}
