package door

import (
	"net/http"
	"strconv"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Number reads a whole number from least to most from a request's query, and
// gives otherwise where it is left out.
func Number[N int | int64](r *http.Request, name string, otherwise, least, most N) (N, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	return number(name, text, least, most)
}

// QueryID reads an id from a request's query.
func QueryID(r *http.Request, name string) (int64, error) {
	return parseID(name, r.URL.Query().Get(name))
}

// number parses a whole number from least to most.
func number[N int | int64](name, text string, least, most N) (N, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < int64(least) || n > int64(most) {
		return 0, pipeline.Invalidf(name, "%q is not a whole number from %d to %d", text, least, most)
	}
	return N(n), nil
}

func parseID(name, text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, pipeline.Invalidf(name, "%q is not an id", text).WithHint("ids are positive integers")
	}
	return id, nil
}
