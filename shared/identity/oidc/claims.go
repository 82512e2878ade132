package oidc

import (
	"crypto/sha256"
	"strings"
	"time"
	"unicode"

	"github.com/kafkaml/kafkaml/shared/identity"
)

// claims are what a token says.
type claims map[string]any

// time is a claim of seconds since 1970, 1970 where it is not there.
func (c claims) time(name string) time.Time {
	seconds, _ := c[name].(float64)
	return time.Unix(int64(seconds), 0)
}

// values are the texts at a path: a name that is there as it stands, or names
// separated by dots.
func (c claims) values(path string) []string {
	found, ok := c[path]
	if !ok {
		found = map[string]any(c)
		for name := range strings.SplitSeq(path, ".") {
			object, _ := found.(map[string]any)
			found = object[name]
		}
	}
	switch v := found.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var all []string
		for _, one := range v {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// principal is the person or program that a token names, with the highest role
// that its claims give.
func (v *Verifier) principal(subject string, c claims) identity.Principal {
	p := identity.Principal{ID: v.config.Issuer + "#" + subject, Name: subject, Role: v.roles["sub:"+subject]}
	if len(v.config.Carriers) > 0 {
		p.Role, p.Carrier = identity.Nobody, true
		return p
	}
	for _, value := range c.values(v.config.Claim) {
		if !strings.HasPrefix(value, "sub:") {
			p.Role = max(p.Role, v.roles[value])
		}
	}
	for _, name := range []string{"preferred_username", "email", "name"} {
		if text := shown(c[name]); text != "" {
			p.Name = text
			break
		}
	}
	return p
}

// shown is a name that people may look at: the issuer lets its users choose it.
func shown(claim any) string {
	text, _ := claim.(string)
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	const most = 80
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most])
	}
	return strings.TrimSpace(text)
}

// known is a token that was verified.
type known struct {
	as    identity.Principal
	until time.Time
}

func (v *Verifier) remembered(bearer string) (identity.Principal, bool) {
	hash := sha256.Sum256([]byte(bearer))
	v.mu.Lock()
	defer v.mu.Unlock()
	k, ok := v.known[hash]
	if ok && !v.now().Before(k.until) {
		delete(v.known, hash)
		ok = false
	}
	return k.as, ok
}

func (v *Verifier) remember(bearer string, p identity.Principal, expiry time.Time) {
	until := v.now().Add(kept)
	if expiry.Before(until) {
		until = expiry
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= mostKept {
		clear(v.known)
	}
	v.known[sha256.Sum256([]byte(bearer))] = known{p, until}
}
