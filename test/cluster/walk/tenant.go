package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// tenants put a second installation beside the first, on one Kafka and one bucket.
var tenants = []step{
	{"a second tenant, where one logs in: six functions ready", false, (*walk).second},
	{"the tenant: register, configure", false, ofTenant((*walk).register)},
	{"the tenant: a control message by a source with a token of the cluster", false, ofTenant((*walk).early)},
	{"the tenant: two Jobs run and finish", false, ofTenant((*walk).train)},
	{"the tenant: an inference by source", false, ofTenant((*walk).serve)},
	{"neither sees what is the other's", false, (*walk).apart},
	{"the event door of the tenant: whose tokens are taken", false, (*walk).carriers},
}

// ofTenant makes a step one of the second installation.
func ofTenant(do func(*walk, context.Context, *row) error) func(*walk, context.Context, *row) error {
	return func(w *walk, ctx context.Context, r *row) error { return do(w.tenant, ctx, r) }
}

// second installs the tenant team-b, with a database of its own.
func (w *walk) second(ctx context.Context, r *row) error {
	w.tenant = &walk{
		namespace: "team-b", prefix: "team-b.", control: "team-b.control", token: "tenant",
		cluster: w.cluster, http: w.http, domain: w.domain, ingress: w.ingress, kafkaml: w.kafkaml, overlay: os.Getenv("E2E_TENANT"),
	}
	w.tenant.client = client.New(w.tenant.url("page"))
	w.tenant.client.HTTP = w.http
	w.tenant.client.Token = func(context.Context) (string, error) { return w.tenant.token, nil }
	database, err := pgx.Connect(ctx, databaseAt("postgres.services.svc.cluster.local:5432"))
	if err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	defer func() { _ = database.Close(ctx) }()
	if _, err := database.Exec(ctx, "CREATE DATABASE team_b"); err != nil {
		return fmt.Errorf("make the tenant's database: %w", err)
	}
	// as docs/kubernetes.md says: whoever is to know the cluster's tokens reads its keys
	if _, err := w.kubectl(ctx, "create", "clusterrolebinding", "issuer", "--clusterrole=system:service-account-issuer-discovery", "--group=system:unauthenticated"); err != nil {
		return err
	}
	return w.tenant.install(ctx, r)
}

// serve predicts by an inference of one replica.
func (w *walk) serve(ctx context.Context, r *row) (err error) {
	if w.source, err = w.infer(ctx, pipeline.InferenceForm{Result: w.results[0].ID, Replicas: 1}, 1); err != nil {
		return err
	}
	return w.pass(ctx, w.source, 2000, 500, r, nil)
}

// apart holds what either installation lists against its names, predicts by both
// inferences, which have one id, and tries the other's topics and door.
func (w *walk) apart(ctx context.Context, r *row) error {
	for _, one := range []*walk{w, w.tenant} {
		topics, err := one.topicsOf(ctx)
		if err != nil {
			return err
		}
		for _, topic := range topics {
			if strings.HasPrefix(topic, w.tenant.prefix) != (one == w.tenant) {
				return fmt.Errorf("%s lists %s", one.namespace, topic)
			}
		}
		r.notef("%s: %d topics, all its own", one.namespace, len(topics))
	}
	for _, c := range []struct {
		by, of *walk
	}{{w, w.tenant}, {w.tenant, w}} {
		form := pipeline.InferenceForm{Result: c.by.results[0].ID, InputTopic: c.of.prefix + dataTopic, OutputTopic: c.by.prefix + "stolen"}
		if _, err := client.Do[pipeline.Inference](ctx, c.by.client, c.by.client.DeployInference(form)); pipeline.KindOf(err) == pipeline.Unavailable || !strings.Contains(fmt.Sprint(err), "input_topic") {
			return fmt.Errorf("%s reads %s: %w", c.by.namespace, form.InputTopic, err)
		}
	}
	r.notef("neither may read the other's topics")
	mine, err := w.committed(ctx)
	if err != nil {
		return err
	}
	if err := w.tenant.pass(ctx, w.tenant.source, 1000, 500, r, nil); err != nil {
		return err
	}
	after, err := w.committed(ctx)
	if err == nil && mine != after {
		err = fmt.Errorf("the tenant's records moved the first installation's offsets from %s to %s", mine, after)
	}
	return err
}

// committed are the offsets of the first inference.
func (w *walk) committed(ctx context.Context) (string, error) {
	i := w.served[0]
	offsets, err := w.cluster.Committed(ctx, i.Group(), i.InputTopic)
	return fmt.Sprint(offsets), err
}

// topicsOf are those that datasources and inferences name.
func (w *walk) topicsOf(ctx context.Context) (all []string, err error) {
	for d, err := range w.client.Datasources().All(ctx, client.Query{}) {
		if err != nil {
			return nil, err
		}
		for _, one := range d.Ranges {
			all = append(all, one.Topic)
		}
	}
	for i, err := range w.client.Inferences().All(ctx, client.Query{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, i.InputTopic, i.OutputTopic, i.DeadLetter)
	}
	return all, nil
}

// carriers brings events to the tenant with tokens that the cluster has made, and
// without. That those of its sources are taken, the steps before have shown.
func (w *walk) carriers(ctx context.Context, r *row) error {
	const own, audience = "control-log-oidc-sources.knative.dev-kafkasource", "team-b-events"
	inference := pipeline.ServiceName(w.tenant.source.Name)
	for _, c := range []struct {
		name, to, kind, account, audience string
		status                            int
	}{
		{"a control record that the log lacks, the source's", controlLog, eventing.KafkaRecord, own, audience, http.StatusForbidden},
		{"the same, nobody's", controlLog, eventing.KafkaRecord, "", "", http.StatusForbidden},
		{"for another audience", controlLog, eventing.KafkaRecord, own, "elsewhere", http.StatusUnauthorized},
		{"of another account", controlLog, eventing.KafkaRecord, "default", audience, http.StatusUnauthorized},
		{"a command, the source's", controlLog, eventing.DatasourceResend, own, audience, http.StatusForbidden},
		{"a record to predict, nobody's", inference, eventing.KafkaRecord, "", "", http.StatusUnauthorized},
		{"of another source", inference, eventing.KafkaRecord, own, audience, http.StatusForbidden},
	} {
		token := ""
		if c.account != "" {
			var err error
			if token, err = w.tenant.kubectl(ctx, "create", "token", c.account, "--audience", c.audience); err != nil {
				return err
			}
		}
		status, answer, err := w.tenant.event(ctx, c.to, c.kind, token, map[string]any{})
		if err == nil && status != c.status {
			err = fmt.Errorf("%s: %d %s", c.name, status, answer)
		}
		if err != nil {
			return err
		}
		r.notef("%s: %d", c.name, status)
	}
	return nil
}
