package main

import (
	"strings"
	"testing"
	"time"
)

func TestMedianAndQuantile(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []int64
		q      float64
		want   int64
	}{
		{"one value", []int64{7}, 0.5, 7},
		{"the middle of three", []int64{3, 1, 2}, 0.5, 2},
		{"the lower middle of four", []int64{4, 1, 3, 2}, 0.5, 2},
		{"the last of a hundred but one", sequence(100), 0.99, 99},
		{"of few, the largest", []int64{1, 2, 3}, 0.99, 3},
		{"the smallest", []int64{5, 4}, 0, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := quantile(c.values, c.q); got != c.want {
				t.Errorf("quantile(%v, %g) = %d, want %d", c.values, c.q, got, c.want)
			}
		})
	}
}

func sequence(n int64) (all []int64) {
	for i := n; i > 0; i-- {
		all = append(all, i)
	}
	return all
}

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name string
		f    finding
		met  string
		line string
	}{
		{"faster and met", faster("start", 200*time.Millisecond, "Python", 2*time.Second, 5), "yes", "start: 200.0 ms; Python: 2.00 s; 10.00x, asked 5x: yes"},
		{"faster and missed", faster("fit", 2*time.Second, "Keras", 2*time.Second, 1.3), "NO", "fit: 2.00 s; Keras: 2.00 s; 1.00x, asked 1.3x: NO"},
		{"more a second", more("burst", 500_000, "(a)", 12.5, 0), "-", "burst: 500 k/s; (a): 12.5/s; 40000x, asked -: -"},
		{"a rule", finding{what: "memory", ours: "1 MiB", against: "limit", theirs: "2 MiB", ratio: 2, mark: 1, rule: "less"}.with("%d run", 1), "yes", "memory (1 run): 1 MiB; limit: 2 MiB; 2.00x, asked less: yes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.f.met() != c.met || c.f.line() != c.line {
				t.Errorf("%s, %q", c.f.met(), c.f.line())
			}
			if text := table([]finding{c.f}); strings.Count(text, "\n") != 4 || !strings.Contains(text, "| "+c.f.ours+" |") {
				t.Errorf("table:\n%s", text)
			}
		})
	}
}
