package platformtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// childVariable makes the test's program the process of a Job or a Service.
const childVariable = "PLATFORM_TEST_CHILD"

var environment = []string{childVariable + "=1"}

// Main runs the tests, or the work of a Job or a Service if this program was
// started as one. It does not return.
func Main(m *testing.M) {
	if os.Getenv(childVariable) == "" || len(os.Args) != 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "train":
		os.Exit(train())
	case "predict":
		os.Exit(predict())
	}
	os.Exit(m.Run())
}

// How a training behaves, given as its model's name.
const (
	Succeeds = "succeeds"
	Fails    = "fails"
	Dies     = "dies"     // by SIGKILL
	Outgrows = "outgrows" // takes more than the memory of Job
	Stays    = "stays"    // until SIGTERM
	Deaf     = "deaf"     // ignores SIGTERM
)

// train behaves as the model's name says. First it prints what it has read.
func train() int {
	var job pipeline.TrainingJob
	if err := platform.ReadDescription(os.Getenv, platform.JobVariable, &job); err != nil {
		fmt.Println(err)
		return 2
	}
	if job.ModelName == Deaf {
		signal.Ignore(syscall.SIGTERM)
	}
	fmt.Printf("training %s on %s, registry %q\n", job.ModelName, digest(job.InputConfig), os.Getenv("DATABASE_URL"))
	switch job.ModelName {
	case Fails:
		fmt.Println("the loss is not finite")
		return 1
	case Dies:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		return 128 + int(syscall.SIGKILL) // process 1 of a container cannot kill itself
	case Outgrows:
		return outgrow()
	case Stays, Deaf:
		stop := make(chan os.Signal, 1)
		if job.ModelName == Stays {
			signal.Notify(stop, syscall.SIGTERM)
		}
		for { // a channel alone would be a deadlock to the runtime
			select {
			case <-stop:
				return 128 + int(syscall.SIGTERM)
			case <-time.After(time.Minute):
			}
		}
	}
	fmt.Println("done")
	return 0
}

// outgrow takes more memory than a Job may. If nothing kills it, it ends as a
// process does whose allocation fails.
func outgrow() int {
	var held [][]byte
	for range 24 {
		block := make([]byte, 8<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		held = append(held, block)
	}
	fmt.Printf("terminate called after %d blocks: std::bad_alloc\n", len(held))
	return 134
}

func digest(config []byte) string { return fmt.Sprintf("%d:%x", len(config), sha256.Sum256(config)) }

// answer is how a replica answers a request.
type answer struct {
	replica string // identifies the process
	path    string
	output  string // its output topic
	config  string // digest of its input configuration
}

func (a answer) String() string {
	return fmt.Sprintf("%s %s %s %s", a.replica, a.path, a.output, a.config)
}

// predict answers every request with an answer, exits on /die and drains on
// SIGTERM. If its output topic is called "broken" it does not start.
func predict() int {
	var job pipeline.PredictJob
	if err := platform.ReadDescription(os.Getenv, platform.PredictVariable, &job); err != nil || job.OutputTopic == "broken" {
		fmt.Println("cannot load the model", err)
		return 1
	}
	host, _ := os.Hostname()
	self := answer{
		replica: fmt.Sprintf("%s/%d/%d", host, os.Getpid(), time.Now().UnixNano()), output: job.OutputTopic, config: digest(job.InputConfig),
	}
	mux := http.NewServeMux()
	healthy := func(http.ResponseWriter, *http.Request) {}
	mux.HandleFunc("/health/readiness", healthy)
	mux.HandleFunc("/health/liveness", healthy)
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a := self
		a.path = r.URL.Path
		fmt.Fprint(w, a)
	})
	address := os.Getenv("LISTEN_ADDRESS")
	if address == "" {
		address = ":" + os.Getenv("PORT")
	}
	protocols := &http.Protocols{} // Knative speaks HTTP/2 to replicas
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return serve(&http.Server{Addr: address, Handler: mux, Protocols: protocols, ReadHeaderTimeout: 10 * time.Second})
}

// serve serves until SIGTERM, and returns after the last answer.
func serve(s *http.Server) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		<-stop
		_ = s.Shutdown(context.Background())
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		fmt.Println(err)
		return 1
	}
	<-drained
	return 0
}
