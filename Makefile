SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# How long `make test-long` fuzzes each target.
FUZZTIME ?= 60s

# The plain binary builds for these without cgo. The search core and the kernels
# also run inside WebAssembly.
PLATFORMS := linux/arm64 darwin/arm64 windows/amd64
WASM := js/wasm wasip1/wasm
PORTABLE := ./searchcore/... ./kernels/...

.PHONY: build run test test-long tools lint cross unit race fuzz

build:
	CGO_ENABLED=0 go build -trimpath -o bin/litefront ./cmd/litefront

run: build
	bin/litefront search --budget 60s

# Everything a change needs, quickest first.
test: tools lint cross unit race

# Fuzzing, and tests that look longer when LITEFRONT_LONG is set.
test-long: tools fuzz
	LITEFRONT_LONG=1 go test -count=1 -timeout=2h ./...

# wasm-validate judges emitted modules.
tools:
	@command -v wasm-validate >/dev/null || { \
		sudo=; [ "$$(id -u)" -eq 0 ] || sudo=sudo; \
		$$sudo apt-get update -q && $$sudo apt-get install -yq wabt; \
	} || { echo "make: wasm-validate is missing and could not be installed; install the package wabt" >&2; exit 1; }

lint:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt -w needed:" $$unformatted >&2; exit 1; }
	go vet ./...
	go tool staticcheck ./...

cross: $(addprefix cross/,$(PLATFORMS) $(WASM))

# $(call env,cross/os/arch) is the environment that builds for os/arch.
env = CGO_ENABLED=0 GOOS=$(word 2,$(subst /, ,$(1))) GOARCH=$(word 3,$(subst /, ,$(1)))

$(addprefix cross/,$(PLATFORMS)):
	$(call env,$@) go build ./...
	$(call env,$@) go vet ./...

$(addprefix cross/,$(WASM)):
	$(call env,$@) go vet $(PORTABLE)

.PHONY: $(addprefix cross/,$(PLATFORMS) $(WASM))

unit: tools
	go test ./...

# Only the host side starts goroutines. Tests that repeat without touching them
# skip themselves in -short.
race: tools
	CGO_ENABLED=1 go test -race -short ./host/... ./cmd/...

# go test -list prints a package's targets and then its name.
fuzz: tools
	go test -list '^Fuzz' ./... | \
	awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$package"; \
	done
