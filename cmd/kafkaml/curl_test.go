package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// carryOut carries out a printed curl command, as curl would.
func carryOut(t *testing.T, line string) (status int, header http.Header, body string) {
	t.Helper()
	all := words(t, strings.TrimSpace(line))
	if len(all) < 3 || all[0] != "curl" || all[1] != "-sS" {
		t.Fatalf("not a curl command: %s", line)
	}
	method, address, data := http.MethodGet, "", ""
	headers := http.Header{}
	for i := 2; i < len(all); i++ {
		switch all[i] {
		case "-X":
			i++
			method = all[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(all[i], ": ")
			headers.Add(name, value)
		case "--data-binary":
			i++
			data = all[i]
		default:
			address = all[i]
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = headers
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// A command printed with --as-curl does nothing until it is executed, and then
// just what it does without the flag; executed twice it is one effect.
func TestAsCurl(t *testing.T) {
	s := serveFunctions(t)
	for _, step := range []struct{ line, fact string }{
		{"models create --name 'it'\\''s a model' --description 'a $HOME `x` \\\\ é' -f testdata/line.yaml --as-curl", eventing.ModelRegistered},
		{"models update 1 --description second --as-curl", eventing.ModelUpdated},
		{"configurations create --name pair --models 1 --as-curl --id a-script-of-mine", eventing.ConfigurationCreated},
		{"deployments create --configuration 1 --batch-size 8 --training-kwargs 'epochs=2' --as-curl", eventing.DeploymentCreated},
		{"deployments stop 1 --as-curl", eventing.DeploymentStopped},
		{"results delete 1 --as-curl", eventing.ResultDeleted},
		{"deployments delete 1 --as-curl", eventing.DeploymentDeleted},
		{"models delete 1 --as-curl", eventing.ModelRejected}, // the configuration uses it
	} {
		r := s.run(t, step.line, "")
		if r.code != 0 {
			t.Fatalf("kafkaml %s: %s", step.line, r.err)
		}
		for range 2 {
			status, header, body := carryOut(t, r.out)
			if got := header.Get("Ce-Type"); status != http.StatusOK || got != step.fact {
				t.Fatalf("kafkaml %s: %d, %s, %s; want %s", step.line, status, got, body, step.fact)
			}
		}
	}
	var all []pipeline.Model
	s.must(t, &all, "models list -o json")
	if len(all) != 1 || all[0].Name != "it's a model" || all[0].Description != "second" {
		t.Errorf("models %+v: want one", all)
	}
}

func TestAsCurlOfReads(t *testing.T) {
	s := servePrepared(t)
	r := s.run(t, "models list --search dig --as-curl", "")
	if status, _, body := carryOut(t, r.out); status != http.StatusOK || !strings.Contains(body, `"name":"digits"`) || strings.Contains(body, `"name":"line"`) {
		t.Errorf("%s%d %s", r.out, status, body)
	}
	r = s.run(t, "configurations show 1 --as-curl", "")
	if status, _, body := carryOut(t, r.out); status != http.StatusOK || !strings.Contains(body, `"name":"pair"`) {
		t.Errorf("%s%d %s", r.out, status, body)
	}
}

// The id of --id makes a command idempotent.
func TestIDIsIdempotent(t *testing.T) {
	s := servePrepared(t)
	const line = "deployments create --configuration pair --batch-size 8 --id nightly-1 -o name"
	first, second := s.run(t, line, ""), s.run(t, line, "")
	if first.code != 0 || first.out != "deployment/1\n" || second.out != first.out {
		t.Errorf("%q then %q: want the same deployment", first.out+first.err, second.out+second.err)
	}
	if r := s.run(t, "deployments list -q", ""); r.out != "1\n" {
		t.Errorf("deployments %q, want one", r.out)
	}
}
