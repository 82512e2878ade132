package registry_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// writer registers models and prints the name of each once it is committed,
// times times or, where that is no number, until it is killed.
func writer(ctx context.Context, url, times string) error {
	s, err := registry.Open(ctx, url)
	if err != nil {
		return err
	}
	limit, err := strconv.Atoi(times)
	for i := 0; err != nil || i < limit; i++ {
		name := fmt.Sprintf("%d-%d", os.Getpid(), i)
		if err := register(ctx, s, name); err != nil {
			return fmt.Errorf("register %s: %w", name, err)
		}
		fmt.Println(name)
	}
	return s.Close()
}

func writerProcess(t *testing.T, url, times string) (*exec.Cmd, io.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), writes+"="+url, writesTimes+"="+times)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, out
}

// TestKilledWriter kills a process in the middle of its writes, again and
// again: what it said was committed is there, with its event; what it was
// killed in is there whole or not at all.
func TestKilledWriter(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		var committed []string
		for round := range 6 {
			c, out := writerProcess(t, url, "")
			lines := bufio.NewScanner(out)
			for range 1 + 7*round {
				if !lines.Scan() {
					t.Fatalf("the writer ended: %v", c.Wait())
				}
				committed = append(committed, lines.Text())
			}
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() { // what it managed to say before
				committed = append(committed, lines.Text())
			}
			if err := c.Wait(); err == nil {
				t.Fatal("the writer was not killed")
			}
			checkCommitted(t, url, committed, round+1)
		}
	})
}

// checkCommitted finds all that was said to be committed, and at most one
// unsaid change for each kill.
func checkCommitted(t *testing.T, url string, said []string, kills int) {
	t.Helper()
	s := open(t, url)
	events, err := s.Events(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	page, err := registry.Read(t.Context(), s, func(tx *registry.Tx) (registry.Page[pipeline.Model], error) { return tx.Models(registry.Query{}) })
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, m := range page.Items {
		has[m.Name] = true
	}
	for _, name := range said {
		if !has[name] {
			t.Errorf("%s was committed and is lost", name)
		}
	}
	if len(page.Items) > len(said)+kills || len(page.Items) != len(events) {
		t.Errorf("%d models and %d events of %d commits that were said, after %d kills", len(page.Items), len(events), len(said), kills)
	}
	for i, e := range events {
		if e.Seq != int64(i)+1 || !has[e.Event.Subject()] {
			t.Fatalf("event %d is number %d, about %s", i+1, e.Seq, e.Event.Subject())
		}
	}
}

func TestSeveralProcessesWrite(t *testing.T) {
	const processes, times = 4, 25
	contract(t, func(t *testing.T, url string) {
		var said bytes.Buffer
		var mu sync.Mutex
		var running sync.WaitGroup
		for range processes { // they also race to make the schema
			c, out := writerProcess(t, url, strconv.Itoa(times))
			running.Go(func() {
				text, err := io.ReadAll(out)
				if err != nil {
					t.Error(err)
				}
				if err := c.Wait(); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				said.Write(text)
			})
		}
		running.Wait()
		names := strings.Fields(said.String())
		if len(names) != processes*times {
			t.Errorf("%d commits, want %d", len(names), processes*times)
		}
		checkCommitted(t, url, names, 0)
	})
}
