package terminal

import "math"

var bars = []rune("▁▂▃▄▅▆▇█")

// Sparkline draws the course of values in at most width characters, the lowest
// as the lowest bar. Where there are more values, each bar is the mean of its
// share of them; values that are not finite are drawn as '!'.
func Sparkline(values []float64, width int) string {
	if len(values) == 0 || width < 1 {
		return ""
	}
	means := shrink(values, width)
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range means {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	line := make([]rune, len(means))
	for i, v := range means {
		line[i] = bar(v, low, high)
	}
	return string(line)
}

func bar(v, low, high float64) rune {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return '!'
	case high <= low:
		return bars[len(bars)/2]
	}
	// Halved first: high - low of two large values may overflow.
	share := (v/2 - low/2) / (high/2 - low/2)
	return bars[min(int(share*float64(len(bars))), len(bars)-1)]
}

func shrink(values []float64, width int) []float64 {
	if len(values) <= width {
		return values
	}
	means := make([]float64, width)
	for i := range means {
		from, to := i*len(values)/width, (i+1)*len(values)/width
		for _, v := range values[from:to] {
			means[i] += v / float64(to-from)
		}
	}
	return means
}
