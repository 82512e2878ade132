package door_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity"
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
