package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// tokenPrefix begins each static token, so that people and scanners of secrets
// know what they have found.
const tokenPrefix = "kafkaml_"

// NewToken is a token of 256 random bits.
func NewToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// TokenLine is what a list of tokens holds of one: whose it is, what it may do,
// and its hash. The token cannot be found from it.
func TokenLine(name string, role Role, token string) string {
	return fmt.Sprintf("%s %s sha256-%s", name, role, HashOf(token))
}

// HashOf is the SHA-256 of a token in hexadecimal, for those who shall know it when
// they see it and not be able to show it.
func HashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// IsOf reports whether a hash is that of a token. The time that it takes does not
// tell how much of it is right.
func IsOf(token, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(HashOf(token)), []byte(hash)) == 1
}

// tokenName is what a token's owner may be called.
var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// CheckTokenName is nil for a name that a line can hold.
func CheckTokenName(name string) error {
	if tokenName.MatchString(name) {
		return nil
	}
	return pipeline.Invalidf("name", "%q is not a name of a token", name).WithHint("use letters, digits and ._@-, at most 64")
}

// Tokens is the Verifier of static tokens. A file is read again when it has
// changed, so that a token whose line is taken out lets nobody in any more.
type Tokens struct {
	file  string
	fixed []token

	mu      sync.Mutex
	looked  time.Time // at the file
	changed time.Time // its time of modification
	size    int64
	read    []token
	err     error // why the file cannot be used
}

type token struct {
	hash [sha256.Size]byte
	who  Principal
}

// fileAge is how long a file of tokens is not looked at again.
const fileAge = time.Second

// NewTokens takes tokens from lines and from a file, "" for none.
func NewTokens(lines, file string) (*Tokens, error) {
	fixed, err := parseTokens("KAFKAML_TOKENS", lines)
	if err != nil {
		return nil, err
	}
	t := &Tokens{file: file, fixed: fixed}
	_, err = t.current()
	return t, err
}

// Verify implements Verifier. The time that it takes does not tell how much of
// a token is right.
func (t *Tokens) Verify(_ context.Context, bearer string) (Principal, error) {
	hash := sha256.Sum256([]byte(bearer))
	current, err := t.current()
	var found Principal
	for _, list := range [][]token{t.fixed, current} {
		for _, one := range list {
			if subtle.ConstantTimeCompare(hash[:], one.hash[:]) == 1 {
				found = one.who
			}
		}
	}
	switch {
	case found.ID != "":
		return found, nil
	case err != nil && strings.HasPrefix(bearer, tokenPrefix):
		return Principal{}, err
	}
	return Principal{}, ErrUnknown
}

// current are the tokens of the file as it is now.
func (t *Tokens) current() ([]token, error) {
	if t.file == "" {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.looked) < fileAge {
		return t.read, t.err
	}
	t.looked = time.Now()
	info, err := os.Stat(t.file)
	if err == nil && t.err == nil && info.ModTime().Equal(t.changed) && info.Size() == t.size {
		return t.read, nil
	}
	t.read, t.err = nil, nil
	text, err := os.ReadFile(t.file)
	if err != nil {
		t.err = &pipeline.Error{Op: "read the tokens", Kind: pipeline.Unavailable, Field: "KAFKAML_TOKENS_FILE", Err: err}
		return nil, t.err
	}
	if info != nil {
		t.changed, t.size = info.ModTime(), info.Size()
	}
	if t.read, err = parseTokens("KAFKAML_TOKENS_FILE", string(text)); err != nil {
		t.err = err
	}
	return t.read, t.err
}

// parseTokens reads lines of a name, a role and a hash; # begins a comment.
func parseTokens(field, text string) ([]token, error) {
	var all []token
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		one, err := parseToken(words)
		if err != nil {
			return nil, (&pipeline.Error{Op: "read the tokens", Kind: pipeline.Invalid, Field: field, Reason: fmt.Sprintf("line %d: %s", i+1, err), Err: err}).
				WithHint("a line is NAME ROLE sha256-HASH, as `kafkaml token create` prints it")
		}
		all = append(all, one)
	}
	return all, nil
}

func parseToken(words []string) (t token, err error) {
	if len(words) != 3 {
		return t, fmt.Errorf("has %d words, not 3", len(words))
	}
	if err := CheckTokenName(words[0]); err != nil {
		return t, err
	}
	role, err := ParseRole(words[1])
	if err != nil {
		return t, err
	}
	hash, err := hex.DecodeString(strings.TrimPrefix(words[2], "sha256-"))
	if err != nil || len(hash) != sha256.Size {
		return t, errors.New("the third word is not a SHA-256 hash") // not shown: it may be the token itself
	}
	t.who = Principal{ID: "token:" + words[0], Name: words[0], Role: role}
	copy(t.hash[:], hash)
	return t, nil
}
