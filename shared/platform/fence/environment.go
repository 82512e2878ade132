package fence

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// system is what the libraries that run graphs, and Go itself, read of a machine.
var system = []string{
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/cuda", "/opt/nvidia", "/etc/ld.so.cache",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
	"/run/systemd/resolve", "/etc/localtime", "/usr/share/zoneinfo",
	"/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/sys/vm", "/proc/sys/kernel", "/proc/sys/net/core",
	"/proc/driver/nvidia", "/sys/devices", "/sys/fs/cgroup", "/sys/kernel/mm", "/sys/bus/pci", "/sys/module", "/sys/class",
	"/dev/urandom", "/dev/random", "/dev/zero",
}

// devices are written and controlled: those of GPUs, where there are any.
func devices() []string {
	gpus, _ := filepath.Glob("/dev/nvidia*") // the pattern is well formed
	return append(gpus, "/dev/null")
}

// naming are the beginnings of the variables that say where something is which a
// training or an inference needs: a place in the network, or a file.
var naming = []string{
	"KAFKA_", "SCHEMA_REGISTRY_", "ARTIFACT_URL=", "K_SINK=", "AWS_", "SSL_CERT_",
	"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=", "OTEL_EXPORTER_OTLP_CERTIFICATE=", "OTEL_EXPORTER_OTLP_CLIENT_", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE=", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_",
	"HTTP_PROXY=", "HTTPS_PROXY=", "ALL_PROXY=", "http_proxy=", "https_proxy=", "all_proxy=",
}

// doors are the beginnings of those that say so of who may ask an inference; a
// process gets them from who starts it only where it is told to.
var doors = []string{"KAFKAML_OIDC_", "KAFKAML_EVENTS_OIDC_", "KAFKAML_TOKENS_FILE="}

// settings are the beginnings of the other variables that such a process gets from
// the one that starts it: how its libraries and its log behave.
var settings = []string{
	"K_CE_OVERRIDES=", "CORS_ORIGINS=", "LOG_LEVEL=", "VOCABULARY_MAX=", Variable + "=", "KAFKAML_TOOLCHAIN=", "KAFKAML_ONNXRUNTIME=", "KAFKAML_TEST_",
	"PATH=", "HOME=", "LANG=", "LC_", "TZ=", "NO_PROXY=", "no_proxy=", "LD_LIBRARY_PATH=", "GODEBUG=", "GOMAXPROCS=", "GOMEMLIMIT=", "GOGC=", "GOTRACEBACK=", "GOCOVERDIR=",
	"OTEL_", "TF_", "XLA_", "OMP_", "OPENBLAS_", "MKL_", "KMP_", "ONEDNN_", "DNNL_", "ORT_", "CUDA_", "NVIDIA_", "NCCL_", "MALLOC_", "MIMALLOC_",
}

// Inherited are those of variables, NAME=value, that a process of a graph gets from
// the one that starts it. No others: they may hold what is secret.
func Inherited(variables []string) []string {
	return beginning(variables, slices.Concat(naming, settings))
}

func beginning(variables, with []string) (kept []string) {
	for _, v := range variables {
		if slices.ContainsFunc(with, func(b string) bool { return strings.HasPrefix(v, b) }) {
			kept = append(kept, v)
		}
	}
	return kept
}

// Of gives the fence of a process by its environment: it may reach the ports and
// read the files that its variables name. variables are NAME=value, scratch is the
// folder of its temporary files, libraries are folders.
func Of(variables []string, scratch string, libraries ...string) Fence {
	f := Fence{Read: append(libraries, system...), Scratch: scratch, Devices: devices()}
	for _, variable := range beginning(variables, slices.Concat(naming, doors)) {
		_, value, _ := strings.Cut(variable, "=")
		f.readNamed(value)
		f.reach(value)
	}
	return f
}

// readNamed adds what a variable names: a file or a folder of certificates, or of
// credentials, which a store of S3 looks for in the home folder too.
func (f *Fence) readNamed(value string) {
	if strings.HasPrefix(value, "s3://") || value == "AWS_MSK_IAM" {
		if home, err := os.UserHomeDir(); err == nil {
			f.Read = append(f.Read, filepath.Join(home, ".aws"))
		}
	}
	if filepath.IsAbs(value) && filepath.Clean(value) != "/" {
		f.Read = append(f.Read, value)
		if to, err := os.Readlink(value); err == nil && strings.HasPrefix(to, "..data/") {
			f.Read = append(f.Read, filepath.Dir(value)) // a mounted Secret, which Kubernetes renews by another file
		}
	}
}

// places finds host:port, and URLs with or without a port, also within another URL.
var places = regexp.MustCompile(`(?:([a-z][a-z0-9]*)://)?(?:[^\s/?#@,=&]*@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d+))?`)

// standard are the ports of URLs that name none. A store of S3 without an endpoint
// is AWS, whose credentials come by HTTP from the machine; so do those of its brokers.
var standard = map[string][]uint16{"http": {80}, "https": {443}, "s3": {443, 80}}

// cluster is the issuer of a cluster's tokens, as its pods call it. What it says of
// itself names the API server's own address, whose port is another one.
const cluster, apiServer = "https://kubernetes.default.svc", 6443

// reach adds the ports that a variable's value names.
func (f *Fence) reach(value string) {
	if strings.HasPrefix(value, cluster) {
		f.Connect = append(f.Connect, apiServer)
	}
	if value == "AWS_MSK_IAM" {
		f.Connect, f.Lookup = append(f.Connect, standard["s3"]...), true
	}
	if decoded, err := url.QueryUnescape(value); err == nil {
		value = decoded
	}
	for _, m := range places.FindAllStringSubmatch(value, -1) {
		scheme, host, number := m[1], m[2], m[3]
		ports := standard[scheme]
		if p, ok := port(number); ok {
			ports = []uint16{p}
		}
		if len(ports) == 0 {
			continue
		}
		f.Connect = append(f.Connect, ports...)
		f.Lookup = f.Lookup || host != "localhost" && net.ParseIP(strings.Trim(host, "[]")) == nil
	}
}

func port(text string) (uint16, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0
}
