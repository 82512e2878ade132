package door_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/go-jose/go-jose/v4"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/identity/oidc"
	"github.com/kafkaml/kafkaml/shared/identity/oidc/oidctest"
)

// Who asks is who signed, whether the token came in the header or, by a Broker,
// with the event; the event that is handled no longer has it.
func TestWhoAsks(t *testing.T) {
	signer := identity.NewSigner([]byte("of this installation"))
	forged := identity.NewSigner([]byte("of another")).Token(identity.Job(1, 1), 0)
	var who identity.Principal
	var got event.Event
	f := door.Function{Name: "f", Events: map[string]door.EventHandler{
		eventing.KafkaRecord: func(ctx context.Context, e event.Event) (*event.Event, error) {
			who, got = identity.Of(ctx), e
			return nil, nil
		},
	}}
	g, err := guard.Settings{}.Open()
	if err != nil {
		t.Fatal(err)
	}
	g.Trust(signer)
	server := httptest.NewServer(g.Wrap(door.New(f, door.Config{Store: newRig(t, door.Config{}).store, Log: quiet(), Verifier: signer})))
	t.Cleanup(server.Close)
	token := signer.Token(identity.Job(1, 1), 0)
	for name, c := range map[string]struct {
		header, extension string
		who               string
		status            int
	}{
		"nobody":                      {"", "", identity.AnonymousID, http.StatusNoContent},
		"by the header":               {"Bearer " + token, "", "job:1/1", http.StatusNoContent},
		"by a Broker":                 {"", token, "job:1/1", http.StatusNoContent},
		"as an emitter sends it":      {"Bearer " + token, token, "job:1/1", http.StatusNoContent},
		"by other means":              {"Basic YTpi", "", identity.AnonymousID, http.StatusNoContent},
		"forged, by the header":       {"Bearer " + forged, "", "", http.StatusUnauthorized},
		"forged, by a Broker":         {"", forged, "", http.StatusUnauthorized},
		"of nobody here, by a Broker": {"", "x", "", http.StatusUnauthorized},
	} {
		who, got = identity.Principal{}, event.Event{}
		h := map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/a", "Ce-Type": eventing.KafkaRecord, "Ce-Subject": "partition:0#0"}
		if c.header != "" {
			h["Authorization"] = c.header
		}
		if c.extension != "" {
			h["Ce-Kafkamltoken"] = c.extension
		}
		res, body := post(t, server.URL, h, "x")
		if res.StatusCode != c.status || who.ID != c.who {
			t.Errorf("%s: %d, %q: %s", name, res.StatusCode, who.ID, body)
		}
		if _, kept := got.Extensions()[eventing.TokenExtension]; c.who != "" && kept {
			t.Errorf("%s: the event still has the token", name)
		}
	}
}

// With Knative's authentication-oidc, sources and triggers send a token of the
// cluster's issuer. It lets its subject bring control records, and facts that carry a
// token of their own; it is nobody's leave to command or to state a fact.
func TestAttackCarriedEvents(t *testing.T) {
	signer := identity.NewSigner([]byte("of this installation"))
	fact := signer.Token(identity.Job(1, 1), 0)
	var who identity.Principal
	f := door.Function{
		Name: "f",
		Events: map[string]door.EventHandler{
			eventing.KafkaRecord: func(ctx context.Context, _ event.Event) (*event.Event, error) {
				who = identity.Of(ctx)
				return nil, nil
			},
			eventing.TrainingFailed: func(ctx context.Context, _ event.Event) (*event.Event, error) {
				who = identity.Of(ctx)
				return nil, identity.Be(ctx, identity.Job(1, 1), "what becomes of it")
			},
		},
		Commands: map[string]door.Command{eventing.ModelDelete: func(context.Context, *door.Call) error {
			t.Error("a command was carried out")
			return nil
		}},
	}
	cluster, other := oidctest.New(t), oidctest.New(t)
	const subject = "system:serviceaccount:ml:control-logoidc-sources.knative.dev-kafkasource"
	settings := guard.Settings{
		Anonymous: "nobody", OIDC: oidc.Config{Issuer: cluster.URL, Audience: []string{"kafkaml"}}, // the same issuer for people
		Events: oidc.Config{Issuer: cluster.URL, Audience: []string{"events"}, Carriers: []string{"system:serviceaccount:ml:*-kafkasource"}},
	}
	g, err := settings.Open()
	if err != nil {
		t.Fatal(err)
	}
	g.Trust(signer)
	server := httptest.NewServer(g.Wrap(door.New(f, door.Config{Store: newRig(t, door.Config{}).store, Log: quiet(), Verifier: signer})))
	t.Cleanup(server.Close)
	by := func(i *oidctest.Issuer, audience, subject string) string {
		return i.Token(t, map[string]any{"aud": []string{audience}, "sub": subject, "roles": []string{"operator"}})
	}
	for name, c := range map[string]struct {
		token, kind, extension string
		who                    string // "" where it is refused
	}{
		"a control record":                     {by(cluster, "events", subject), eventing.KafkaRecord, "", cluster.URL + "#" + subject},
		"a fact with its token":                {by(cluster, "events", subject), eventing.TrainingFailed, fact, "job:1/1"},
		"a fact without one":                   {by(cluster, "events", subject), eventing.TrainingFailed, "", ""},
		"a fact with one of another":           {by(cluster, "events", subject), eventing.TrainingFailed, signer.Token(identity.Job(2, 1), 0), ""},
		"a command":                            {by(cluster, "events", subject), eventing.ModelDelete, "", ""},
		"by an account that is not named":      {by(cluster, "events", "system:serviceaccount:other:x-kafkasource"), eventing.KafkaRecord, "", ""},
		"for another audience":                 {by(cluster, "elsewhere", subject), eventing.KafkaRecord, "", ""},
		"of another issuer":                    {by(other, "events", subject), eventing.KafkaRecord, "", ""},
		"of the issuer, not signed by its key": {forgedBy(t, cluster, subject), eventing.KafkaRecord, "", ""},
	} {
		who = identity.Principal{}
		h := map[string]string{
			"Ce-Specversion": "1.0", "Ce-Id": name, "Ce-Source": "/a", "Ce-Type": c.kind, "Ce-Subject": "1", "Content-Type": "application/json",
			"Authorization": "Bearer " + c.token,
		}
		if c.extension != "" {
			h["Ce-Kafkamltoken"] = c.extension
		}
		res, body := post(t, server.URL, h, `{"result":1,"attempt":1,"reason":"r"}`)
		refused := res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden
		if refused != (c.who == "") || !refused && (res.StatusCode >= 300 || who.ID != c.who || who.Role != identity.Nobody) {
			t.Errorf("%s: %d, %+v: %s", name, res.StatusCode, who, body)
		}
	}
	settings.Events.Carriers = nil
	if _, err := settings.Open(); err == nil || !strings.Contains(err.Error(), "KAFKAML_EVENTS_OIDC_SUBJECTS") {
		t.Errorf("every account of the cluster may bring events: %v", err)
	}
}

// forgedBy is a token that says it is of an issuer, signed by another key of its name.
func forgedBy(t *testing.T, i *oidctest.Issuer, subject string) string {
	t.Helper()
	return oidctest.Sign(t, jose.RS256, oidctest.NewKey(t), "1", i.Claims(map[string]any{"aud": "events", "sub": subject}))
}
