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
)

const namespace = "kafkaml"

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
	w := &walk{domain: os.Getenv("E2E_DOMAIN"), overlay: os.Getenv("E2E_OVERLAY"), ingress: os.Getenv("E2E_INGRESS"), kafkaml: os.Getenv("KAFKAML")}
	if w.cluster, err = stream.Dial(ctx, config); err != nil {
		return err
	}
	defer w.cluster.Close()
	w.http = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DialContext: dial(w.ingress)}}
	w.client = client.New(w.url("page"))
	w.client.HTTP = w.http
	failed := 0
	for _, s := range steps {
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
		return fmt.Errorf("%d of %d steps failed", failed, len(steps))
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

// step is one line of the table. A needed one that fails ends the walk.
type step struct {
	name   string
	needed bool
	limit  time.Duration
	do     func(*walk, context.Context, *row) error
}

var steps = []step{
	{"install by one apply: six functions ready", true, 8 * time.Minute, (*walk).install},
	{"rights: who may write what", false, time.Minute, (*walk).rights},
	{"register two models by CloudEvent, configure", true, 5 * time.Minute, (*walk).register},
	{"control message before its deployment, control-log at 0", true, 5 * time.Minute, (*walk).early},
	{"a command by kubectl, as the page shows it", false, time.Minute, (*walk).terminal},
	{"deploy: two Jobs run and finish", true, 6 * time.Minute, (*walk).train},
	{"download both formats", false, time.Minute, (*walk).download},
	{"the same control message again", false, 2 * time.Minute, (*walk).again},
	{"re-send to another deployment", false, 6 * time.Minute, (*walk).resend},
	{"inference: 3 replicas, 6 partitions, source", true, 6 * time.Minute, (*walk).replicas},
	{"the same, one pod killed midway", false, 4 * time.Minute, (*walk).killed},
	{"new model under load", false, 5 * time.Minute, (*walk).update},
	{"canary 10 % and back", false, 4 * time.Minute, (*walk).canary},
	{"two partitions more: the consumers follow", false, 3 * time.Minute, (*walk).grow},
	{"inference: 3 replicas, direct", false, 5 * time.Minute, (*walk).direct},
	{"range 0..5: to zero, woken by records", false, 6 * time.Minute, (*walk).range05},
	{"a function at 0 woken by curl", false, 3 * time.Minute, (*walk).wakeByCurl},
	{"a function at 0 woken by kn", false, 3 * time.Minute, (*walk).wakeByKn},
	{"a function at 0 woken by the page in a browser", false, 3 * time.Minute, (*walk).wakeByPage},
	{"Job: pod killed, run again", false, 6 * time.Minute, (*walk).jobKilled},
	{"Job: lost, started again from the log", false, 6 * time.Minute, (*walk).jobLost},
	{"Job: out of memory", false, 4 * time.Minute, (*walk).jobMemory},
	{"Job: no node for it", false, 4 * time.Minute, (*walk).jobUnschedulable},
	{"Job: past its deadline", false, 4 * time.Minute, (*walk).jobLate},
	{"Job: stopped with its deployment", false, 4 * time.Minute, (*walk).jobStopped},
	{"delete the inferences: nothing is left of them", false, 3 * time.Minute, (*walk).remove},
	{"delete the functions: what they made goes with them", false, 5 * time.Minute, (*walk).uninstall},
}
