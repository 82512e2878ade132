package schemas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The bounds of what a registry may answer: schemas come from whoever writes to
// it.
const (
	requestTime    = 10 * time.Second
	answerBytes    = 8 << 20 // of one answer
	cacheBytes     = 64 << 20
	cacheSchemas   = 10_000
	mostReferences = 200
	failurePause   = 500 * time.Millisecond // that a registry which failed is left alone
)

// Client fetches schemas. A nil Client is that of an installation without a
// registry.
type Client struct {
	registry *sr.Client
	where    string
	turn     chan struct{} // holds a token for who may ask

	mu     sync.Mutex
	known  map[uint32]codec.Schema
	bytes  int
	failed error // what the last question came to, until then
	until  time.Time
}

// New makes a client, nil where the Config names no registry. Nothing is asked
// yet.
func New(c Config) (*Client, error) {
	if !c.Set() {
		return nil, nil // none is an answer
	}
	t, err := c.tls()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = t
	options := []sr.ClientOpt{
		sr.URLs(c.URLs...), sr.UserAgent("kafkaml"),
		sr.HTTPClient(&http.Client{Timeout: requestTime, Transport: bounded{transport}, CheckRedirect: stay}),
	}
	if c.Username != "" {
		options = append(options, sr.BasicAuth(c.Username, c.Password))
	}
	if c.Token != "" {
		options = append(options, sr.BearerToken(c.Token))
	}
	registry, err := sr.NewClient(options...)
	if err != nil {
		return nil, pipeline.Invalidf(envURL, "%v", err)
	}
	client := &Client{registry: registry, where: strings.Join(c.URLs, ","), turn: make(chan struct{}, 1), known: map[uint32]codec.Schema{}}
	client.turn <- struct{}{}
	return client, nil
}

// stay follows a redirect only within the host that was asked: credentials and
// requests go nowhere else.
func stay(next *http.Request, via []*http.Request) error {
	if asked := via[0].URL; next.URL.Host != asked.Host || next.URL.Scheme != asked.Scheme {
		return fmt.Errorf("it redirects to %s, which is not followed", next.URL.Host)
	}
	if len(via) > 3 {
		return errors.New("it redirects in a circle")
	}
	return nil
}

// bounded refuses answers that are too large.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = &boundedBody{answer.Body, answerBytes}
	}
	return answer, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("it answers more than %d MiB", answerBytes>>20)
	}
	return n, err
}

// Ping asks whether the registry answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.registry.SupportedTypes(ctx)
	if err != nil {
		return c.trouble(err)
	}
	return nil
}

// resolve asks the registry, once, for what a decoder lacks, and teaches it.
func (c *Client) resolve(ctx context.Context, m *codec.Missing) error {
	if c == nil { // a decoder of framed records was made for an installation without a registry
		return pipeline.Invalidf(envURL, "is not set, and a record names schema %d of a registry", m.ID)
	}
	s, err := c.Schema(ctx, m.ID)
	if err != nil {
		return err
	}
	m.Learn(s)
	return nil
}

// Schema gives the schema of an id. One question is asked at a time, and for a
// moment none after one that failed, so that many records ask for a schema once.
func (c *Client) Schema(ctx context.Context, id uint32) (codec.Schema, error) {
	if s, err, known := c.cached(id); known {
		return s, err
	}
	select {
	case <-ctx.Done():
		return codec.Schema{}, context.Cause(ctx)
	case <-c.turn:
	}
	defer func() { c.turn <- struct{}{} }()
	if s, err, known := c.cached(id); known {
		return s, err
	}
	s, err := c.fetch(ctx, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.keep(id, s)
	case ctx.Err() == nil && pipeline.KindOf(err) == pipeline.Unavailable:
		c.failed, c.until = err, time.Now().Add(failurePause)
	}
	return s, err
}

// cached is what is known of an id without asking.
func (c *Client) cached(id uint32) (s codec.Schema, err error, known bool) { // the error is what is known
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, known = c.known[id]; known {
		return s, nil, true
	}
	if c.failed != nil && time.Now().Before(c.until) {
		return s, c.failed, true
	}
	return s, nil, false
}

// keep remembers a schema: an id never names another one.
func (c *Client) keep(id uint32, s codec.Schema) {
	if c.bytes > cacheBytes || len(c.known) >= cacheSchemas {
		clear(c.known)
		c.bytes = 0
	}
	c.known[id] = s
	c.bytes += len(s.Text)
	for _, r := range s.References {
		c.bytes += len(r)
	}
	c.failed = nil
}

