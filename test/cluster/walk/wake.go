package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// controlLog is the function that the walk lets scale to zero.
const controlLog = "control-log"

// atZero waits until no pod of a function is left but those that end.
func (w *walk) atZero(ctx context.Context, function string) error {
	return until(ctx, func() (bool, error) {
		pods, err := w.running(ctx, "serving.knative.dev/service="+function)
		return len(pods) == 0, err
	})
}

// woken waits until control-log has no pod, does what wakes it, and tells how
// long that took and which pod came. A request that fails while the function
// starts is made again, and the row says how often.
func (w *walk) woken(ctx context.Context, r *row, wake func() error) error {
	if err := w.atZero(ctx, controlLog); err != nil {
		return err
	}
	began, asked := time.Now(), 0
	var last error
	err := until(ctx, func() (bool, error) {
		asked++
		last = wake()
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("asked %d times: %w: %w", asked, err, last)
	}
	r.notef("answered after %.1f s", time.Since(began).Seconds())
	if asked > 1 {
		r.notef("asked %d times", asked)
	}
	pods, err := w.names(ctx, "pods", "serving.knative.dev/service="+controlLog) // it may be on its way out again
	r.pods = len(pods)
	if err == nil && len(pods) == 0 {
		err = fmt.Errorf("it answered without a pod")
	}
	return err
}

// wakeByCurl asks the function's own URL.
func (w *walk) wakeByCurl(ctx context.Context, r *row) error {
	return w.woken(ctx, r, func() error {
		args := []string{"-sS", "--fail", "--max-time", "600", w.url(controlLog) + "/datasources"}
		if w.ingress != "" {
			args = append(args, "--connect-to", "::"+w.ingress)
		}
		out, err := exec.CommandContext(ctx, "curl", args...).CombinedOutput()
		if err == nil && !strings.Contains(string(out), `"items"`) {
			err = fmt.Errorf("no list")
		}
		if err != nil {
			return fmt.Errorf("curl: %w: %s", err, out)
		}
		return nil
	})
}

// wakeByKn runs kn with the command line as its plugin. Where kn is not there,
// the plugin is run as kn would run it, and the row says so.
func (w *walk) wakeByKn(ctx context.Context, r *row) error {
	dir, err := os.MkdirTemp("", "e2e-kn-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	plugin := filepath.Join(dir, "kn-kafkaml")
	if err := os.Symlink(w.kafkaml, plugin); err != nil {
		return fmt.Errorf("KAFKAML names no program: %w", err)
	}
	program, args := "kn", []string{"kafkaml", "datasources", "list", "-o", "name"}
	if _, err := exec.LookPath(program); err != nil {
		r.notef("kn is not on the PATH: its plugin alone")
		program, args = plugin, args[1:]
	}
	return w.woken(ctx, r, func() error {
		c := exec.CommandContext(ctx, program, args...)
		c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "KAFKAML_URL="+w.url("page"))
		out, err := c.CombinedOutput()
		if err == nil && !strings.Contains(string(out), "datasource/") {
			err = fmt.Errorf("no datasources")
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
		}
		return nil
	})
}

// wakeByPage opens the page, which itself is at zero, in a browser: it shows
// the datasources once control-log has answered.
func (w *walk) wakeByPage(ctx context.Context, r *row) error {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("there is no chromium to open the page with: %w", err)
	}
	if err := w.atZero(ctx, "page"); err != nil {
		return err
	}
	return w.woken(ctx, r, func() error {
		out, err := w.dump(ctx, browser)
		if err == nil && !strings.Contains(out, dataTopic) {
			err = fmt.Errorf("the page does not show %s", dataTopic)
		}
		return err
	})
}

// dump gives the page's document once it has settled.
func (w *walk) dump(ctx context.Context, browser string) (string, error) {
	profile, err := os.MkdirTemp("", "e2e-page-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(profile) }()
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + profile,
		"--virtual-time-budget=20000", "--dump-dom",
	}
	if w.ingress != "" {
		host, _, _ := strings.Cut(w.ingress, ":")
		args = append(args, "--host-resolver-rules=MAP * "+host)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, append(args, w.url("page")+"/#/datasources")...).Output()
	if err != nil {
		return "", fmt.Errorf("chromium: %w", err)
	}
	return string(out), nil
}
