package terminal

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Curl writes the shell command that sends req. It reads req's body.
func Curl(req *http.Request) (string, error) {
	words := []string{"curl", "-sS"}
	if req.Method != http.MethodGet {
		words = append(words, "-X", req.Method)
	}
	words = append(words, Quote(req.URL.String()))
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, value := range req.Header[name] {
			words = append(words, "-H", Quote(name+": "+value))
		}
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return "", err
		}
		words = append(words, "--data-binary", Quote(string(body)))
	}
	return strings.Join(words, " ") + "\n", nil
}

// Quote makes s one word of a POSIX shell.
func Quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:,=@%+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