func (c *Client) fetch(ctx context.Context, id uint32) (codec.Schema, error) {
	if id > math.MaxInt32 { // registries give none so large, and answer in words of their own
		return codec.Schema{}, c.unknown(id, nil)
	}
	found, err := c.registry.SchemaByID(ctx, int(id))
	if c.lacks(ctx, err) {
		return codec.Schema{}, c.unknown(id, err)
	}
	if err == nil && found.Schema == "" {
		err = errors.New("it answers without a schema")
	}
	if err != nil {
		return codec.Schema{}, c.trouble(err)
	}
	s := codec.Schema{Type: found.Type.String(), Text: found.Schema}
	w := walk{client: c, seen: map[sr.SchemaReference]bool{}}
	if err := w.references(ctx, found.References, 0); err != nil {
		return codec.Schema{}, c.trouble(err)
	}
	s.References, s.Names = w.texts, w.names
	return s, nil
}

// lacks reports whether an answer is that there is no such schema, and not that
// there is no registry at this path.
func (c *Client) lacks(ctx context.Context, err error) bool {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != http.StatusNotFound {
		return false
	}
	return answer.ErrorCode == sr.ErrSchemaNotFound.Code || c.Ping(ctx) == nil
}

func (c *Client) unknown(id uint32, err error) error {
	return &pipeline.Error{
		Kind: pipeline.Invalid, Err: err,
		Reason: fmt.Sprintf("the schema registry at %s knows no schema %d", c.where, id),
		Hint:   "was the record written for another registry, or its schema deleted? Leave it out of the announced ranges, or mend SCHEMA_REGISTRY_URL",
	}
}

// walk gathers what a schema refers to.
type walk struct {
	client *Client
	seen   map[sr.SchemaReference]bool
	texts  []string
	names  []string
	bytes  int
}

func (w *walk) references(ctx context.Context, all []sr.SchemaReference, depth int) error {
	for _, r := range all {
		if w.seen[r] {
			continue
		}
		w.seen[r] = true
		if len(w.seen) > mostReferences || depth > mostReferences {
			return fmt.Errorf("a schema refers to more than %d others", mostReferences)
		}
		found, err := w.client.registry.SchemaByVersion(ctx, r.Subject, r.Version)
		if err != nil {
			return fmt.Errorf("subject %s, version %d, that a schema refers to: %w", r.Subject, r.Version, err)
		}
		if err := w.references(ctx, found.References, depth+1); err != nil {
			return err
		}
		if w.bytes += len(found.Schema.Schema); w.bytes > answerBytes {
			return fmt.Errorf("a schema and what it refers to are larger than %d MiB", answerBytes>>20)
		}
		w.texts, w.names = append(w.texts, found.Schema.Schema), append(w.names, r.Name)
	}
	return nil
}

const opSchema = "ask the schema registry"

// ErrRefused is that the registry knows us not, which waiting does not mend.
var ErrRefused = errors.New("it refuses our credentials")

// trouble is that the registry does not answer as one. No record is at fault.
func (c *Client) trouble(err error) error {
	e := &pipeline.Error{
		Op: opSchema, Kind: pipeline.Unavailable, Err: err,
		Reason: fmt.Sprintf("what answers at %s is no schema registry: %v", c.where, err),
		Hint:   "does SCHEMA_REGISTRY_URL name the registry, with the path of its API (Apicurio: /apis/ccompat/v7)?",
	}
	var answer *sr.ResponseError
	var away *url.Error
	switch {
	case errors.As(err, &away):
		e.Reason, e.Hint = fmt.Sprintf("the schema registry at %s does not answer: %v", c.where, away.Err), "is it running, and does SCHEMA_REGISTRY_URL name it?"
	case !errors.As(err, &answer):
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		e.Err = errors.Join(ErrRefused, err)
		e.Reason = fmt.Sprintf("the schema registry at %s refuses our credentials (status %d)", c.where, answer.StatusCode)
		e.Hint = "set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN, or a client certificate"
	default:
		e.Reason = fmt.Sprintf("the schema registry at %s answers status %d: %s", c.where, answer.StatusCode, brief(answer.Error()))
	}
	return e
}

// brief is the beginning of what a stranger said.
func brief(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
