package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// describeMachine says where the figures were taken and with what, and how
// busy the machine was when they began.
func (b *bench) describeMachine(ctx context.Context) string {
	load, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	var s strings.Builder
	fmt.Fprintf(&s, "machine: %s, %d cores, %s of memory, Linux %s; load %s at the start\n",
		member("/proc/cpuinfo", "model name"), runtime.NumCPU(), memoryTotal(), firstLine("/proc/sys/kernel/osrelease"), load)
	_, site, _ := toolchain.Python() // found by setUp
	lib, _ := toolchain.Kafka()
	fmt.Fprintf(&s, "with: %s, TensorFlow %s, Keras %s, Apache Kafka %s (%s), %s, confluent-kafka %s, orjson %s\n", runtime.Version(),
		installed(site, "tensorflow*"), installed(site, "keras"), jar(lib, "kafka-clients"), output(ctx, "java", "--version"),
		output(ctx, b.python, "--version"), installed(b.extra, "confluent_kafka"), installed(b.extra, "orjson"))
	fmt.Fprintf(&s, "runs: %d of each side in turn, medians compared", b.runs)
	if b.quick {
		s.WriteString("; -quick: counts are cut, the ratios are no measurement")
	}
	return s.String()
}

// firstLine of a file, "unknown" where it cannot be read.
func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// member is the value of the first "name: value" of a file.
func member(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memoryTotal() string {
	var kib int64
	if _, err := fmt.Sscan(member("/proc/meminfo", "MemTotal"), &kib); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}

// installed is the version of a Python package by its folder in site.
func installed(site, name string) string {
	found, _ := filepath.Glob(filepath.Join(site, name+"-*.dist-info")) // the pattern is well-formed
	if len(found) == 0 {
		return "unknown"
	}
	base := strings.TrimSuffix(filepath.Base(found[0]), ".dist-info")
	return base[strings.LastIndex(base, "-")+1:]
}

func jar(lib, name string) string {
	found, _ := filepath.Glob(filepath.Join(lib, name+"-*.jar")) // the pattern is well-formed
	if len(found) == 0 {
		return "unknown"
	}
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), name+"-"), ".jar")
}

// output is the first line that a program prints.
func output(ctx context.Context, name string, args ...string) string {
	text, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return name + " unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}
