package identity

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestAttackForgedToken(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	s := NewSigner(key)
	good := s.Token(Job(7, 1), 0)
	parts := strings.Split(good, ".")
	other := base64.RawURLEncoding.EncodeToString([]byte(Job(8, 1)))
	for name, c := range map[string]struct {
		token string
		id    string
		err   error // ErrUnknown, or any other
	}{
		"as it was signed":           {good, "job:7/1", nil},
		"valid still":                {s.Token(Step("control-log"), time.Hour), "step:control-log", nil},
		"expired":                    {signed + parts[1] + ".1." + s.mac(parts[1]+".1"), "", errors.New("")},
		"by another key":             {NewSigner(bytes.Repeat([]byte{8}, 32)).Token(Job(7, 1), 0), "", errors.New("")},
		"by no key":                  {Signer{}.Token(Job(7, 1), 0), "", errors.New("")},
		"for another job":            {strings.Join([]string{parts[0], other, parts[2], parts[3]}, "."), "", errors.New("")},
		"for longer":                 {strings.Join([]string{parts[0], parts[1], "9999999999", parts[3]}, "."), "", errors.New("")},
		"without a signature":        {strings.Join(parts[:3], ".") + ".", "", errors.New("")},
		"with less":                  {strings.Join(parts[:3], "."), "", errors.New("")},
		"of somebody else's issuing": {"eyJhbGciOiJub25lIn0.e30.", "", ErrUnknown},
		"empty":                      {"", "", ErrUnknown},
	} {
		p, err := s.Verify(t.Context(), c.token)
		if p.ID != c.id || (err == nil) != (c.err == nil) || p.Role != Nobody {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if err != nil && errors.Is(err, ErrUnknown) != errors.Is(c.err, ErrUnknown) {
			t.Errorf("%s: %v; unknown is for what is no token of this kind", name, err)
		}
		if err != nil && !errors.Is(err, ErrUnknown) && pipeline.KindOf(err) != pipeline.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Signer{}).Verify(t.Context(), good); err == nil {
		t.Error("a signer without a key took a token")
	}
	if _, err := (Signer{}).Verify(t.Context(), Signer{}.Token("x", 0)); err == nil {
		t.Error("a signer without a key took a token of its own")
	}
}

func TestOnlyOneMayBe(t *testing.T) {
	as := func(p Principal) error { return Be(With(t.Context(), p), Job(7, 1), "a report") }
	if err := as(Principal{ID: Job(7, 1)}); err != nil {
		t.Error(err)
	}
	if err := Be(t.Context(), Job(7, 1), "a report"); pipeline.KindOf(err) != pipeline.Unauthenticated {
		t.Error(err)
	}
	for _, id := range []string{Job(7, 2), Job(71, 1), Step("control-log"), "token:root"} {
		if err := as(Principal{ID: id, Role: Operator}); pipeline.KindOf(err) != pipeline.Forbidden {
			t.Errorf("%s: %v", id, err)
		}
	}
}
