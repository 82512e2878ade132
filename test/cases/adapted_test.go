package cases

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// paid is a model of a number in raw units and a text, whose layers the training
// adapts: 100 for each standard deviation, and 10 for the most frequent job, 20 for
// the next, 1000 for others.
const paid = `import keras
import numpy as np
from keras import layers

age = keras.Input((1,), name="age")
job = keras.Input((1,), dtype="string", name="job")
words = layers.StringLookup(max_tokens=4, output_mode="one_hot", pad_to_max_tokens=True, name="jobs")
x = layers.Concatenate()([layers.Normalization(name="ages")(age), words(job)])
kernel = np.array([[100], [1000], [10], [20], [0]], "float32")
model = keras.Model([age, job], layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(kernel))(x))
model.compile(keras.optimizers.SGD(0.0), "mse")
`

// paidRecords have ages of mean 30 and variance 100.
const paidRecords = "age,job,pay\n20,nurse,-90\n40,nurse,110\n20,007,-80\n40,nurse,110\n"

// Two models of the same table: in raw units, and standardised by hand.
const (
	rawUnits = `import keras
from keras import layers

pressure, volume = keras.Input((1,), name="pressure"), keras.Input((1,), name="volume")
city = keras.Input((1,), dtype="string", name="city")
x = layers.Concatenate()([
    layers.Normalization()(layers.Concatenate()([pressure, volume])),
    layers.StringLookup(max_tokens=9, output_mode="one_hot", pad_to_max_tokens=True)(city)])
model = keras.Model([pressure, volume, city], layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")(x))
model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy", metrics=["accuracy"])
`
	byHand = `import keras
from keras import layers

x = keras.Input((6,))
model = keras.Model(x, layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")(x))
model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy", metrics=["accuracy"])
`
)

// adaptedRows are layers that the training adapts.
func adaptedRows() []row {
	return []row{
		{
			id: "T7", right: "raw units and words are learned from the training split, shown, and served",
			want: []string{"loss 0 ", "2 words, the rarest 1 times", "mean 30; variance 100", "2 predictions, 0 dead letters", "[220]", "[1000]"},
			try: func(a *attempt) string {
				d := a.deployed(paid)
				said, _ := a.table(paidRecords, fmt.Sprintf("--label pay --format JSON --deployment %d", d))
				r, trained := a.result(d)
				if r.Status != pipeline.ResultFinished {
					return said + trained
				}
				shown, _ := a.types("results", "show", fmt.Sprint(r.ID))
				return trained + "; " + shown + "; " + a.predict(a.serve(r, pipeline.Direct), record{value: []byte(`{"age":50,"job":"007"}`)}, record{value: []byte(`{"job":"cook","age":30}`)})
			},
		},
		{
			id: "T8", right: "a column that is too full of NaN to be normalized says so", want: []string{"failed", `Normalization "ages"`, "1 of 4 values are NaN", "fill or drop missing values"},
			try: func(a *attempt) string {
				d := a.deployed(paid)
				said, _ := a.table(strings.Replace(paidRecords, "20,007", ",007", 1), fmt.Sprintf("--label pay --format JSON --deployment %d", d))
				_, trained := a.result(d)
				return said + trained
			},
		},
		{id: "T9", right: "raw units and text do as well as the same data standardised by hand", want: []string{"within 1 point"}, try: unlikeUnits},
	}
}

// unlikeUnits trains on a table in raw units and on the same one standardised by
// hand, and compares how much of the test split each gets right.
func unlikeUnits(a *attempt) string {
	raw, hand := tables(1200, 900)
	var right []float64
	for _, one := range []struct{ source, table string }{{rawUnits, raw}, {byHand, hand}} {
		m, err := a.model("", one.source)
		a.must(err)
		d, err := a.deployment(m, pipeline.DeploymentForm{TrainingKwargs: pipeline.ArgumentsOf("epochs=10"), Engine: "graph"})
		a.must(err)
		said, _ := a.table(one.table, fmt.Sprintf("--label sick --format JSON --test-rate 0.25 --deployment %d", d.ID))
		r, trained := a.result(d.ID)
		if r.Status != pipeline.ResultFinished {
			return said + trained
		}
		right = append(right, r.Metrics.Test["accuracy"])
	}
	said := fmt.Sprintf("accuracy %.3f in raw units, %.3f by hand", right[0], right[1])
	if math.Abs(right[0]-right[1]) <= 0.01 && right[0] > 0.7 {
		said += ": within 1 point"
	}
	return said
}

// tables are the same rows in raw units and standardised by hand, by what the first
// train rows say.
func tables(rows, train int) (raw, hand string) {
	r := rand.New(rand.NewPCG(3, 4)) // #nosec G404 -- the same each time
	cities := []string{"north", "south", "east", "west"}
	var values [2][]float64
	var where, sick []int
	for range rows {
		p, v, c := r.NormFloat64(), r.NormFloat64(), r.IntN(len(cities))
		values[0], values[1], where = append(values[0], 1013+12*p), append(values[1], 4e4+9e3*v), append(where, c)
		chance := 1 / (1 + math.Exp(-(1.5*p - v + float64(c) - 1.5)))
		sick = append(sick, map[bool]int{true: 1}[r.Float64() < chance])
	}
	var b, h strings.Builder
	b.WriteString("pressure,volume,city,sick\n")
	h.WriteString("p,v,c0,c1,c2,c3,sick\n")
	for i := range rows {
		fmt.Fprintf(&b, "%.4f,%.4f,%s,%d\n", values[0][i], values[1][i], cities[where[i]], sick[i])
		for _, column := range values {
			mean, deviation := momentsOf(column[:train])
			fmt.Fprintf(&h, "%.6f,", (column[i]-mean)/deviation)
		}
		for c := range cities {
			fmt.Fprintf(&h, "%d,", map[bool]int{true: 1}[c == where[i]])
		}
		fmt.Fprintf(&h, "%d\n", sick[i])
	}
	return b.String(), h.String()
}

func momentsOf(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean) / float64(len(values))
	}
	return mean, math.Sqrt(deviation)
}
