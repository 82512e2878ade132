package process

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"path"
	"regexp"
	"runtime/debug"
	"sync"

	"github.com/kafkaml/kafkaml/shared/tracing"
)

// openLog sends the structured log to standard error, and with it what
// a library writes there: its lines become entries of their level. flush
// waits until the last of them is out.
func openLog() (log *slog.Logger, flush func()) {
	if os.Getenv("TF_CPP_MIN_LOG_LEVEL") == "" {
		_ = os.Setenv("TF_CPP_MIN_LOG_LEVEL", "1") // a valid name: warnings and above; the library reads it at its first line
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(os.Getenv("LOG_LEVEL"))); err != nil {
		level = slog.LevelInfo
	}
	lines, own, read, err := divertStderr()
	if err != nil {
		log = slog.New(tracing.Log(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
		log.Warn("the library's log goes to standard error as it is", "error", err)
		return log, func() {}
	}
	log = slog.New(tracing.Log(slog.NewJSONHandler(own, &slog.HandlerOptions{Level: level})))
	_ = debug.SetCrashOutput(own, debug.CrashOptions{}) // a panic must not die with the pipe
	var reading sync.WaitGroup
	reading.Go(func() { relay(lines, log, read) })
	return log, func() {
		restoreStderr(own) // the pipe has no writer any more: relay comes to its end
		reading.Wait()
	}
}

// relay makes a log entry of each line until r ends. It calls read where it finds
// the lastWord.
func relay(r io.Reader, log *slog.Logger, read func()) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if scanner.Text() == lastWord {
			read()
			continue
		}
		level, message, at := parseLine(scanner.Text())
		if message == "" {
			continue
		}
		attributes := []any{"component", "library"}
		if at != "" {
			attributes = append(attributes, "at", at)
		}
		log.Log(context.Background(), level, message, attributes...)
	}
	_, _ = io.Copy(io.Discard, r) // a line too long to scan must not block its writer
}

// The two forms of TensorFlow's log lines, and ONNX Runtime's, which may be in
// colour:
//
//	2026-11-22 05:56:25.123456: W tensorflow/core/file.cc:227] message
//	W0000 00:00:1795326815.850906   12683 file.cc:153] message
//	2026-11-22 05:56:25.123456789 [W:onnxruntime:session, file.cc:227 Function] message
var (
	datedLine = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: ([IWEF]) (\S+:\d+)\] (.*)$`)
	onnxLine  = regexp.MustCompile(`^(?:\x1b\[[\d;]*m)?\d{4}-\d\d-\d\d \S+ \[([VIWEF]):onnxruntime:[^,]*, (\S+:\d+) [^\]]*\] (.*?)(?:\x1b\[m)?$`)
	abslLine  = regexp.MustCompile(`^([IWEF])\d{4} \S+\s+\d+ (\S+:\d+)\] (.*)$`)
)

var levels = map[string]slog.Level{"V": slog.LevelDebug, "I": slog.LevelInfo, "W": slog.LevelWarn, "E": slog.LevelError, "F": slog.LevelError}

// parseLine reads a line of the library; any other line is information.
func parseLine(line string) (level slog.Level, message, at string) {
	for _, form := range []*regexp.Regexp{datedLine, abslLine, onnxLine} {
		if m := form.FindStringSubmatch(line); m != nil {
			return levels[m[1]], m[3], path.Base(m[2])
		}
	}
	if line == "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR" {
		return slog.LevelDebug, "", ""
	}
	return slog.LevelInfo, line, ""
}
