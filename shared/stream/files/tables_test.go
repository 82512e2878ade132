package files_test

import (
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// under gives a file of testdata under a name that says nothing, or lies.
func under(t *testing.T, name, as string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, as, string(b))
}

// TestTablesOfColumnsAreRead reads the same table as pyarrow writes it, in each
// format and codec, under names that do not say what they are.
func TestTablesOfColumnsAreRead(t *testing.T) {
	nan := math.NaN()
	const at = 1714979289000.5
	want := [][]float64{
		{1, 0.5, 1.5, 9007199254740993, 250, 1, at, 10, 1000, 12.34, 1, 2, 1, 2, 3, 4, 1.5, 7},
		{2, nan, 2.5, 2, 251, 0, at, 10, 1000, -0.05, 3, 4, 1, 2, 3, 4, nan, 8},
		{nan, 2.5, 3.5, 3, 252, 1, at, 10, 1000, 99999999.99, 5, nan, 1, 2, 3, 4, nan, nan},
		{4, 3.5, 4.5, 4, 253, 0, at, 10, 1000, nan, 7, 8, 1, 2, 3, 4, 2.5, nan},
		{5, 4.5, 5.5, 5, 254, nan, nan, 10, 1000, 1, 9, 10, 1, 2, 3, 4, 3.5, 9},
	}
	classes := [][]float64{{2}, {0}, {2}, {1}, {0}}
	for _, name := range []string{"table.parquet", "gzip.parquet", "brotli.parquet", "zstd.parquet", "lz4.parquet", "old.parquet", "table.feather", "zstd.feather", "table.arrows"} {
		t.Run(name, func(t *testing.T) {
			rows, some := want, false
			if strings.HasSuffix(name, ".parquet") && name != "table.parquet" {
				some = true
				rows = nil
				for _, row := range want {
					rows = append(rows, append(append([]float64{}, row[:2]...), row[3:]...))
				}
			}
			r, err := files.Open([]string{under(t, name, "table.csv")}, files.Options{Label: "kind", Drop: "text,raw,tags,items", Format: pipeline.JSON})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			x, y := drain(t, r, len(rows[0]), 1)
			if diff := cmp.Diff(rows, x, cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(classes, y); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"blue", "green", "red"}, r.Classes()); diff != "" || r.Total() != 5 {
				t.Error(diff, r.Total())
			}
			report := strings.Join(r.Report(), "\n")
			for _, said := range []string{"at: timestamps, sent as milliseconds", "day: dates", "pay.to.id", "5 of 5 rows|f 1", "n 1"} {
				if first, other, _ := strings.Cut(said, "|"); !strings.Contains(report, first) && !strings.Contains(report, other) || other == "" && !strings.Contains(report, first) {
					t.Errorf("%q is not said (half left out: %t):\n%s", said, some, report)
				}
			}
		})
	}
}

// TestColumnsThatAreNoNumbersAreToldOf refuses what no model of numbers takes,
// by the column, and reads the texts for a model that takes them.
func TestColumnsThatAreNoNumbersAreToldOf(t *testing.T) {
	for _, name := range []string{"table.parquet", "table.feather"} {
		for column, what := range map[string]string{"text": `holds text ("a") in row 1`, "raw": "holds bytes in row 1", "tags": "holds an object", "items": "holds an object"} {
			drop := strings.Join(without([]string{"text", "raw", "tags", "items"}, column), ",")
			_, err := files.Open([]string{"testdata/" + name}, files.Options{Label: "kind", Drop: drop})
			var refused *pipeline.Error
			if !errors.As(err, &refused) || !strings.Contains(refused.Message(), `column "`+column+`" `+what) || !strings.Contains(refused.Hint, "--drop "+column) {
				t.Errorf("%s: %s: %v", name, column, err)
			}
		}
		r, err := files.Open([]string{"testdata/" + name}, files.Options{Label: "kind", Text: "text", Drop: "n,f,half,big,small,yes,at,day,time,price,v,m,pay.amount,pay.to.id,raw,tags,items", Format: pipeline.JSON})
		if err != nil {
			t.Fatal(err)
		}
		_, sample, err := r.Next()
		if err != nil || string(sample) != `{"text":"a"}` {
			t.Errorf("%s: %s, %v", name, sample, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func without(all []string, one string) (rest []string) {
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}

// TestTFRecordsAreRead reads examples as TensorFlow writes them.
func TestTFRecordsAreRead(t *testing.T) {
	nan := math.NaN()
	for _, name := range []string{"table.tfrecord", "packed.tfrecord"} {
		r, err := files.Open([]string{under(t, name, "part-00000-of-00001")}, files.Options{Label: "kind", Format: pipeline.JSON})
		if err != nil {
			t.Fatal(name, err)
		}
		x, y := drain(t, r, 4, 1)
		want := [][]float64{{31, nan, 0.5, 1.5}, {32, 9007199254740993, 2.5, 3.5}, {nan, -1, 4.5, 5.5}}
		if diff := cmp.Diff(want, x, cmpopts.EquateNaNs()); diff != "" {
			t.Error(name, diff)
		}
		if diff := cmp.Diff([][]float64{{1}, {0}, {1}}, y); diff != "" {
			t.Error(name, diff)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamagedTablesAreRefused cuts and changes each file at each of its bytes:
// none panics, and a file that is cut is never read as whole.
func TestDamagedTablesAreRefused(t *testing.T) {
	drop := files.Options{Only: true, Drop: "text,raw,tags,items,kind"}
	for _, name := range []string{"table.parquet", "zstd.parquet", "table.feather", "table.arrows", "table.tfrecord"} {
		whole, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "tfrecord") {
			drop.Drop = "kind"
		}
		step := 1 + len(whole)/40
		for n := 0; n < len(whole); n += step {
			rows, err := readAll(write(t, name, string(whole[:n])), drop)
			if err == nil && !strings.HasSuffix(name, "tfrecord") && !strings.HasSuffix(name, "arrows") {
				t.Errorf("%s cut after %d bytes: %d rows", name, n, rows)
			}
			changed := []byte(string(whole))
			changed[n] ^= 0x55
			_, _ = readAll(write(t, name, string(changed)), drop) // it may hold other numbers
		}
	}
}

func readAll(path string, o files.Options) (rows int, err error) {
	r, err := files.Open([]string{path}, o)
	if err != nil {
		return 0, err
	}
	for ; ; rows++ {
		if _, _, err = r.Next(); err != nil {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return rows, errors.Join(err, r.Close())
}
