// Package client talks to kafkaml's functions: commands are CloudEvents posted
// to a function's door, reads are its REST resources, live facts its stream of
// server-sent events. Every error that a function answers with comes back as a
// *pipeline.Error.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// DefaultBase is where kafkaml run listens unless told otherwise.
var DefaultBase = "http://127.0.0.1:" + strconv.Itoa(pipeline.DefaultPort)

// maxAnswer bounds what is read of one JSON answer, in bytes.
const maxAnswer = 64 << 20

// Client is safe for concurrent use. Its members may be set before first use
// and not changed after.
type Client struct {
	Base   string            // origin, without a slash at its end
	URLs   map[string]string // by function; one that is absent is Base + "/" + its name
	HTTP   *http.Client      // http.DefaultClient when nil
	Source string            // of the events sent
	// Token gives the bearer token of a request, "" for none; nil for none ever.
	Token func(ctx context.Context) (string, error)

	// Brokers is the Kafka that the server uses, each host:port, and
	// ControlTopic its control topic; empty where it does not say.
	Brokers      []string
	ControlTopic string
	Tenant       string // among installations that share Kafka
}

// New is a client of the functions that lie under base, DefaultBase when empty.
func New(base string) *Client {
	if base == "" {
		base = DefaultBase
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Client{
		Base: strings.TrimRight(base, "/"), URLs: map[string]string{},
		Source: "/kafkaml/client/" + url.PathEscape(host),
	}
}

// Config is config.json, as the page and this client read it. Addresses are
// absolute or relative to the file itself.
type Config struct {
	Functions    map[string]string `json:"functions" description:"where each function is, by name"`
	Predict      string            `json:"predict,omitempty" description:"below it lies each predict function under its name, or with the name of its Service in place of a star"`
	Brokers      []string          `json:"brokers,omitempty" description:"Kafka's addresses, each host:port"`
	ControlTopic string            `json:"control_topic,omitempty"`
	Tenant       string            `json:"tenant,omitempty" description:"what begins its consumer groups, where several installations share Kafka"`
	Health       string            `json:"health,omitempty" description:"answers 503 with the reason while the broker that runs beside the functions is down; only where one does"`
	Cluster      *ConfigCluster    `json:"cluster,omitempty" description:"where the functions run in Kubernetes"`
}

// ConfigCluster says where in Kubernetes the functions run.
type ConfigCluster struct {
	Namespace string `json:"namespace"`
	Server    string `json:"server" description:"the page's address within the cluster"`
}

// ConfigBelow is the config.json of an origin that serves every function under
// its name.
func ConfigBelow(brokers []string, controlTopic, tenant string) Config {
	c := Config{Functions: map[string]string{}, Brokers: brokers, ControlTopic: controlTopic, Tenant: tenant}
	for _, step := range pipeline.Steps {
		c.Functions[step] = "/" + step
	}
	return c
}

// Discover is New by an HTTP client, nil for the default one, with the functions'
// URLs read from base/config.json. A server without that file serves each
// function under its name.
func Discover(ctx context.Context, base string, by *http.Client) (*Client, error) {
	c := New(base)
	if err := checkBase(c.Base); err != nil {
		return nil, err
	}
	c.HTTP = by
	var config Config
	err := c.getJSON(ctx, c.Base+"/config.json", &config)
	if pipeline.KindOf(err) == pipeline.NotFound || errors.Is(err, errNotJSON) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	return c, c.apply(config)
}

// checkBase refuses an address that says no scheme, as host:port alone does.
func checkBase(base string) error {
	u, err := url.Parse(base)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return nil
	}
	refusal := pipeline.Invalidf("server", "%q is not an address that begins with http:// or https://", base)
	if strings.Contains(base, "://") {
		return refusal.WithHint("write it as %s", DefaultBase)
	}
	return refusal.WithHint("write it as http://%s", base)
}

func (c *Client) apply(config Config) error {
	base, err := url.Parse(c.Base + "/")
	if err != nil {
		return &pipeline.Error{Op: "read config.json", Kind: pipeline.Invalid, Field: "server", Err: err}
	}
	c.Brokers, c.ControlTopic, c.Tenant = config.Brokers, config.ControlTopic, config.Tenant
	for name, ref := range config.Functions {
		u, err := base.Parse(ref)
		if err != nil {
			return &pipeline.Error{Op: "read config.json", Kind: pipeline.Invalid, Field: "functions." + name, Err: err}
		}
		c.URLs[name] = strings.TrimRight(u.String(), "/")
	}
	return nil
}

// FunctionURL is where a function is, without a slash at its end.
func (c *Client) FunctionURL(function string) string {
	if u, ok := c.URLs[function]; ok {
		return u
	}
	return c.Base + "/" + function
}

func (c *Client) client() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return http.DefaultClient
}

// send is Do of the HTTP client, with the token and the trace of the request's
// context. One that is redirected to
// another host goes there without.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	if c.Token != nil {
		token, err := c.Token(req.Context())
		if err != nil {
			return nil, err
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
	}
	tracing.Inject(req.Context(), req.Header)
	return c.client().Do(req)
}

// errNotJSON marks an answer of another type, such as a page for people.
var errNotJSON = errors.New("the answer is not JSON")

// getJSON reads a resource into v.
func (c *Client) getJSON(ctx context.Context, address string, v any) error {
	body, _, err := c.open(ctx, address, "application/json")
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(v); err != nil {
		if ctx.Err() != nil { // cut off, whatever it says
			return fmt.Errorf("read %s: %w", address, ctx.Err())
		}
		return &pipeline.Error{
			Op: "read " + address, Err: fmt.Errorf("%w: %w", errNotJSON, err),
			Hint: "is this kafkaml's address? --server or KAFKAML_URL names another",
		}
	}
	return nil
}

// open gets address and returns its body and length (-1 where unknown); a
// status of 300 or more is an error.
func (c *Client) open(ctx context.Context, address, accept string) (io.ReadCloser, int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, &pipeline.Error{Op: "read " + address, Kind: pipeline.Invalid, Field: "server", Err: err}
	}
	req.Header.Set("Accept", accept)
	resp, err := c.do(req)
	if err != nil {
		return nil, 0, err
	}
	return resp.Body, resp.ContentLength, nil
}

// do sends a request; a status of 300 or more is an error.
func (c *Client) do(req *http.Request) (*http.Response, error) {
	resp, err := c.send(req)
	if err != nil {
		return nil, unreachable(req, err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, problem(resp)
	}
	return resp, nil
}

// saveTo writes what address holds to w and returns the bytes written.
func (c *Client) saveTo(ctx context.Context, address string, w io.Writer) (int64, error) {
	body, size, err := c.open(ctx, address, "*/*")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.Copy(w, body)
	if err == nil && size >= 0 && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		return n, nil
	}
	if errors.As(err, new(*fs.PathError)) {
		return n, &pipeline.Error{Op: "save " + address, Err: err}
	}
	return n, &pipeline.Error{Op: "read " + address, Kind: pipeline.Unavailable, Err: err, Hint: "try again"}
}
