package function

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	fn "knative.dev/func-go/http"
	"sigs.k8s.io/yaml"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// serve runs one step as func-go v0.22.0 does, with a limit for an answer, and
// gives its URL, and a function that ends it and gives what Start returned.
func serve(t *testing.T, step string, limit time.Duration) (url string, end func() error) {
	t.Helper()
	address := freeAddress(t)
	url = "http://" + address
	t.Setenv("LISTEN_ADDRESS", address)
	t.Setenv("FUNCTION", step)
	t.Setenv("KAFKAML_DATA", t.TempDir())
	t.Setenv("KAFKA_BROKERS", strings.Join(streamtest.Cluster(t).Config().Brokers, ","))
	s := fn.New(New())
	s.WriteTimeout = limit // 30 s by default: an answer that takes longer must say so
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	end = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	t.Cleanup(func() { _ = end() })
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if status, body := get(t, url+"/health/readiness"); status == http.StatusOK && body == "READY" {
			return url, end
		}
		if time.Now().After(deadline) {
			t.Fatal("the function does not become ready")
		}
	}
}

// freeAddress is where nobody listens. The runtime tells its address too, but
// not to another goroutine than its own.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url) // #nosec G107 -- a test's own server
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestFuncGoServesAStep(t *testing.T) {
	url, end := serve(t, pipeline.StepControlLog, time.Minute)
	if status, body := get(t, url+"/health/liveness"); status != 200 || body != "ALIVE" {
		t.Errorf("liveness: %d %s", status, body)
	}
	for name, h := range map[string]struct{ contentType, body string }{
		"binary":     {"application/json", `{"message":"hi"}`},
		"structured": {"application/cloudevents+json", `{"specversion":"1.0","id":"1","source":"/t","type":"boson.fn","data":{}}`},
	} {
		t.Run("func invoke, "+name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(h.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", h.contentType)
			if name == "binary" {
				for k, v := range map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/t", "Ce-Type": eventing.FuncInvoke} {
					req.Header.Set(k, v)
				}
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if res.StatusCode != 200 || !strings.Contains(string(b), eventing.DatasourceResend) {
				t.Errorf("%d %s", res.StatusCode, b)
			}
		})
	}
	if status, body := get(t, url+"/datasources"); status != 200 || strings.TrimSpace(body) != `{"items":[]}` {
		t.Errorf("%d %s", status, body)
	}
	if err := end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A stream of facts outlives the runtime's write timeout and does not hold up
// its end.
func TestFuncGoKeepsAStreamOpen(t *testing.T) {
	const limit = 4 * time.Second
	url, end := serve(t, pipeline.StepControlLog, limit)
	res, err := http.Get(url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != "id: 0" {
		t.Fatalf("%q, %v", lines.Text(), lines.Err())
	}
	time.Sleep(limit + time.Second)
	message := `{"topic":"nowhere:0:0:1","input_format":"RAW","input_config":{}}`
	cluster, err := stream.Dial(t.Context(), stream.Config{Brokers: strings.Split(os.Getenv("KAFKA_BROKERS"), ",")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close() })
	offset, err := cluster.Produce(t.Context(), control.Topic, 0, []stream.Record{{Key: []byte{1}, Value: []byte(message)}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Specversion": "1.0", "Id": fmt.Sprintf("partition:0/offset:%d", offset), "Source": "/apis/v1/namespaces/n/kafkasources/s#" + control.Topic, "Type": eventing.KafkaRecord,
		"Subject": fmt.Sprintf("partition:0#%d", offset), "Key": "AQ==",
	} {
		req.Header.Set("Ce-"+k, v)
	}
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	seen := ""
	for !strings.HasPrefix(seen, "data: ") && lines.Scan() {
		seen = lines.Text()
	}
	if !strings.Contains(seen, eventing.DatasourceRejected) {
		t.Errorf("the stream gave %q, %v", seen, lines.Err())
	}
	if err := end(); err != nil { // it gives up after a while, and says so
		t.Errorf("it ended with %v", err)
	}
}

func TestUnknownStepIsRefused(t *testing.T) {
	err := New().Start(t.Context(), map[string]string{"FUNCTION": "nothing", "KAFKAML_DATA": t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), `"nothing" is not a step`) {
		t.Errorf("%v", err)
	}
}

// funcYAML is what of func's schema (specVersion 0.36.0) this project uses: a
// member that is not here is one that the schema might not know.
type funcYAML struct {
	SpecVersion string    `json:"specVersion"`
	Name        string    `json:"name"`
	Runtime     string    `json:"runtime"`
	Created     time.Time `json:"created"`
	Invoke      string    `json:"invoke"`
	Run         struct {
		Envs []struct{ Name, Value string } `json:"envs"`
	} `json:"run"`
	Deploy struct {
		Labels  []struct{ Key, Value string } `json:"labels"`
		Options struct {
			Scale     struct{ Min, Max int } `json:"scale"`
			Resources struct {
				Requests struct{ Memory string } `json:"requests"`
				Limits   struct {
					Concurrency int
					Memory      string
				} `json:"limits"`
			} `json:"resources"`
		} `json:"options"`
		Subscriptions []struct {
			Source  string            `json:"source"`
			Filters map[string]string `json:"filters"`
		} `json:"subscriptions"`
	} `json:"deploy"`
}

func TestFuncYAML(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`) // of func's schema
	files := map[string]string{"func.yaml": ""}
	for _, step := range pipeline.Steps {
		files[filepath.Join("functions", step, "func.yaml")] = step
	}
	files["functions/predict/func.yaml"] = "predict"
	for file, step := range files {
		t.Run(file, func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var f funcYAML
			if err := yaml.UnmarshalStrict(b, &f); err != nil {
				t.Fatal(err)
			}
			if f.SpecVersion != "0.36.0" || f.Runtime != "go" || f.Created.IsZero() || !name.MatchString(f.Name) || step != "" && f.Name != step {
				t.Errorf("%+v", f)
			}
			if e := f.Run.Envs[0]; step != "predict" && (e.Name != "FUNCTION" || e.Value != step) {
				t.Errorf("FUNCTION is %+v", e)
			}
			for _, s := range f.Deploy.Subscriptions {
				if !eventing.Known(s.Filters["type"]) {
					t.Errorf("%s is not an event of ours", s.Filters["type"])
				}
			}
		})
	}
}
