package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// refusal is what a rejected event and a problem document say of an error:
// the members of pipeline.Error. A problem has its reason in detail.
type refusal struct {
	Op     string             `json:"op"`
	Kind   pipeline.Kind      `json:"kind"`
	Field  string             `json:"field"`
	Reason string             `json:"reason"`
	Detail string             `json:"detail"`
	Title  string             `json:"title"`
	Hint   string             `json:"hint"`
	At     *pipeline.Position `json:"at"`
}

func (r refusal) error(fallback pipeline.Kind) *pipeline.Error {
	if r.Kind == "" {
		r.Kind = fallback
	}
	for _, reason := range []string{r.Detail, r.Title} {
		if r.Reason == "" {
			r.Reason = reason
		}
	}
	return &pipeline.Error{Op: r.Op, Kind: r.Kind, Field: r.Field, Reason: r.Reason, Hint: r.Hint, At: r.At}
}

// problem turns a refused request's answer into the error it stands for. It
// reads at most 1 MiB of it.
func problem(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return unreachable(resp.Request, err)
	}
	var r refusal
	if json.Unmarshal(body, &r) != nil || r.Reason == "" && r.Detail == "" && r.Title == "" {
		r = refusal{Reason: fmt.Sprintf("%s %s answered %s: %s",
			resp.Request.Method, resp.Request.URL, resp.Status, firstLine(string(body)))}
		if strings.Contains(r.Reason, "HTTP request to an HTTPS server") {
			r.Hint = "write https://" + resp.Request.URL.Host
		}
	}
	return r.error(kindOfStatus(resp.StatusCode))
}

// kindOfStatus sorts a status that came without a kind of its own.
func kindOfStatus(status int) pipeline.Kind {
	switch status {
	case http.StatusNotFound:
		return pipeline.NotFound
	case http.StatusConflict:
		return pipeline.Conflict
	case http.StatusUnauthorized:
		return pipeline.Unauthenticated
	case http.StatusForbidden:
		return pipeline.Forbidden
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return pipeline.Unavailable
	}
	if status < 500 {
		return pipeline.Invalid
	}
	return pipeline.Internal
}

// unreachable is the error of a request that got no answer.
func unreachable(req *http.Request, err error) error {
	if ctx := req.Context().Err(); errors.Is(ctx, context.Canceled) {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL, ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if kind := pipeline.KindOf(err); kind == pipeline.Unauthenticated || kind == pipeline.Invalid { // of the token
		return err
	}
	return &pipeline.Error{
		Op: "reach " + req.URL.Scheme + "://" + req.URL.Host, Kind: pipeline.Unavailable, Err: err,
		Hint: wayTo(req.URL.Host, err),
	}
}

// wayTo says what to do about a connection that failed: where somebody answers,
// kafkaml need not be started.
func wayTo(host string, err error) string {
	switch {
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "name the file of the authority that signed its certificate with --ca or KAFKAML_CA, and its address as the certificate has it"
	case errors.As(err, new(tls.RecordHeaderError)), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "it takes no TLS: write http://" + host
	}
	return "start kafkaml with `kafkaml run`, or name another address with --server or KAFKAML_URL"
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	if s == "" {
		return "no reason given"
	}
	return s
}
