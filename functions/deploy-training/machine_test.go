package deploytraining

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/door/doortest"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// machine is the step with what it stands on in local mode: real training
// processes, a broker, exported Keras models.
type machine struct {
	*rig
	local   *local.Platform
	cluster *stream.Cluster
	dir     string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{rig: &rig{}, cluster: streamtest.Cluster(t), dir: t.TempDir()}
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(m.dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	blobs := "file://" + filepath.Join(m.dir, "artifacts")
	artifacts, err := artifact.Open(t.Context(), blobs)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.url = "http://" + listener.Addr().String()
	m.boot(t)
	env := append(m.cluster.Config().Env(), "ARTIFACT_URL="+blobs, "K_SINK="+m.url+"/")
	m.Service = NewService(Deps{Store: store, Artifacts: artifacts, Jobs: m.local, Kafka: opened(m.cluster), Kinds: framework.Kinds{kerasmodel.Kind()}, Env: env, Log: quiet, Signer: signer})
	server := httptest.NewUnstartedServer(doortest.Guarded(signer, door.New(m.Function(), door.Config{Store: store, Log: quiet, Verifier: signer})))
	_ = server.Listener.Close() // in favour of the one whose address is known already
	server.Listener = listener
	server.Start()
	t.Cleanup(func() {
		if err := m.local.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		if err := artifacts.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// boot starts the platform.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	binary, err := trainer()
	if err != nil {
		t.Fatal(err)
	}
	m.local, err = local.New(local.Config{
		Programs: map[string]string{"tensorflow": binary}, Dir: m.dir, Log: quiet, Grace: 5 * time.Second,
		OnEnded: func(ctx context.Context, e platform.Ended) { m.Ended(ctx, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// trainer is the program that trains: the one that KAFKAML_TENSORFLOW names, or
// one built here.
var trainer = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("KAFKAML_TENSORFLOW"); binary != "" {
		return binary, nil
	}
	binary := filepath.Join(scratch, "kafkaml-tensorflow")
	out, err := exec.Command("go", "build", "-o", binary, "../../cmd/kafkaml-tensorflow").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

// exported is a small Keras model as model-register exports it, in the folder
// model of scratch.
var exported = sync.OnceValues(func() (pipeline.Export, error) {
	python, site, err := toolchain.Python()
	if err != nil {
		return pipeline.Export{}, err
	}
	ctx := context.Background()
	worker, err := keras.Start(ctx, keras.Options{Python: python, SitePackages: site, Log: quiet})
	if err != nil {
		return pipeline.Export{}, err
	}
	export, err := worker.Export(ctx, framework.Source{Imports: "import keras\nfrom keras import layers\n", Text: small}, filepath.Join(scratch, "model"))
	return export, errors.Join(err, worker.Close())
})

const small = `model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2, "softmax")])
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
`

// model stores the small model in a configuration of its own.
func (m *machine) model(t *testing.T) {
	t.Helper()
	export, err := exported()
	if err != nil {
		t.Fatal(err)
	}
	key := pipeline.ModelArtifact(1, 1)
	for _, half := range []string{"model", "keras"} {
		if err := m.Artifacts.PutDir(t.Context(), key+"/"+half+".zip", filepath.Join(scratch, "model", half)); err != nil {
			t.Fatal(err)
		}
	}
	m.write(t, func(tx *registry.Tx) error {
		model := pipeline.Model{Name: "small", Source: small, Framework: kerasmodel.Name, SourceHash: "h", Artifact: key, Export: export}
		if err := tx.CreateModel(&model); err != nil {
			return err
		}
		return tx.CreateConfiguration(&pipeline.Configuration{Name: "c", Models: []int64{model.ID}})
	})
}

// points produces n records of three floats, whose label is the sign of their
// sum, and stores the datasource that names them.
func (m *machine) points(t *testing.T, deployment int64, n int) pipeline.Datasource {
	t.Helper()
	topic := streamtest.Topic(t, m.cluster, 1)
	m.produce(t, topic, n, 1)
	d := pipeline.Datasource{
		Deployment: deployment, Ranges: []pipeline.Range{{Topic: topic, Length: int64(n)}},
		InputFormat: pipeline.RAW, TotalMsg: int64(n), ValidationRate: 0.2, TestRate: 0.1,
		InputConfig: json.RawMessage(`{"data_type": "float32", "data_reshape": "3", "label_type": "int32", "label_reshape": ""}`),
		Retention:   pipeline.Retention{State: pipeline.Available},
	}
	m.write(t, func(tx *registry.Tx) error { return tx.CreateDatasource(&d) })
	return d
}

// produce adds n records to a topic, as points has them, by a seed.
func (m *machine) produce(t *testing.T, topic string, n int, seed uint64) {
	t.Helper()
	source := rand.New(rand.NewPCG(seed, 2))
	records := make([]stream.Record, n)
	for i := range records {
		var value []byte
		sum := float32(0)
		for range 3 {
			x := float32(source.NormFloat64())
			sum += x
			value = binary.LittleEndian.AppendUint32(value, math.Float32bits(x))
		}
		key := binary.LittleEndian.AppendUint32(nil, uint32(min(1, max(0, int(math.Ceil(float64(sum)))))))
		records[i] = stream.Record{Key: key, Value: value}
	}
	if _, err := m.cluster.Produce(t.Context(), topic, 0, records); err != nil {
		t.Fatal(err)
	}
}

// until is untilOf of result 1.
func (m *machine) until(t *testing.T, what string, ok func(pipeline.Result) bool) pipeline.Result {
	t.Helper()
	return m.untilOf(t, 1, what, ok)
}

// untilOf reads a result each time something happened, until it is as expected.
func (m *machine) untilOf(t *testing.T, id int64, what string, ok func(pipeline.Result) bool) pipeline.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for {
		last, err := m.Store.LastEvent(ctx)
		if err != nil {
			t.Fatal(err)
		}
		r := m.result(t, id)
		if ok(r) {
			return r
		}
		if r.Status.Ended() {
			_, log := m.call(t, "GET", fmt.Sprintf("/results/%d/logs", id), nil)
			t.Fatalf("waiting until %s: %+v\n%s", what, r, log)
		}
		if err := m.Store.Wait(ctx, last); err != nil {
			t.Fatalf("waiting until %s: %v: %+v", what, err, r)
		}
	}
}

// child is the process of result 1's training.
func (m *machine) child(t *testing.T) *os.Process {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range strings.Fields(string(text)) {
			command, err := os.ReadFile("/proc/" + pid + "/cmdline")
			if err != nil || !slices.Contains(strings.Split(string(command), "\x00"), "train") {
				continue
			}
			var id int
			if _, err := fmt.Sscan(pid, &id); err != nil {
				t.Fatal(err)
			}
			process, err := os.FindProcess(id)
			if err != nil {
				t.Fatal(err)
			}
			return process
		}
	}
	t.Fatal("no training process runs")
	return nil
}
