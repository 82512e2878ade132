# Every target fetches and builds what it lacks, and is quick the second time.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
FETCH := shared/toolchain/fetch.sh
TOOLCHAIN := $(shell $(FETCH) dir)
TF := $(TOOLCHAIN)/tensorflow-2.21.0
# What allocates for TensorFlow, whose preparing of a graph asks for memory all the time:
# a short training takes a fifth less time by it than by glibc's malloc.
MIMALLOC := $(TOOLCHAIN)/mimalloc-3.4.3
DATA ?= .data
# TensorFlow's library is not linked but opened: shared/framework/tensorflow/library.go.
LAZY := $(CURDIR)/shared/framework/tensorflow/lazy
export CGO_CFLAGS := -O2 -I$(TF)/site/tensorflow/include -include $(LAZY)/weak.h
export CGO_LDFLAGS := -L$(LAZY) -Wl,-rpath,$(TF)/lib -Wl,-z,lazy -Wl,-z,dynamic-undefined-weak
export TF_CPP_MIN_LOG_LEVEL ?= 2
export KAFKAML_BIN := $(CURDIR)/bin
export KAFKAML_TENSORFLOW := $(CURDIR)/bin/kafkaml-tensorflow
export KAFKAML_ONNX := $(CURDIR)/bin/kafkaml-predict
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# grpcnotrace leaves out pages of gRPC that nobody serves, and with them what keeps the
# linker from dropping methods that are never called: a quarter of the predict program.
TAGS := grpcnotrace
LDFLAGS := -s -w -X github.com/kafkaml/kafkaml/shared/version.linked=$(VERSION)

help: ## print this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  variables: BROKER=kafka KAFKA_BROKERS=host:port EXAMPLE=0 PORT=8080 DATA=.data ARGS='...'"

run: build $(if $(filter kafka,$(BROKER)),kafka) $(if $(filter 0,$(EXAMPLE)),,mnist) ## start everything on this machine and print the URL; Ctrl-C ends it
	bin/kafkaml run --data $(DATA) $(if $(PORT),--port $(PORT)) $(if $(BROKER),--broker $(BROKER)) $(if $(filter 0,$(EXAMPLE)),,--example) $(ARGS)

test: lint build kafka schemas clients mnist tabular test-go test-ui ## every test: lint, unit, contract, conformance, end to end, browser

test-go: build kafka schemas clients mnist tabular ## the Go tests alone
	go test -shuffle=on -timeout 30m $(ARGS) ./...

cases: build kafka ## the table of what people meet, the large models and every family as TFLite, too
	KAFKAML_LONG=1 go test -count 1 -v -timeout 60m $(ARGS) ./test/cases
	KAFKAML_LONG=1 go test -count 1 -timeout 60m -run TestZoo ./shared/framework/keras

monitoring: ## the alerts under manifests/monitoring, checked and fired by promtool (Debian: prometheus)
	cd manifests/monitoring && promtool check rules rules.yaml && promtool test rules rules_test.yaml && promtool check config --syntax-only scrape.yaml

demo: build kafka mnist ## the first example through every step, timed, on a broker and a data folder of its own
	bin/kafkaml demo $(ARGS)

bench: build optuna kafka schemas mnist ## one table: kafkaml against Keras and plain Python loops, side by side on Apache Kafka
	@$(FETCH) bench
	go run ./test/bench $(ARGS)

fault: build kafka ## one thing after another goes wrong, three times each, under load: lost, came twice, recovered after
	KAFKAML_LONG=1 go test -count=1 -v -timeout 60m -run 'TestFaults$$|TestDiskFills$$' $(ARGS) ./test/e2e

soak: build kafka ## an hour of predictions at half of the highest rate, with a rebalance, a death of the broker and an update
	KAFKAML_SOAK=$${KAFKAML_SOAK:-1h} go test -count=1 -v -timeout 120m -run 'TestFaults$$' $(ARGS) ./test/e2e

attack: build kafka ## what outsiders, people with an account and pasted models try: attack, held by
	go test -count=1 -timeout 60m -json -run TestAttack $(ARGS) ./... | go run ./test/attack

fuzz: tensorflow ## every fuzz target for a minute each (FUZZTIME): about an hour
	test/fuzz.sh $(ARGS)

images: build ## the four images as OCI tars, without a container engine
	manifests/images/build.sh $(TOOLCHAIN)/images bin $(TOOLCHAIN) e2e

e2e: $(if $(KUBECONFIG),build,images kafka mnist) ## walk through the pipeline in a real cluster: a node of its own, or KUBECONFIG's
	test/cluster/e2e.sh

fault-cluster: images kafka mnist ## one thing after another goes wrong in a real cluster, under load (FAULTS: those named so): lost, came twice, silent for
	FAULTS=$${FAULTS:-all} test/cluster/e2e.sh

manifests: ## write anew what the overlays render to
	go test ./manifests -update

build: bin/kafkaml bin/kafkaml-tensorflow bin/kafkaml-predict ## the programs into bin/

bin/kafkaml: ui optuna FORCE
	CGO_ENABLED=0 go build -tags $(TAGS) -ldflags '$(LDFLAGS)' -o $@ ./cmd/kafkaml

bin/kafkaml-tensorflow: tensorflow onnx mimalloc FORCE
	@[ -e $@ ] || echo "building $@ (the first time about a minute)"
	go build -tags $(TAGS) -ldflags '$(LDFLAGS) -extldflags $(MIMALLOC)/mimalloc.o' -o $@ ./cmd/kafkaml-tensorflow

# A copy: of a file as the linker leaves it Linux maps pieces of up to 2 MiB as a whole,
# so that each replica would hold all of the program rather than the third that it uses.
bin/kafkaml-predict: onnx FORCE
	CGO_LDFLAGS= go build -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/.linked-predict ./cmd/kafkaml-predict
	@cmp -s bin/.linked-predict $@ || { cat bin/.linked-predict >$@.new && chmod +x $@.new && mv $@.new $@; }

tensorflow onnx mimalloc optuna kafka schemas keycloak clients mnist tabular: ## fetch TensorFlow, ONNX Runtime, mimalloc, Optuna, Apache Kafka, a schema registry, Keycloak, Triton's clients and LiteRT, or the data of the examples
	@$(FETCH) $@

schemas onnx optuna clients: tensorflow

ui: FORCE
	@ui/build.sh

test-ui: build kafka mnist ## the UI's own tests, and a real browser against make run on Apache Kafka
	ui/test.sh

lint: ## gofumpt, go vet, staticcheck and the list of .golangci.yml
lint: tensorflow
	test/lint.sh

format: ## gofumpt over the tree
	go tool -modfile=lint.mod gofumpt -w $$(git ls-files '*.go' ':!*.pb.go')

clean: ## remove what was built here; the toolchain's cache stays
	rm -rf bin ui/dist/assets ui/node_modules

FORCE:
.PHONY: help cases fault soak attack fuzz images e2e fault-cluster manifests run test test-go demo bench build tensorflow onnx mimalloc optuna kafka schemas keycloak clients mnist tabular ui test-ui lint format clean FORCE
