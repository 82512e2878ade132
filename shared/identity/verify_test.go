package identity

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// one knows a single token.
type one struct {
	token string
	as    Principal
	err   error
	asked *int
}

func (o one) Verify(_ context.Context, bearer string) (Principal, error) {
	*o.asked++
	if bearer != o.token {
		return Principal{}, ErrUnknown
	}
	return o.as, o.err
}

// A chain asks on only where a verifier does not know the token: one that is
// expired, or cannot be checked now, is not for the next to let in.
func TestChain(t *testing.T) {
	expired := &pipeline.Error{Kind: pipeline.Unauthenticated, Reason: "expired"}
	away := &pipeline.Error{Kind: pipeline.Unavailable, Reason: "the issuer does not answer"}
	for _, c := range []struct {
		token, want string
		kind        pipeline.Kind
		asked       int
	}{
		{"a", "token:a", "", 1},
		{"b", "", pipeline.Unauthenticated, 2},
		{"c", "", pipeline.Unavailable, 3},
		{"d", "", pipeline.Unauthenticated, 4},
	} {
		asked := 0
		chain := Chain{
			one{"a", Principal{ID: "token:a", Role: Viewer}, nil, &asked},
			one{"b", Principal{}, expired, &asked},
			one{"c", Principal{}, away, &asked},
			one{"", Principal{ID: "never", Role: Operator}, nil, &asked},
		}
		p, err := chain.Verify(t.Context(), c.token)
		if p.ID != c.want || pipeline.KindOf(err) != c.kind || asked != c.asked {
			t.Errorf("%s: %+v %v after %d", c.token, p, err, asked)
		}
	}
	if _, err := (Chain{}).Verify(t.Context(), "x"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an empty chain: %v", err)
	}
}

func TestRoles(t *testing.T) {
	for r := Viewer; r <= Operator; r++ {
		if got, err := ParseRole(r.String()); got != r || err != nil {
			t.Errorf("%s: %v %v", r, got, err)
		}
	}
	for _, name := range []string{"", "nobody", "admin", "Editor"} {
		if r, err := ParseRole(name); err == nil || r != Nobody {
			t.Errorf("%q is %v", name, r)
		}
	}
}

// Whose token holds no role hears of the settings that find it, but for a carrier of
// others' events, which is to have none.
func TestNeedOfNobody(t *testing.T) {
	for carrier, told := range map[bool]bool{false: true, true: false} {
		err := Principal{ID: "eve", Name: "eve", Carrier: carrier}.Need(Viewer)
		if pipeline.KindOf(err) != pipeline.Forbidden || strings.Contains(pipeline.RejectionOf(err).Hint, "KAFKAML_OIDC_ROLES") != told {
			t.Errorf("a carrier %v: %v, with the hint %q", carrier, err, pipeline.RejectionOf(err).Hint)
		}
	}
}

// A refusal names the role that is needed and the one that there is.
func TestNeed(t *testing.T) {
	ada := With(t.Context(), Principal{ID: "token:ada", Name: "ada", Role: Viewer})
	if err := Need(ada, Viewer); err != nil {
		t.Error(err)
	}
	err := Need(ada, Editor)
	if pipeline.KindOf(err) != pipeline.Forbidden || !strings.Contains(err.Error(), "role editor; ada has the role viewer") {
		t.Errorf("forbidden: %v", err)
	}
	if err := Need(t.Context(), Viewer); pipeline.KindOf(err) != pipeline.Unauthenticated {
		t.Errorf("anonymous: %v", err)
	}
}
