package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientset "k8s.io/client-go/kubernetes"

	"github.com/kafkaml/kafkaml/eventing"
)

// account ends the name of a KafkaSource's service account, as in Knative's
// pkg/auth/serviceaccount.go.
const account = "-oidc-sources.knative.dev-kafkasource"

// day is how long a token is good for, in seconds: longer than the node is up.
const day = int64(24 * time.Hour / time.Second)

// tokens are what Knative's sources show where a sink names an audience: each is of
// the source's own account, and made by the cluster.
type tokens struct {
	cluster clientset.Interface
	of      sync.Map // by the source's name
}

// prepare sees to it that a source has the token that its sink asks for.
func (t *tokens) prepare(ctx context.Context, s eventing.KafkaSource) error {
	if s.Spec.Sink.Audience == "" || t.show(s) != "" {
		return nil
	}
	accounts, life := t.cluster.CoreV1().ServiceAccounts(s.Metadata.Namespace), day
	own := &core.ServiceAccount{ObjectMeta: meta.ObjectMeta{Name: s.Metadata.Name + account}}
	if _, err := accounts.Create(ctx, own, meta.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return fmt.Errorf("make the source's account: %w", err)
	}
	made, err := accounts.CreateToken(ctx, own.Name, &authentication.TokenRequest{
		Spec: authentication.TokenRequestSpec{Audiences: []string{s.Spec.Sink.Audience}, ExpirationSeconds: &life},
	}, meta.CreateOptions{})
	if err != nil {
		return fmt.Errorf("ask for the source's token: %w", err)
	}
	t.of.Store(s.Name(), made.Status.Token)
	return nil
}

// show gives a source's token, "" where it has none.
func (t *tokens) show(s eventing.KafkaSource) string {
	token, _ := t.of.Load(s.Name())
	text, _ := token.(string)
	return text
}
