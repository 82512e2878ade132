package cases

import (
	"fmt"
	"strings"
)

// arrayRows are NPY, NPZ and IDX files.
func arrayRows() []row {
	all := []row{
		sends("C15 fortran", "read, or the cure", "file:c15-fortran.npy file:c15-y.npy", "20 in the log|ascontiguousarray"),
		sends("C15 short label", "both counts", "file:c15-x.npy file:c15-short-label.npy", "0 in the log", "19", "20"),
		sends("C15 cut", "said", "file:c15-cut.npy file:c15-y.npy", "0 in the log", "!code 0"),
		sends("C15 scalar", "said", "file:c15-scalar.npy file:c15-y.npy", "0 in the log", "!code 0"),
		sends("C15 no rows", "said", "file:c15-no-rows.npy", "0 in the log"),
		sends("C15 dates", "dates, and what to do", "file:c15-dates.npy file:c15-y.npy", "0 in the log", "date", "!'descr'"),
		sends("C15 objects", "Python objects", "file:c15-objects.npy", "0 in the log", "objects", "!'descr'"),
		sends("C15 structured", "fields", "file:c15-structured.npy", "0 in the log", "structured|record|fields", "!'descr'"),
		sends("C15 complex", "complex", "file:c15-complex.npy file:c15-y.npy", "0 in the log", "complex", "!'descr'"),
		sends("C15 text label", "text, or classes", "file:c15-x.npy file:c15-text-label.npy", "text|classes", "!'descr'"),
		sends("C15 bytes label", "text, or classes", "file:c15-x.npy file:c15-bytes-label.npy", "text|bytes|classes", "!'descr'"),
		sends("C15 nan", "counted", "file:c15-nan.npy file:c15-y.npy", "missing|NaN", "20 in the log"),
		sends("C16 own names", "the other is the sample", "file:c16-own-names.npz --label material", "20 in the log", "spectra"),
		sends("C16 own names, no label", "members, and --label", "file:c16-own-names.npz", "spectra", "material", "--label"),
		sends("C16 lengths", "both counts", "file:c16-lengths-differ.npz", "0 in the log", "10", "20"),
		sends("C16 one member", "said, or sent without a label", "file:c16-one-member.npz", "x"),
		sends("C16 pickled", "Python objects", "file:c16-pickled.npz", "0 in the log", "objects", "!'descr'"),
		sends("C16 test only", "20 rows", "file:c16-test-only.npz", "20 in the log|x_test"),
		sends("C16 other names", "20 rows", "file:c16-other-names.npz", "20 in the log"),
		sends("C17 short labels", "both counts", "file:c17-images-idx3-ubyte file:c17-short-labels-idx1-ubyte", "0 in the log", "19", "20"),
		sends("C17 gzip without .gz", "read", "file:c17-images-idx3-ubyte file:c17-gzip-without-gz-idx1-ubyte", "20 in the log|gzip"),
		sends("C17 .gz without gzip", "read, or said", "file:c17-images-idx3-ubyte file:c17-not-gzip-idx1-ubyte.gz", "20 in the log|not gzip|no gzip"),
		sends("C18 blanks", "said", "file:c18-blanks.csv", "20 in the log|blank|space"),
		sends("C18 header", "mended", "file:c18-savetxt-header.csv --label y", "20 in the log"),
		sends("C18 savetxt", "7 columns", "file:c18-savetxt.csv", "20 in the log"),
		sends("C18 txt", "how to say that it is a table", "file:c18-savetxt.txt", "--as|20 in the log"),
	}
	for _, x := range []string{"c15-x", "c15-big-endian", "c15-half", "c15-version2", "c15-fortran-one-axis", "c15-x.npy.gz"} {
		all = append(all, sends("C15 "+x, "20 rows", fmt.Sprintf("file:%s.npy file:c15-y.npy", strings.TrimSuffix(x, ".npy.gz")), "20 in the log"))
	}
	for _, y := range []string{"c15-big-endian-label", "c15-bool-label", "c15-one-hot-label", "c15-column-label", "c15-labels-from-one"} {
		all = append(all, sends("C15 "+y, "20 rows", fmt.Sprintf("file:c15-x.npy file:%s.npy", y), "20 in the log"))
	}
	for _, name := range []string{"xy", "keras-datasets", "positional", "compressed"} {
		all = append(all, sends("C16 "+name, "20 rows", fmt.Sprintf("file:c16-%s.npz", name), "20 in the log"))
	}
	for name, pair := range map[string]string{
		"pair": "images-idx3-ubyte labels-idx1-ubyte", "gz": "images-idx3-ubyte.gz labels-idx1-ubyte", "dotted": "images.idx3-ubyte labels-idx1-ubyte",
		"int label": "images-idx3-ubyte int-idx1-int", "double": "double-idx2-double labels-idx1-ubyte", "letters": "images-idx3-ubyte letters-labels-idx1-ubyte",
	} {
		x, y, _ := strings.Cut(pair, " ")
		all = append(all, sends("C17 "+name, "20 rows", fmt.Sprintf("file:c17-%s file:c17-%s", x, y), "20 in the log"))
	}
	return all
}

