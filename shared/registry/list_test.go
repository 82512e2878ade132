package registry_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

func TestPages(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		create := func(name string) {
			do(t, s, func(tx *registry.Tx) error { return tx.CreateModel(&pipeline.Model{Name: name}) })
		}
		for i := range 7 {
			create(fmt.Sprint("m", i+1))
		}
		var seen []string
		sizes, next := []int{}, ""
		for {
			var page registry.Page[pipeline.Model]
			do(t, s, func(tx *registry.Tx) (err error) {
				page, err = tx.Models(registry.Query{Limit: 3, After: next})
				return err
			})
			sizes = append(sizes, len(page.Items))
			for _, m := range page.Items {
				seen = append(seen, m.Name)
			}
			if next = page.Next; next == "" {
				break
			}
			create("new after page " + fmt.Sprint(len(sizes))) // must not move the pages that follow
			do(t, s, func(tx *registry.Tx) error { return tx.DeleteModel(page.Items[len(page.Items)-1].ID) })
		}
		if diff := cmp.Diff([]string{"m7", "m6", "m5", "m4", "m3", "m2", "m1"}, seen); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]int{3, 3, 1}, sizes); diff != "" {
			t.Errorf("sizes (-want +got)\n%s", diff)
		}
	})
}

func TestSearch(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		for _, m := range []pipeline.Model{
			{Name: "MNIST dense", Description: "Handwritten digits"},
			{Name: "mnist cnn", Description: "100% of the digits"},
			{Name: "wine_quality", Description: "Größe\x00"},
			{Name: `back\slash`},
		} {
			do(t, s, func(tx *registry.Tx) error { return tx.CreateModel(&m) })
		}
		for q, want := range map[string][]int64{
			"":                  {4, 3, 2, 1},
			"mnist":             {2, 1},
			"MNIST digits":      {2, 1},
			"dense digits":      {1},
			"digits  100%":      {2},
			"%":                 {2},
			"_":                 {3},
			`\`:                 {4},
			"größe":             {3},
			"GRÖSSE":            nil,
			"'; DROP TABLE x--": nil,
			"3":                 {3},
		} {
			do(t, s, func(tx *registry.Tx) error {
				page, err := tx.Models(registry.Query{Q: q})
				var got []int64
				for _, m := range page.Items {
					got = append(got, m.ID)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("q=%q (-want +got)\n%s", q, diff)
				}
				return err
			})
		}
	})
}

// TestFilters lists each kind by each reference it holds: what refers to the
// one that exists is found, what refers to another is not.
func TestFilters(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		populate(t, s)
		do(t, s, func(tx *registry.Tx) error {
			return tx.CreateDatasource(&pipeline.Datasource{Deployment: 1, Rejected: &pipeline.Rejection{Reason: "bad sum"}})
		})
		count := func(list func(tx *registry.Tx, q registry.Query) (int, error), q registry.Query) (n int) {
			do(t, s, func(tx *registry.Tx) (err error) { n, err = list(tx, q); return err })
			return n
		}
		cases := []struct {
			kind   string
			list   func(tx *registry.Tx, q registry.Query) (int, error)
			by     []string
			states map[string]int
		}{
			{"models", size((*registry.Tx).Models), []string{"configuration"}, nil},
			{"configurations", size((*registry.Tx).Configurations), []string{"model"}, nil},
			{"deployments", size((*registry.Tx).Deployments), []string{"configuration"}, map[string]int{"waiting": 1, "finished": 0}},
			{"results", size((*registry.Tx).Results), []string{"deployment", "configuration", "model", "datasource"}, map[string]int{"waiting": 1, "failed": 0}},
			{"datasources", size((*registry.Tx).Datasources), []string{}, map[string]int{"available": 1, registry.DatasourceRejected: 1}},
			{"inferences", size((*registry.Tx).Inferences), []string{"result", "deployment", "model"}, map[string]int{"deploying": 1, "failed": 0}},
		}
		for _, c := range cases {
			for _, name := range c.by {
				if n := count(c.list, registry.Query{By: map[string]int64{name: 1}}); n != 1 {
					t.Errorf("%d %s by %s 1, want 1", n, c.kind, name)
				}
				if n := count(c.list, registry.Query{By: map[string]int64{name: 2}}); n != 0 {
					t.Errorf("%d %s by %s 2, want 0", n, c.kind, name)
				}
			}
			for state, want := range c.states {
				if n := count(c.list, registry.Query{Status: state}); n != want {
					t.Errorf("%d %s %s, want %d", n, c.kind, state, want)
				}
			}
			try := func(q registry.Query) error {
				return view(t, s, func(tx *registry.Tx) error { _, err := c.list(tx, q); return err })
			}
			refused(t, try(registry.Query{By: map[string]int64{"owner": 1}}), pipeline.Invalid, "owner", c.kind)
			refused(t, try(registry.Query{After: "x"}), pipeline.Invalid, "after", "cursor")
			if c.states == nil {
				refused(t, try(registry.Query{Status: "waiting"}), pipeline.Invalid, "status")
			} else {
				refused(t, try(registry.Query{Status: "done"}), pipeline.Invalid, "status", `"done" is no status of `+c.kind)
			}
		}
		become(t, s, 1, pipeline.ResultScheduled)
		if n := count(cases[2].list, registry.Query{Status: "training"}); n != 1 {
			t.Error("the state of a deployment does not follow its results in lists")
		}
		if n := count(cases[4].list, registry.Query{Q: "images", By: map[string]int64{"deployment": 1}}); n != 1 {
			t.Error("a datasource is not found by its topic")
		}
	})
}

// size lists and counts.
func size[T any](list func(*registry.Tx, registry.Query) (registry.Page[T], error)) func(*registry.Tx, registry.Query) (int, error) {
	return func(tx *registry.Tx, q registry.Query) (int, error) {
		page, err := list(tx, q)
		return len(page.Items), err
	}
}
