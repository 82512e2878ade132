package cases

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// row is one case.
type row struct {
	id    string
	right string // what is right, in a few words
	// want is what the outcome must say, in any case of letters: each of it, one
	// of those that | separates, and nothing that begins with !.
	want  []string
	long  bool // takes too long for every run
	first bool // before all others, alone
	try   func(a *attempt) string
}

// attempt is a row that is being tried.
type attempt struct {
	*product
	row
	ctx   context.Context // ends where the row takes too long
	topic string          // of its own
	made  int             // names that it has used
	ends  []func()
	got   string
	err   error // what kept it from an outcome
	took  time.Duration
}

// must ends the attempt where something failed that is not its subject.
func (a *attempt) must(err error) {
	if err != nil {
		a.err = err
		runtime.Goexit()
	}
}

// outcome tries the row in a goroutine that must can end.
func (a *attempt) outcome() {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), a.patience(rowTime))
	defer cancel()
	a.ctx = ctx
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer a.end()
		a.got = a.try(a)
	}()
	<-done
	a.took = time.Since(began)
	if a.err != nil {
		a.got = strings.TrimSpace(a.got + " could not be tried: " + a.err.Error())
	}
}

// patience is how long a row waits: a long one several times as long.
func (a *attempt) patience(limit time.Duration) time.Duration {
	if a.long {
		return 5 * limit
	}
	return limit
}

// later does something at the row's end.
func (a *attempt) later(do func()) { a.ends = append(a.ends, do) }

func (a *attempt) end() {
	for _, do := range a.ends {
		do()
	}
}

// missing is what the outcome should say and does not.
func (a *attempt) missing() (missing []string) {
	got := strings.ToLower(a.got)
	has := func(word string) bool { return strings.Contains(got, strings.ToLower(word)) }
	for _, w := range a.want {
		if not, ok := strings.CutPrefix(w, "!"); ok && has(not) || !ok && !slices.ContainsFunc(strings.Split(w, "|"), has) {
			missing = append(missing, w)
		}
	}
	if a.err != nil {
		missing = append(missing, "an outcome")
	}
	return missing
}

// state is the last column of the table.
func (a *attempt) state() string {
	if missing := a.missing(); len(missing) > 0 {
		return "WRONG, not said: " + strings.Join(missing, "; ")
	}
	return "ok"
}

// TestCases tries every case and prints the table.
func TestCases(t *testing.T) {
	var mu sync.Mutex
	var tried []*attempt
	long := os.Getenv("KAFKAML_LONG") != ""
	ids := map[string]bool{}
	t.Run("rows", func(t *testing.T) {
		for _, r := range rows() {
			if ids[r.id] { // each has a topic of that name
				t.Fatalf("two cases are called %s", r.id)
			}
			ids[r.id] = true
			if r.long && !long {
				tried = append(tried, &attempt{row: r, got: "only with KAFKAML_LONG=1"})
				continue
			}
			t.Run(r.id, func(t *testing.T) {
				if !r.first {
					t.Parallel()
				}
				a := &attempt{product: kafkaml, row: r, topic: topicOf(r.id)}
				a.outcome()
				mu.Lock()
				tried = append(tried, a)
				mu.Unlock()
				if s := a.state(); strings.HasPrefix(s, "WRONG") {
					t.Errorf("right: %s\ngot: %s\n%s", r.right, a.got, s)
				}
			})
		}
	})
	table := tableOf(tried)
	t.Log("\n" + table)
	if err := errors.Join(os.MkdirAll("artefacts", 0o755), os.WriteFile("artefacts/cases.md", []byte(table), 0o644)); err != nil { // #nosec G301 G306 -- to be read
		t.Error(err)
	}
}

func topicOf(id string) string {
	return "case-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, id)
}

// tableOf is the table, in the order of ids.
func tableOf(tried []*attempt) string {
	slices.SortFunc(tried, func(a, b *attempt) int { return cmp.Compare(order(a.id), order(b.id)) })
	var b strings.Builder
	counts := map[string]int{}
	fmt.Fprintf(&b, "| %s | %s | %s | ok |\n|---|---|---|---|\n", "id", "right", "got")
	for _, a := range tried {
		state := a.state()
		if a.long && a.product == nil {
			state = "long"
		}
		word, _, _ := strings.Cut(state, ",")
		counts[word]++
		fmt.Fprintf(&b, "| %s | %s | %s (%.1f s) | %s |\n", a.id, cell(a.right), cell(a.got), a.took.Seconds(), state)
	}
	fmt.Fprintf(&b, "%d cases: %v\n", len(tried), counts)
	return b.String()
}

// order sorts A2 before A10.
func order(id string) string {
	if i := strings.IndexAny(id, "0123456789"); i == 1 {
		n := len(id) - len(strings.TrimLeft(id[1:], "0123456789"))
		return id[:1] + strings.Repeat("0", max(0, 4-n)) + id[1:]
	}
	return "z" + id
}

// cell is a text as one cell of a table.
func cell(text string) string {
	const most = 300
	text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "/")
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "..."
	}
	return text
}

// rows are all cases.
func rows() []row {
	all := slices.Concat(modelRows(), importedRows(), fileRows(), streamRows(), moreRows())
	slices.SortStableFunc(all, func(a, b row) int {
		if a.first == b.first {
			return 0
		} else if a.first {
			return -1
		}
		return 1
	})
	return all
}
