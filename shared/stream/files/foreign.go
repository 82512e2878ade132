package files

import (
	"bytes"
	"regexp"
	"strings"
)

// What files are that hold no records as this package reads them.
const (
	zipped      = "a zip archive"
	spreadsheet = "a spreadsheet"
	workbook    = "a spreadsheet of an old Excel"
	hdf5        = "an HDF5 file"
	pickled     = "a Python pickle"
	arff        = "an ARFF file"
	feather1    = "a Feather file of version 1"
	picture     = "a picture"
	html        = "a web page"
	xml         = "an XML file"
	matlab      = "a MATLAB file"
	libsvm      = "a LIBSVM file"
	packed      = "a packed file"
	database    = "an SQLite database"
	orc         = "an ORC file"
	torch       = "a file of PyTorch"
	stata       = "a file of a statistics program"
	pointer     = "a pointer of Git LFS in place of a file"
)

// magics are the first bytes of such files.
var magics = []struct{ magic, what string }{
	{"PK\x03\x04", zipped},
	{"PK\x05\x06", zipped},
	{"\xd0\xcf\x11\xe0", workbook},
	{"\x89HDF", hdf5},
	{"\x80\x02", pickled},
	{"\x80\x03", pickled},
	{"\x80\x04", pickled},
	{"\x80\x05", pickled},
	{"FEA1", feather1},
	{"ORC", orc},
	{"\x89PNG", picture},
	{"\xff\xd8\xff", picture},
	{"GIF8", picture},
	{"II*\x00", picture},
	{"MM\x00*", picture},
	{"SQLite format 3", database},
	{"MATLAB 5.0", matlab},
	{"BZh", packed},
	{"\xfd7zXZ", packed},
	{"\x28\xb5\x2f\xfd", packed},
	{"7z\xbc\xaf", packed},
	{"Obj\x01", "an Avro container"},
	{"\x93NUMPY", "an NPY file"},
	{parquetMagic, "a Parquet file"},
	{arrowFile, "an Arrow or Feather file"},
	{"%PDF", "a PDF"},
}

// endings are the names of such files.
var endings = map[string]string{
	".xlsx": spreadsheet, ".ods": spreadsheet, ".xls": workbook, ".xlsm": spreadsheet,
	".arff": arff, ".h5": hdf5, ".hdf5": hdf5, ".pkl": pickled, ".pickle": pickled,
	".mat": matlab, ".libsvm": libsvm, ".svm": libsvm, ".svmlight": libsvm, ".orc": orc,
	".pt": torch, ".pth": torch, ".sav": stata, ".dta": stata, ".sas7bdat": stata, ".rds": stata, ".zip": zipped, ".html": html, ".xml": xml,
	".png": picture, ".jpg": picture, ".jpeg": picture, ".bz2": packed, ".xz": packed, ".zst": packed, ".7z": packed, ".tar": packed, ".tgz": packed,
	".sqlite": database, ".db": database,
}

const pandas = `python -c 'import pandas; pandas.`

// cures are ways from such files to one that can be read; %s is the file.
var cures = map[string]string{
	zipped:                     "unpack it (unzip %s), and send the file that it holds",
	spreadsheet:                pandas + `read_excel("%s").to_csv("new.csv", index=False)', or save it as CSV`,
	workbook:                   pandas + `read_excel("%s").to_csv("new.csv", index=False)', or save it as CSV`,
	hdf5:                       `save its arrays with numpy.savez("new.npz", x=x, y=y), or a table of it: ` + pandas + `read_hdf("%s").to_csv("new.csv", index=False)'`,
	pickled:                    pandas + `read_pickle("%s").to_csv("new.csv", index=False)'`,
	arff:                       `python -c 'import pandas, scipy.io.arff; pandas.DataFrame(scipy.io.arff.loadarff("%s")[0]).to_csv("new.csv", index=False)'`,
	feather1:                   pandas + `read_feather("%s").to_parquet("new.parquet")'`,
	orc:                        pandas + `read_orc("%s").to_csv("new.csv", index=False)'`,
	picture:                    "put the pictures into a folder for each class, and name the folder around those, or a zip archive of it",
	html:                       "save the file itself: what was saved is the page around it",
	xml:                        pandas + `read_xml("%s").to_csv("new.csv", index=False)'`,
	matlab:                     `python -c 'import numpy, scipy.io; m = scipy.io.loadmat("%s"); numpy.savez("new.npz", **{k: v for k, v in m.items() if k[0] != "_"})'`,
	libsvm:                     `python -c 'import numpy, sklearn.datasets; x, y = sklearn.datasets.load_svmlight_file("%s"); numpy.savez("new.npz", x=x.toarray(), y=y)'`,
	pointer:                    "fetch the file itself: git lfs pull",
	packed:                     "unpack it; of packed files those of gzip are read as they are",
	database:                   `write a table as CSV: sqlite3 -header -csv %s "select * from TABLE" > new.csv`,
	torch:                      `python -c 'import numpy, torch; x, y = torch.load("%s"); numpy.savez("new.npz", x=x, y=y)'`,
	stata:                      "write it as CSV with the program that made it, or with pandas (read_stata, read_spss, read_sas)",
	"an Avro container":        "--as avro reads it",
	"an NPY file":              "--as npy reads it",
	"a Parquet file":           "--as parquet reads it",
	"an Arrow or Feather file": "--as arrow reads it",
	"a PDF":                    "write its table as CSV",
}

// sparse is a line of LIBSVM: a label, then numbers by the number of their
// feature.
var sparse = regexp.MustCompile(`^[+-]?[\d.]+( \d+:[+-]?[\d.e+-]+)+\s*\n`)

// content says of which other kind the first bytes of a file are; empty where
// they do not tell.
func content(start []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(start, []byte(m.magic)) && (m.magic[0] < 'A' || m.magic[0] > 'Z' || !readable(start)) { // a header may begin so
			return m.what
		}
	}
	text := strings.ToLower(strings.TrimLeft(string(start[:min(len(start), 512)]), "\ufeff \t\r\n"))
	switch {
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return html
	case strings.HasPrefix(text, "<?xml"):
		return xml
	case strings.HasPrefix(text, "@relation"), strings.HasPrefix(text, "%") && strings.Contains(text, "@relation"):
		return arff
	case strings.HasPrefix(text, "version https://git-lfs"):
		return pointer
	case sparse.MatchString(text):
		return libsvm
	}
	return ""
}
