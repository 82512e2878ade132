package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestTokens(t *testing.T) {
	ada, bob := NewToken(), NewToken()
	if ada == bob || strings.Contains(TokenLine("ada", Editor, ada), strings.TrimPrefix(ada, tokenPrefix)) {
		t.Fatal("tokens must differ, and lines not hold them")
	}
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(text string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now().Add(-time.Hour)
	write("# people\n\n"+TokenLine("ada", Editor, ada)+" # since May\n", began)
	tokens, err := NewTokens(TokenLine("bob", Viewer, bob), file)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(token, want string, role Role) {
		t.Helper()
		tokens.looked = time.Time{} // as if a second had passed
		p, err := tokens.Verify(t.Context(), token)
		if p.ID != want || p.Role != role || (err != nil) != (want == "") {
			t.Errorf("%+v, %v", p, err)
		}
	}
	verify(ada, "token:ada", Editor)
	verify(bob, "token:bob", Viewer)
	for _, wrong := range []string{"", ada[:len(ada)-1], ada + "x", strings.ToUpper(ada), TokenLine("ada", Editor, ada), strings.Fields(TokenLine("ada", Editor, ada))[2]} {
		if _, err := tokens.Verify(t.Context(), wrong); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	write("", began.Add(time.Minute)) // revoked
	verify(ada, "", Nobody)
	write(TokenLine("ada", Operator, ada), began.Add(2*time.Minute))
	verify(ada, "token:ada", Operator)
	write("ada operator", began.Add(3*time.Minute)) // somebody is still typing: nobody comes in by it
	verify(ada, "", Nobody)
	verify(bob, "token:bob", Viewer)
	write(TokenLine("ada", Operator, ada), began.Add(4*time.Minute))
	verify(ada, "token:ada", Operator)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	tokens.looked = time.Time{}
	if _, err := tokens.Verify(t.Context(), ada); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("without the file: %v", err)
	}
}

// A token that was put where its hash belongs is not shown.
func TestLinesOfTokens(t *testing.T) {
	token := NewToken()
	for line, want := range map[string]string{
		"ada editor": "3", "ada admin sha256-00": "admin", "a b editor sha256-00": "3", "ada editor " + token: "SHA-256", "ada editor sha256-00": "SHA-256", "-x editor sha256-00": "name",
	} {
		_, err := NewTokens("\n"+line, "")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v", line, err)
		}
	}
}
