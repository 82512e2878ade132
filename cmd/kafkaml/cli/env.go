// Package cli holds what kafkaml's commands share: where to read and write,
// which server to ask, how to answer, and what an error becomes.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/framework"
)

// Env is one invocation of the program: its streams, its settings and its
// connection to the functions.
type Env struct {
	Program  string // "kafkaml", or "kn kafkaml" as a plugin of kn
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	// Frameworks are those that models may be of.
	Frameworks framework.Registry

	server string
	ca     string
	token  string
	output string
	asCurl bool
	id     string

	mu     sync.Mutex
	client *client.Client
}

// Process is the Env of this process.
func Process(program string) *Env {
	return &Env{
		Program: program, In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Getenv: os.Getenv, Now: time.Now,
	}
}

// GlobalFlags adds the flags that every command takes.
func (e *Env) GlobalFlags(flags *pflag.FlagSet) {
	server := e.Getenv("KAFKAML_URL")
	if server == "" {
		server = client.DefaultBase
	}
	flags.StringVar(&e.server, "server", server, "address of kafkaml (KAFKAML_URL)")
	flags.StringVar(&e.ca, "ca", e.Getenv("KAFKAML_CA"), "PEM `FILE` of the authority of its certificate, where that is not a public one (KAFKAML_CA)")
	flags.StringVar(&e.token, "token", "", "token to ask with (KAFKAML_TOKEN, which others on this machine do not see); that of kafkaml login unless given")
}

// OutputFlag adds -o to a command that prints resources.
func (e *Env) OutputFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&e.output, "output", "o", "table", "table, json, yaml or name")
	// The flag exists, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("output", Choices("table", "json", "yaml", "name"))
}

// CurlFlag adds --as-curl.
func (e *Env) CurlFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&e.asCurl, "as-curl", false, "print the request as a curl command instead of sending it")
}

// CommandFlags adds the flags of a command that is sent as a CloudEvent.
func (e *Env) CommandFlags(cmd *cobra.Command) {
	e.OutputFlag(cmd)
	e.CurlFlag(cmd)
	cmd.Flags().StringVar(&e.id, "id", "", "id of the CloudEvent: the same id twice is one effect and the same answer")
}

// Output is the chosen format; ok is false where it is none of ours.
func (e *Env) Output() (format string, err error) {
	switch e.output {
	case "table", "json", "yaml", "name":
		return e.output, nil
	case "":
		return "table", nil
	}
	return "", Usagef("--output %q is none of table, json, yaml, name", e.output)
}

// AsCurl reports whether requests are printed instead of sent.
func (e *Env) AsCurl() bool { return e.asCurl }

// ID is the id of --id, empty where none was given.
func (e *Env) ID() string { return e.id }

// Terminal reports whether w is a terminal that a person looks at, and how many
// columns it has.
func (e *Env) Terminal(w io.Writer) (columns int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || e.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	return columns, err == nil
}

// Client is the client of --server, made once. With --as-curl a server that
// does not answer is taken to have each function under its name.
func (e *Env) Client(ctx context.Context) (*client.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client != nil {
		return e.client, nil
	}
	by, err := client.Trusting(e.ca)
	if err != nil {
		return nil, err
	}
	c, err := client.Discover(ctx, e.server, by)
	if err != nil && e.asCurl {
		c, err = client.New(e.server), nil
	}
	if err != nil {
		return nil, err
	}
	c.Token = e.bearer(c.Base)
	e.client = c
	return c, nil
}

// bearer is where the client has its tokens from.
func (e *Env) bearer(server string) func(context.Context) (string, error) {
	given := e.token
	if given == "" {
		given = e.Getenv("KAFKAML_TOKEN")
	}
	if given != "" {
		return func(context.Context) (string, error) { return given, nil }
	}
	s, err := Logins(e.Getenv)
	return func(ctx context.Context) (string, error) {
		if err != nil {
			return "", nil // no folder of settings: nobody has logged in
		}
		return s.Bearer(ctx, server)
	}
}

// PrintCurl prints the request that carries m.
func (e *Env) PrintCurl(ctx context.Context, c *client.Client, m client.Command) error {
	m.ID = e.id
	req, err := c.Request(ctx, m)
	if err != nil {
		return err
	}
	line, err := terminal.Curl(req)
	if err != nil {
		return fmt.Errorf("print as curl: %w", err)
	}
	_, err = io.WriteString(e.Out, line)
	return err
}

// Send posts m, with the id of --id, and reads the answer into a T.
func Send[T any](ctx context.Context, e *Env, m client.Command) (T, error) {
	var none T
	c, err := e.Client(ctx)
	if err != nil {
		return none, err
	}
	m.ID = e.id
	return client.Do[T](ctx, c, m)
}

// Note prints something beside the answer, on standard error, without what could
// steer a terminal: names, errors and what a model says come from others.
func (e *Env) Note(format string, args ...any) {
	fmt.Fprintln(e.Err, terminal.PlainText(fmt.Sprintf(format, args...)))
}
