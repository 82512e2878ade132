// Package account is the commands by which a person or a program becomes
// somebody: login, logout, whoami, the making of static tokens, and the list of
// what everybody did.
package account

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Commands are all of them.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{loginCommand(env), logoutCommand(env), whoAmICommand(env), tokenCommand(env), auditCommand(env)}
}

const loginAbout = `Log in to --server, and keep the login for later commands.

Where the installation has an OpenID Connect issuer, this prints an address and a
code: open the one in any browser and enter the other (device flow). A static
token is read from standard input with --with-token. What is kept lies in
~/.config/kafkaml/logins.json, which nobody else can read; ` + "`kafkaml logout`" + ` takes
it out.`

func loginCommand(env *cli.Env) *cobra.Command {
	static := false
	cmd := &cobra.Command{
		Use: "login", Short: "Log in to kafkaml", Long: loginAbout, Args: cli.Args(),
		Example: "  kafkaml login --server https://ml.example.com\n  kafkaml login --with-token < token",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if static {
				return withToken(cmd.Context(), env)
			}
			return withDevice(cmd.Context(), env)
		},
	}
	cmd.Flags().BoolVar(&static, "with-token", false, "read a static token from standard input")
	return cmd
}

// withToken keeps the token of standard input, if the server takes it.
func withToken(ctx context.Context, env *cli.Env) error {
	text, err := io.ReadAll(io.LimitReader(env.In, 1<<16))
	if err != nil {
		return &pipeline.Error{Op: "read the token", Err: err}
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return cli.Usagef("there is no token on standard input")
	}
	return keep(ctx, env, &cli.Stored{Token: token}, token)
}

// withDevice has a person log in at the issuer by a browser.
func withDevice(ctx context.Context, env *cli.Env) error {
	c, err := env.Client(ctx)
	if err != nil {
		return err
	}
	c.Token = nil // one that has expired must not stand in the way
	how, err := client.At[guard.Login](ctx, c, "login.json")
	if err != nil {
		return err
	}
	if how.OIDC == nil || how.OIDC.Device == "" {
		return noDevice(how)
	}
	config := oauth2.Config{ClientID: how.OIDC.ClientID, Endpoint: how.OIDC.Endpoint(), Scopes: []string{"openid", "profile", "email"}}
	device, err := config.DeviceAuth(ctx)
	if err != nil {
		return refused(err)
	}
	env.Note("open   %s\nenter  %s", device.VerificationURI, device.UserCode)
	if device.VerificationURIComplete != "" {
		env.Note("or open %s", device.VerificationURIComplete)
	}
	token, err := config.DeviceAccessToken(ctx, device)
	if err != nil {
		return refused(err)
	}
	s := &cli.Stored{Issuer: how.OIDC}
	s.Take(token)
	return keep(ctx, env, s, s.Bearer())
}

func noDevice(how guard.Login) error {
	e := &pipeline.Error{Op: "log in", Kind: pipeline.Invalid, Reason: "this installation has no issuer at which people log in by a code"}
	switch {
	case how.Tokens:
		return e.WithHint("give it a static token: kafkaml login --with-token < FILE")
	case how.Anonymous != identity.Nobody.String():
		return e.WithHint("nobody needs to log in: whoever reaches it is its %s", how.Anonymous)
	}
	return e.WithHint("who runs it sets KAFKAML_TOKENS_FILE or KAFKAML_OIDC_ISSUER")
}

func refused(err error) error {
	return &pipeline.Error{Op: "log in", Kind: pipeline.Unauthenticated, Reason: "the issuer refused: " + err.Error(), Err: err}
}

// keep stores a login that the server takes.
func keep(ctx context.Context, env *cli.Env, s *cli.Stored, bearer string) error {
	c, err := env.Client(ctx)
	if err != nil {
		return err
	}
	c.Token = func(context.Context) (string, error) { return bearer, nil }
	me, err := client.At[guard.WhoAmI](ctx, c, "whoami")
	if err != nil {
		return err
	}
	file, err := cli.Logins(env.Getenv)
	if err != nil {
		return err
	}
	if err := file.Put(c.Base, s); err != nil {
		return err
	}
	env.Note("logged in to %s as %s, %s", c.Base, me.Name, me.Role)
	if me.Role == identity.Nobody.String() {
		env.Note("that role may do nothing here: an operator sets KAFKAML_OIDC_ROLES_CLAIM and KAFKAML_OIDC_ROLES to where the issuer's tokens hold a role")
	}
	return nil
}

func logoutCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Forget the login at --server", Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			file, err := cli.Logins(env.Getenv)
			if err != nil {
				return err
			}
			if err := file.Put(c.Base, nil); err != nil {
				return err
			}
			env.Note("logged out of %s: this machine keeps no login there", c.Base)
			return nil
		},
	}
}

func whoAmICommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "whoami", Short: "Say who kafkaml takes you for, and your role", Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			me, err := client.At[guard.WhoAmI](cmd.Context(), c, "whoami")
			if err != nil {
				return err
			}
			return env.Print(me, me.ID, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s, %s\n%s\n", me.Name, me.Role, me.ID)
				return err
			})
		},
	}
	env.OutputFlag(cmd)
	return cmd
}

const createAbout = `Make a static token, and the line by which an installation knows it.

The token goes to standard output, once: nothing keeps it. The line, which holds
its hash alone, goes to standard error, or is added to --file, the installation's
KAFKAML_TOKENS_FILE. A line that is taken out lets nobody in any more.`

func tokenCommand(env *cli.Env) *cobra.Command {
	role, file := identity.Editor.String(), ""
	create := &cobra.Command{
		Use: "create NAME", Short: "Make a static token", Long: createAbout, Args: cli.Args("NAME"),
		Example: "  kafkaml token create ada --role editor --file tokens > ada.token",
		RunE:    func(_ *cobra.Command, args []string) error { return createToken(env, args[0], role, file) },
	}
	create.Flags().StringVar(&role, "role", role, "viewer, editor or operator")
	create.Flags().StringVar(&file, "file", "", "file of tokens to add the line to")
	return cli.Group(&cobra.Command{Use: "token", Short: "Make static tokens"}, create)
}
