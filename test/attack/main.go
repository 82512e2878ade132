// Command attack turns what `go test -json -run TestAttack ./...` prints into a
// table: what is attacked, the test in which the defence holds, and whether it
// did. It exits with 1 where one did not, or where there was none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// event is a line of go test -json, as `go doc test2json` describes it.
type event struct {
	Action, Package, Test, Output string
}

// defence is how one attack went.
type defence struct {
	attack, test string
	held         bool
}

func main() {
	all, said, err := read(os.Stdin)
	if err == nil {
		err = write(os.Stdout, all)
	}
	if err != nil {
		fmt.Fprint(os.Stderr, said)
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

// read gives the attacks in r, and what the tests printed that failed.
func read(r io.Reader) (all []defence, said string, err error) {
	output := map[string]string{}
	var failed strings.Builder
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(&failed, lines.Text()) // of a build that failed
			continue
		}
		test := e.Package + " " + e.Test
		switch e.Action {
		case "output":
			output[test] += e.Output
		case "pass", "fail":
			if e.Action == "fail" {
				failed.WriteString(output[test])
			}
			if e.Test != "" {
				all = append(all, defence{words(e.Test), test, e.Action == "pass"})
			}
		}
	}
	return leaves(all), failed.String(), lines.Err()
}

// leaves leaves out tests that only hold others.
func leaves(all []defence) []defence {
	return slices.DeleteFunc(all, func(d defence) bool {
		return slices.ContainsFunc(all, func(o defence) bool { return strings.HasPrefix(o.test, d.test+"/") })
	})
}

var (
	endOfCapitals = regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`)
	endOfWord     = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	abbreviation  = regexp.MustCompile(`^[A-Z0-9]{2,}$`)
)

// words reads the name of a test: TestAttackForgedFact/of_a_stranger is "forged
// fact: of a stranger".
func words(name string) string {
	name, sub, _ := strings.Cut(strings.TrimPrefix(name, "TestAttack"), "/")
	name = endOfWord.ReplaceAllString(endOfCapitals.ReplaceAllString(name, "$1 $2"), "$1 $2")
	said := strings.Fields(name)
	for i, word := range said {
		if !abbreviation.MatchString(word) {
			said[i] = strings.ToLower(word)
		}
	}
	text := strings.Join(said, " ")
	if sub != "" {
		text += ": " + strings.ReplaceAll(sub, "_", " ")
	}
	return text
}

// write prints the table.
func write(w io.Writer, all []defence) error {
	slices.SortFunc(all, func(a, b defence) int { return strings.Compare(a.test, b.test) })
	open := 0
	fmt.Fprint(w, "| attack | held by | |\n|---|---|---|\n")
	for _, d := range all {
		outcome := "held"
		if !d.held {
			outcome, open = "OPEN", open+1
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", d.attack, strings.TrimPrefix(d.test, "github.com/kafkaml/kafkaml/"), outcome)
	}
	fmt.Fprintf(w, "\n%d attacks, %d held, %d open\n", len(all), len(all)-open, open)
	switch {
	case len(all) == 0:
		return fmt.Errorf("no attack was tried")
	case open > 0:
		return fmt.Errorf("%d attacks were not held", open)
	}
	return nil
}