// containerRows are Avro containers, JSON lines, and files of other programs.
func containerRows() []row {
	all := []row{
		sends("C19 cut", "refused", "file:c19-cut.avro --label y", "!code 0"),
		sends("C19 no rows", "said", "file:c19-no-rows.avro --label y", "0 in the log", "!code 0"),
		sends("C19 zstandard", "codec and cure", "file:c19-zstandard.avro --label y", "0 in the log", "zstandard", "deflate|snappy|write"),
		sends("C20 dropped", "20 rows", "file:c20-mixed.avro --label y --drop id,at,price,geo,tags,kind", "20 in the log"),
		sends("C20 kept", "what is no number, and --drop", "file:c20-mixed.avro --label y", "0 in the log", "--drop", "!time.Time"),
		sends("C21 nested, dropped", "20 rows", "file:c21-nested-to-drop.jsonl --label y --drop meta,note", "20 in the log"),
		sends("C21 nested, small", "2 rows", "file:jd.jsonl --label y --drop meta", "2 in the log"),
		sends("C21 nested", "the member, and --drop", "file:c21-nested-to-drop.jsonl --label y", "0 in the log", "meta", "--drop"),
		sends("C21 bom", "20 rows", "file:c21-bom.jsonl --label y", "20 in the log"),
		sends("C21 bom, small", "2 rows", "file:jb.jsonl --label y", "2 in the log"),
		sends("C21 missing later", "said", "file:c21-missing-later.jsonl --label y", "missing", "b 10|b"),
		sends("C21 missing first", "read, or said", "file:c21-missing-first.jsonl --label y", "missing|b"),
		sends("C21 bad line", "line 21", "file:c21-bad-line.jsonl --label y", "line 21|row 21|row 20", "!code 0"),
		sends("C21 array", "read, or said", "file:c21-array.json --label y", "20 in the log|array"),
		sends("C21 array, small", "read, or said", "file:jr.json --label y", "2 in the log|array"),
		sends("C21 pretty", "read, or said", "file:c21-pretty.json --label y", "20 in the log|array|lines"),
		sends("C21 columns", "refused, or 20 rows", "file:c21-columns.json --label y", "20 in the log|columns"),
		sends("C21 NaN", "line 21", "file:c21-null-and-nan.jsonl --label y", "line 21|row 21|row 20|21 in the log"),
		sends("C21 numbers as text", "text", "file:c21-numbers-as-text.jsonl --label y", "0 in the log", "text"),
		sends("C22", "20 rows", "file:c22-examples.tfrecord", "20 in the log"),
		sends("C23", "damaged", "file:c23-table.parquet", "0 in the log", "damaged|cut", "write"),
		sends("C24", "the picture that is damaged", "file:c24-images", "0 in the log", "11.jpg"),
		sends("C25 zip", "unpack it", "file:c25-data.csv.zip --label y", "0 in the log|20 in the log", "zip|20 in the log"),
		sends("C25 xlsx", "save as CSV", "file:c25-data.xlsx --label y", "0 in the log", "csv"),
		sends("C25 arff", "conversion", "file:c25-data.arff --label y", "0 in the log", "csv"),
		sends("C25 libsvm", "conversion", "file:c25-data.libsvm", "0 in the log", "csv|npz"),
		sends("C25 .data", "--as csv", "file:c25-data.data --label y", "--as|20 in the log"),
		sends("C25 .data as csv", "20 rows", "file:c25-data.data --label y --as csv", "20 in the log"),
		sends("C25 no ending", "--as csv", "file:c25-data --label y", "--as|20 in the log"),
		sends("C25 .tab", "--as csv, or read", "file:c25-data.tab --label y", "--as|20 in the log"),
		sends("C25 .CSV", "20 rows", "file:c25-DATA.CSV --label y", "20 in the log"),
	}
	for _, name := range []string{"c19-null.avro", "c19-no-codec.avro", "c19-deflate.avro", "c19-snappy.avro", "c21-plain.jsonl", "c21-crlf.jsonl", "c21-other-order.jsonl", "c21-arrays.jsonl", "c21-one-hot.jsonl"} {
		id := strings.ToUpper(name[:3]) + " " + name[4:]
		all = append(all, sends(id, "20 rows", "file:"+name+" --label y", "20 in the log"))
	}
	return all
}
