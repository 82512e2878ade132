package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// points are n rows of a task that every model of testdata learns: three
// coordinates in -1 to 1, and whether their sum is positive.
func points(n int) (samples [][]float32, classes []int) {
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		sample, sum := make([]float32, 3), float32(0)
		for i := range sample {
			sample[i] = float32(random.IntN(2001)-1000) / 1000
			sum += sample[i]
		}
		class := 0
		if sum > 0 {
			class = 1
		}
		samples, classes = append(samples, sample), append(classes, class)
	}
	return samples, classes
}

// pointsFile writes n points as CSV: x, y, z, class.
func (m *machine) pointsFile(n int) string {
	m.t.Helper()
	var text strings.Builder
	text.WriteString("x,y,z,class\n")
	samples, classes := points(n)
	for i, s := range samples {
		for _, v := range s {
			text.WriteString(strconv.FormatFloat(float64(v), 'g', -1, 32) + ",")
		}
		fmt.Fprintln(&text, classes[i])
	}
	name := fmt.Sprintf("points-%d.csv", n)
	m.write(name, text.String())
	return name
}

// model registers a source of testdata under a name.
func (m *machine) model(name, source string) (id string) {
	m.t.Helper()
	return m.created("models", "create", "--name", name, "-f", m.source(source))
}

// source is the path of a source of testdata.
func (m *machine) source(name string) string {
	m.t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		m.t.Fatal(err)
	}
	return filepath.Join(wd, "testdata", name)
}
