package files

import (
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// UploadName is the name under which an upload is stored: the last element of its
// own, which may be anything, as far as it can name a file. It tells the format.
func UploadName(given string) string {
	const most = 200 // bytes; file systems take 255
	name := filepath.Base(filepath.Clean("/" + strings.ReplaceAll(given, `\`, "/")))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name)
	if len(name) > most {
		name = strings.ToValidUTF8(name[len(name)-most:], "") // with its ending
	}
	if name == "/" || name == "." || name == ".." || name == "" {
		return "upload"
	}
	return name
}
