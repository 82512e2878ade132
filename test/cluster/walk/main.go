// Walk walks through the pipeline in a real cluster on which it is installed,
// and prints what each step took and what became of its records. test/cluster
// brings such a cluster up; with KUBECONFIG it walks through the user's own.
//
//	KUBECONFIG          the cluster
//	KAFKA_BROKERS, ...  Kafka, as seen from here
//	E2E_INGRESS         host:port of Knative's ingress; names are resolved when empty
//	E2E_DOMAIN          of Knative's routes, such as e2e.test
//	E2E_OVERLAY         to install first and to remove at the end; installed already when empty
//	KAFKAML             the program kafkaml, which kn runs as its plugin
//	E2E_COLD            how many cold starts are measured; one when empty
//	E2E_FAULTS          let things go wrong instead, those whose names hold it, or all: on the node of test/cluster
//	E2E_RUN             where that node keeps what it runs on
//	E2E_TENANT          to install beside, then
//	E2E_DOCS            docs/kubernetes.md, for its CronJob
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "walk:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	config, err := stream.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	w := &walk{namespace: "kafkaml", control: control.Topic, domain: os.Getenv("E2E_DOMAIN"), overlay: os.Getenv("E2E_OVERLAY"), ingress: os.Getenv("E2E_INGRESS"), kafkaml: os.Getenv("KAFKAML")}
	if w.cluster, err = stream.Dial(ctx, config); err != nil {
		return err
	}
	defer w.cluster.Close()
	w.http = &http.Client{Timeout: 10 * time.Minute, Transport: &http.Transport{DialContext: dial(w.ingress)}}
	w.client = client.New(w.url("page"))
	w.client.HTTP = w.http
	failed, todo := 0, steps
	if which, ok := os.LookupEnv("E2E_FAULTS"); ok {
		todo = faultSteps(which)
	}
	for _, s := range todo {
		if ctx.Err() != nil {
			break
		}
		if err := w.step(ctx, s); err != nil {
			failed++
			if s.needed {
				break
			}
		}
	}
	w.print()
	if failed > 0 {
		return fmt.Errorf("%d of %d steps failed", failed, len(todo))
	}
	return ctx.Err()
}

// dial dials address whatever the host, or the host where it is empty.
func dial(address string) func(context.Context, string, string) (net.Conn, error) {
	var d net.Dialer
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		if address != "" {
			host = address
		}
		return d.DialContext(ctx, network, host)
	}
}

// limit is for a step that fails: a machine that is ten times slower than usual
// stays within it.
const limit = 20 * time.Minute

// step is one line of the table. A needed one that fails ends the walk.
type step struct {
	name   string
	needed bool
	do     func(*walk, context.Context, *row) error
}

var steps = []step{
	{"install by one apply: six functions ready", true, (*walk).install},
	{"rights: who may write what", false, (*walk).rights},
	{"register two models by CloudEvent, configure", true, (*walk).register},
	{"control message before its deployment, control-log at 0", true, (*walk).early},
	{"a command by kubectl, as the page shows it", false, (*walk).terminal},
	{"deploy: two Jobs run and finish", true, (*walk).train},
	{"download both formats", false, (*walk).download},
	{"the same control message again", false, (*walk).again},
	{"re-send to another deployment", false, (*walk).resend},
	{"inference: 3 replicas, 6 partitions, source", true, (*walk).replicas},
	{"the same, one pod killed midway", false, (*walk).killed},
	{"new model under load", false, (*walk).update},
	{"canary 10 % and back", false, (*walk).canary},
	{"two partitions more: the consumers follow", false, (*walk).grow},
	{"inference: 3 replicas, direct", false, (*walk).direct},
	{"range 0..5: to zero, woken by records", false, (*walk).range05},
	{"a function at 0 woken by curl", false, (*walk).wakeByCurl},
	{"a function at 0 woken by kn", false, (*walk).wakeByKn},
	{"a function at 0 woken by the page in a browser", false, (*walk).wakeByPage},
	{"Job: pod killed, run again", false, (*walk).jobKilled},
	{"Job: lost, started again from the log", false, (*walk).jobLost},
	{"Job: out of memory", false, (*walk).jobMemory},
	{"Job: no node for it", false, (*walk).jobUnschedulable},
	{"Job: past its deadline", false, (*walk).jobLate},
	{"Job: stopped with its deployment", false, (*walk).jobStopped},
	{"delete the inferences: nothing is left of them", false, (*walk).remove},
	{"delete the functions: what they made goes with them", false, (*walk).uninstall},
}
