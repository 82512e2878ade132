package suspects

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// span is records of one partition that were predicted when their process ended.
type span struct {
	Topic     uint64 `json:"topic"` // its hash
	Partition int64  `json:"partition"`
	First     int64  `json:"first"`
	Last      int64  `json:"last"`
	Sum       uint64 `json:"sum,omitempty"` // hash of the value, where it is one record that died alone
	Times     int    `json:"times"`         // deaths: of one that died alone; of a suspect, those for which it is one yet
	alone     bool
}

func (s span) well() bool {
	return s.Partition >= 0 && s.First >= 0 && s.First <= s.Last && s.Last-s.First < widest
}

// deaths are what is kept of a replica's, beside its marker.
type deaths struct {
	Inference int64  `json:"inference"`
	Result    int64  `json:"result"`
	Suspects  []span `json:"suspects"`
	Alone     []span `json:"alone"`
}

const (
	ending    = ".deaths" // of their file
	mostBytes = 1 << 20   // of a file
	mostKept  = 1000      // of each list, the last ones
	lasting   = 16        // deaths after which a record that did not come again is no suspect any more
)

// bury adds what the marker says to the deaths of this replica.
func (w *Watch) bury() (deaths, error) {
	if err := os.MkdirAll(filepath.Dir(w.c.File), 0o750); err != nil {
		return deaths{}, err
	}
	d := w.read(w.c.File + ending)
	found := w.left()
	if len(found) == 0 {
		return d, nil
	}
	var kept []span
	for _, s := range d.Suspects {
		if s.Times--; s.Times > 0 {
			kept = append(kept, s)
		}
	}
	for _, s := range found {
		w.c.Log.Warn("records were being predicted when the process ended: each is predicted alone",
			"partition", s.Partition, "first", s.First, "last", s.Last, "alone before", s.alone)
		if s.alone {
			d.Alone = died(d.Alone, s)
		}
		s.Sum, s.Times = 0, lasting
		kept = append(kept, s)
	}
	d.Inference, d.Result, d.Suspects, d.Alone = w.c.Inference, w.c.Result, last(kept), last(d.Alone)
	text, err := json.Marshal(d)
	if err != nil {
		return d, err
	}
	fresh := w.c.File + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return d, err
	}
	return d, os.Rename(fresh, w.c.File+ending)
}

// last bounds a list.
func last(all []span) []span { return all[max(0, len(all)-mostKept):] }

// died counts one more death of a record that was alone.
func died(all []span, s span) []span {
	for i := range all {
		if a := &all[i]; a.Topic == s.Topic && a.Partition == s.Partition && a.First == s.First && a.Sum == s.Sum {
			a.Times++
			return all
		}
	}
	s.Times = 1
	return append(all, s)
}

// left is what the marker of a process says that ended without being told to.
func (w *Watch) left() (found []span) {
	text, err := os.ReadFile(w.c.File)
	if err != nil || len(text) < headerSize {
		return nil
	}
	at := func(i int) uint64 { return order.Uint64(text[i:]) }
	slots := at(24)
	if at(0) != magic || at(8) != uint64(w.c.Inference) || at(16) != uint64(w.c.Result) || at(toldAt) != 0 || // #nosec G115 -- as bits
		slots > mostSlots || len(text) != headerSize+int(slots)*slotSize { // #nosec G115 -- at most mostSlots
		return nil
	}
	for i := headerSize; i < len(text); i += slotSize {
		n := at(i)
		if n > mostSpans {
			continue
		}
		for k := range int(n) { // #nosec G115 -- at most mostSpans
			b := i + 16 + k*spanSize
			s := span{Topic: at(b), Partition: int64(at(b + 8)), First: int64(at(b + 16)), Last: int64(at(b + 24)), Sum: at(b + 32)} // #nosec G115 -- as bits
			s.alone = at(i+8) == 1 && n == 1 && s.First == s.Last
			if s.well() {
				found = append(found, s)
			}
		}
	}
	if len(found) > 1 { // it cannot be: nothing else is predicted beside one that is alone
		for i := range found {
			found[i].alone = false
		}
	}
	return found
}

// read gives the deaths in a file, none where they are not of this model.
func (w *Watch) read(file string) (d deaths) {
	info, err := os.Stat(file)
	if err != nil || info.Size() > mostBytes {
		return deaths{}
	}
	text, err := os.ReadFile(file)
	if err != nil || json.NewDecoder(bytes.NewReader(text)).Decode(&d) != nil || d.Inference != w.c.Inference || d.Result != w.c.Result {
		return deaths{}
	}
	return d
}

// collect learns what died alone at any replica whose marker is in the same folder.
func (w *Watch) collect() error {
	dir := filepath.Dir(w.c.File)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ending {
			continue
		}
		for _, s := range w.read(filepath.Join(dir, e.Name())).Alone {
			if s.well() && s.Times > 0 {
				w.culprits[culprit{place{s.Topic, s.Partition, s.First}, s.Sum}] += s.Times
			}
		}
	}
	return nil
}
