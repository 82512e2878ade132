package local

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kafkaml/kafkaml/shared/platform/platformtest"
)

// serving is the process of a Service's one replica, 0 while there is none that answers.
func (l *Platform) serving(name string) (pid int) {
	for _, url := range l.URLs(name) {
		res, err := http.Get(url + "/x") // #nosec G107 -- a test's own server
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		if _, rest, ok := strings.Cut(string(text), "/"); ok {
			_, _ = fmt.Sscanf(rest, "%d/", &pid)
		}
	}
	return pid
}

// What a replica predicted when it was killed from outside is not at fault, other than
// where it ended by itself.
func TestAttackReplicaThatIsKilled(t *testing.T) {
	l, _ := rig(t, Config{})
	if err := l.Apply(t.Context(), platformtest.Service("i", "out", 1)); err != nil {
		t.Fatal(err)
	}
	pid := 0
	another := func() bool {
		now := l.serving("i")
		if now == 0 || now == pid {
			return false
		}
		pid = now
		return true
	}
	eventually(t, "one is ready", another)
	marker := filepath.Join(l.suspects("i"), "1")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if res, err := http.Get(l.URLs("i")[0] + "/die"); err == nil {
		_ = res.Body.Close()
	}
	eventually(t, "another after it ended", another)
	if _, err := os.Stat(marker); err != nil {
		t.Error("what ended it is forgotten: ", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another after it was killed", another)
	if _, err := os.Stat(marker); err == nil {
		t.Error("what it predicted when it was killed is held against it")
	}
}
