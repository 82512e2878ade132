package stream

import "testing"

func TestPositionsAreReadAsTheyAreWritten(t *testing.T) {
	at := map[int]int64{2: 5, 0: 17}
	text := PositionText(at)
	if text != "0:17,2:5" {
		t.Errorf("got %q", text)
	}
	back, err := Positions(text)
	if err != nil || len(back) != 2 || back[0] != 17 || back[2] != 5 {
		t.Errorf("got %v, %v", back, err)
	}
	for _, bad := range []string{"1", "1:x", "-1:2", "1:-2", "1:2,,", "a:b"} {
		if _, err := Positions(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzPositions(f *testing.F) {
	f.Add("0:17,2:5")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := Positions(text)
		if err != nil {
			return
		}
		again, err := Positions(PositionText(at))
		if err != nil || len(again) != len(at) {
			t.Errorf("%q: %v is not read back (%v)", text, at, err)
		}
	})
}
