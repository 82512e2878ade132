package keras

import "testing"

// TestConvolutionsOnHalves trains models of many kinds on whole batches and with
// convolutions on halves of them: but for rounding the same comes out, and layers that
// take the records of a batch together see all of them.
func TestConvolutionsOnHalves(t *testing.T) {
	t.Parallel()
	const fits = 1e-6
	want := map[string]struct {
		convolutions int // more in the graph: those that run in halves
		pays         bool
	}{
		"plain": {2, true}, "saturated": {1, true}, "dropout": {1, false}, "normalized": {2, false}, "activity": {1, true},
		"its own activation": {0, false}, "one dimension": {3, true}, "masked": {0, false}, "others": {3, true},
		"residual": {3, true}, "along records": {1, false}, "nested": {4, true}, "subclassed": {0, false},
	}
	o := options(t)
	var said map[string]struct {
		More                 int
		Pays                 bool
		Loss, Weights, Moved float64
	}
	printed(t, o, &said, "testdata/halves.py", "worker", o.SitePackages)
	if len(said) != len(want) {
		t.Fatalf("%d models", len(said))
	}
	for name, got := range said {
		w := want[name]
		if got.More != w.convolutions || got.Pays != w.pays {
			t.Errorf("%s: %d convolutions in halves, pays: %t; want %d, %t", name, got.More, got.Pays, w.convolutions, w.pays)
		}
		if !(got.Loss <= fits) || !(got.Weights <= fits*max(1, got.Moved)) || !(got.Moved > 1e-3) {
			t.Errorf("%s: the losses are %g apart, the weights %g of %g", name, got.Loss, got.Weights, got.Moved)
		}
	}
}
