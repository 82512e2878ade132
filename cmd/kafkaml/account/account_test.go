package account_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/account"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity/oidc"
	"github.com/kafkaml/kafkaml/shared/identity/oidc/oidctest"
)

// person is somebody with a folder of settings at a terminal.
type person struct {
	t    *testing.T
	home string
	env  map[string]string
}

// run runs a command and gives what it printed, and its exit code.
func (p person) run(input string, args ...string) (out, notes string, code int) {
	p.t.Helper()
	var o, e bytes.Buffer
	env := &cli.Env{Program: "kafkaml", In: strings.NewReader(input), Out: &o, Err: &e, Getenv: func(name string) string { return p.env[name] }}
	root := &cobra.Command{Use: "kafkaml"}
	env.GlobalFlags(root.PersistentFlags())
	root.AddCommand(account.Commands(env)...)
	code = env.Execute(p.t.Context(), root, args)
	return o.String(), e.String(), code
}

// serve is an installation that has nothing but a guard.
func serve(t *testing.T, s guard.Settings) string {
	t.Helper()
	g, err := s.Open("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Wrap(g.Account(http.NotFoundHandler())))
	t.Cleanup(server.Close)
	return server.URL
}

func newPerson(t *testing.T, server string) person {
	home := t.TempDir()
	return person{t, home, map[string]string{"HOME": home, "KAFKAML_URL": server}}
}

func TestLoginWithToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	maker := newPerson(t, "")
	token, _, code := maker.run("", "token", "create", "ada", "--role", "editor", "--file", file)
	if code != 0 || !strings.HasPrefix(token, "kafkaml_") {
		t.Fatalf("%q %d", token, code)
	}
	ada := newPerson(t, serve(t, guard.Settings{TokensFile: file}))
	if _, notes, code := ada.run("wrong", "login", "--with-token"); code != cli.Refused || !strings.Contains(notes, "not known") {
		t.Errorf("a wrong token: %d %s", code, notes)
	}
	if out, _, _ := ada.run("", "whoami", "-o", "name"); strings.TrimSpace(out) != "anonymous" {
		t.Errorf("not logged in: %s", out)
	}
	if _, notes, code := ada.run(token, "login", "--with-token"); code != 0 || !strings.Contains(notes, "as ada, editor") {
		t.Fatalf("login: %d %s", code, notes)
	}
	if out, _, _ := ada.run("", "whoami", "-o", "name"); strings.TrimSpace(out) != "token:ada" {
		t.Errorf("logged in: %s", out)
	}
	kept := filepath.Join(ada.home, ".config", "kafkaml", "logins.json")
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("kept: %v %v", info, err)
	}
	bob := newPerson(t, ada.env["KAFKAML_URL"])
	bob.env["KAFKAML_TOKEN"] = strings.TrimSpace(token)
	if out, _, _ := bob.run("", "whoami"); out != "ada, editor\ntoken:ada\n" {
		t.Errorf("by the environment: %q", out)
	}
	if _, notes, code := bob.run("", "whoami", "--token", "wrong"); code != cli.Refused {
		t.Errorf("by a wrong flag: %d %s", code, notes)
	}
	if _, notes, _ := ada.run("", "logout"); !strings.HasPrefix(notes, "logged out of http://") {
		t.Errorf("logout says %q", notes)
	}
	if out, _, _ := ada.run("", "whoami", "-o", "name"); strings.TrimSpace(out) != "anonymous" {
		t.Errorf("logged out: %s", out)
	}
	if _, notes, code := ada.run("", "login"); code != cli.Refused || !strings.Contains(notes, "--with-token") {
		t.Errorf("no issuer: %d %s", code, notes)
	}
}

// Whose tokens hold no role is told where the installation looks for it.
func TestLoginWithoutRole(t *testing.T) {
	issuer := oidctest.New(t)
	eve := newPerson(t, serve(t, guard.Settings{OIDC: oidc.Config{Issuer: issuer.URL, Audience: []string{"kafkaml"}}}))
	if _, notes, code := eve.run("", "login"); code != 0 || !strings.Contains(notes, "as ada, nobody") || !strings.Contains(notes, "KAFKAML_OIDC_ROLES_CLAIM") {
		t.Errorf("%d %s", code, notes)
	}
}

// An outcome that there is not finds nothing, which looks like a clean sheet.
func TestAuditRefusesOutcomes(t *testing.T) {
	ada := newPerson(t, serve(t, guard.Settings{}))
	if _, notes, code := ada.run("", "audit", "--outcome", "refused"); code != cli.Misused || !strings.Contains(notes, "none of taken, rejected, denied") {
		t.Errorf("%d %s", code, notes)
	}
}

// The device flow at a real issuer; a login that is about to expire is renewed.
func TestLoginByDevice(t *testing.T) {
	issuer := oidctest.New(t)
	issuer.Roles = []string{"operator"}
	ada := newPerson(t, serve(t, guard.Settings{OIDC: oidc.Config{Issuer: issuer.URL, Audience: []string{"kafkaml"}}}))
	_, notes, code := ada.run("", "login")
	if code != 0 || !strings.Contains(notes, "ABCD") || !strings.Contains(notes, "as ada, operator") {
		t.Fatalf("%d %s", code, notes)
	}
	if out, _, _ := ada.run("", "whoami"); !strings.HasPrefix(out, "ada, operator\n"+issuer.URL+"#") {
		t.Errorf("%q", out)
	}
	kept := filepath.Join(ada.home, ".config", "kafkaml", "logins.json")
	body, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(body, []byte(`"expiry": "2`))
	copy(body[i+len(`"expiry": "`):], "2001")
	if err := os.WriteFile(kept, body, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, notes, _ := ada.run("", "whoami"); !strings.HasPrefix(out, "ada, operator") || issuer.Refreshed() != 1 {
		t.Errorf("%q %s after %d", out, notes, issuer.Refreshed())
	}
}
