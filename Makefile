SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# How long `make test-long` fuzzes each target, and FuzzForward, which takes random
# architectures from graph to logits.
FUZZTIME ?= 60s
LONGFUZZTIME ?= 10m

# The plain binary builds for these without cgo. The search core and the kernels
# also run in a browser (js) and as an edge guest (wasip1).
PLATFORMS := linux/arm64 darwin/arm64 windows/amd64
WASM := js/wasm wasip1/wasm
wasip1/wasm := ./searchcore/... ./kernels/... ./wasm/...
js/wasm := $(wasip1/wasm) ./ui/... ./cmd/page

.PHONY: build release artefacts npm peers axe run search test test-long tools lint check cross unit race fuzz gpu vulkan test-gpu fuzz-gpu bench-gpu bench-torch bench-kernels bench-page bench-core bench-peers bench-cost bench-transfer bench-search bench-fleet reproduce

# The artefacts first: the program embeds them.
build: artefacts
	CGO_ENABLED=0 go build -trimpath -o bin/litefront ./cmd/litefront

# The same for all platforms, with sums, in bin/release.
release: npm
	go run ./cmd/build -release

artefacts: npm
	go run ./cmd/build

# $(call install,PACKAGES) installs Debian packages.
install = { sudo=; [ "$$(id -u)" -eq 0 ] || sudo=sudo; $$sudo apt-get update -q && $$sudo apt-get install -yq $(1); } || \
	{ echo "make: could not install $(1); install it by hand" >&2; exit 1; }

# npm brings what the bundled scripts are made of, the peers that we compare with, and what
# judges the page's accessibility.
npm:
	@command -v npm >/dev/null || $(call install,npm)

# ONNX Runtime, native and for the browser: its packages ship the binaries.
peers: bench/peers/node_modules/.package-lock.json

# axe-core, by which browser tests judge the page's accessibility.
axe: internal/browsertest/node_modules/.package-lock.json

%/node_modules/.package-lock.json: %/package-lock.json | npm
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund
	touch $@

# The program with a GPU as a target (--target gpu), which needs cgo.
gpu: artefacts vulkan
	CGO_ENABLED=1 go build -trimpath -tags gpu -o bin/litefront-gpu ./cmd/litefront

# A Vulkan driver: where there is none, Mesa's, which computes on the CPU. And the layer
# that watches how tests use it.
vulkan: tools
	@[ "$$(uname)" != Linux ] || { ls /usr/share/vulkan/icd.d/ /etc/vulkan/icd.d/ 2>/dev/null | grep -q json && ldconfig -p | grep -q libvulkan.so.1; } || \
		$(call install,mesa-vulkan-drivers libvulkan1)
	@[ "$$(uname)" != Linux ] || ls /usr/share/vulkan/explicit_layer.d/ 2>/dev/null | grep -qi validation || $(call install,vulkan-validationlayers)

run: build
	bin/litefront serve

search: build
	bin/litefront search --budget 60s

# Everything a change needs, quickest first. Tests serve and open the artefacts.
test: tools lint check cross unit race test-gpu

# What needs cgo: GPU programs on this machine's adapter, or the one that LITEFRONT_GPU
# names a part of.
test-gpu: vulkan
	CGO_ENABLED=1 go vet -tags gpu ./host/... ./cmd/litefront ./bench/gpu
	CGO_ENABLED=1 go tool staticcheck -tags gpu ./host/gpu ./host/runtime
	CGO_ENABLED=1 go test -tags gpu ./host/gpu
	CGO_ENABLED=1 go test -tags gpu -run '^TestGPU' ./host/runtime ./cmd/litefront

# Fuzzing, and tests that look longer when LITEFRONT_LONG is set.
test-long: tools artefacts peers axe fuzz fuzz-gpu
	LITEFRONT_LONG=1 LITEFRONT_REQUIRE_CHROMIUM=1 LITEFRONT_REQUIRE_PEERS=1 LITEFRONT_REQUIRE_QEMU=1 go test -count=1 -timeout=2h ./...

# wasm-validate judges emitted modules, a browser opens the page, the race detector
# needs a C compiler, and the binary for arm64 runs in an emulator.
tools: npm
	@command -v wasm-validate >/dev/null || $(call install,wabt)
	@command -v chromium chromium-browser google-chrome >/dev/null || $(call install,chromium)
	@command -v $$(go env CC) >/dev/null || $(call install,gcc libc6-dev)
	@[ "$$(uname)" != Linux ] || command -v qemu-aarch64-static qemu-aarch64 >/dev/null || $(call install,qemu-user-static)

lint:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt -w needed:" $$unformatted >&2; exit 1; }
	go vet ./...
	go tool staticcheck ./...

# Generated code says what its sources say.
check:
	go run ./cmd/build -check

cross: $(addprefix cross/,$(PLATFORMS) $(WASM))

# $(call env,cross/os/arch) is the environment that builds for os/arch.
env = CGO_ENABLED=0 GOOS=$(word 2,$(subst /, ,$(1))) GOARCH=$(word 3,$(subst /, ,$(1)))

# With -trimpath, what is compiled here is what binaries are linked from.
$(addprefix cross/,$(PLATFORMS)):
	$(call env,$@) go build -trimpath ./...
	$(call env,$@) go vet -trimpath ./...

# With GOOS set, go tool would build staticcheck itself for os/arch.
$(addprefix cross/,$(WASM)):
	go build -o bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	$(call env,$@) go vet $($(@:cross/%=%))
	$(call env,$@) bin/staticcheck $($(@:cross/%=%))

.PHONY: $(addprefix cross/,$(PLATFORMS) $(WASM))

unit: tools artefacts peers axe
	LITEFRONT_REQUIRE_CHROMIUM=1 LITEFRONT_REQUIRE_PEERS=1 LITEFRONT_REQUIRE_QEMU=1 go test -timeout=80m ./...

# Only the host side starts goroutines. Tests that repeat without touching them
# skip themselves in -short.
race: tools artefacts
	CGO_ENABLED=1 go test -race -short -timeout=80m ./host/... ./cmd/...

# go test -list prints a package's targets and then its name.
fuzz: tools
	go test -list '^Fuzz' ./... | \
	awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		[ "$$target" = FuzzForward ] && fuzztime=$(LONGFUZZTIME) || fuzztime=$(FUZZTIME); \
		go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$$fuzztime -timeout=0 -fuzzminimizetime=5x "$$package"; \
	done

fuzz-gpu: vulkan
	CGO_ENABLED=1 go test -tags gpu -run='^$$' -fuzz='^FuzzForward$$' -fuzztime=$(LONGFUZZTIME) -timeout=0 -fuzzminimizetime=5x ./host/gpu

# The tables of docs/quality.md, from the published sets of trained models, the last
# one from models that are measured here; and docs/reproduction.md, from both.
TRAINED := searchcore/arch/testdata/lts_random_wt103.csv searchcore/arch/testdata/lts_pareto_lm1b.csv

reproduce: tools artefacts
	mkdir -p docs/quality
	go run ./cmd/litefront proxy eval $(TRAINED) --out docs/quality/perplexity.svg > docs/quality/eval.txt
	go run ./cmd/litefront proxy fit $(TRAINED) > docs/quality/fit.txt
	go run ./cmd/litefront proxy discover $(TRAINED) > docs/quality/discover.txt
	rm -f bin/quality.jsonl
	mkdir -p bin
	go run ./cmd/litefront search --space lts-gpt2 --budget 20 --study bin/quality.jsonl
	go run ./cmd/litefront proxy frontier bin/quality.jsonl --out docs/quality/frontier.svg > docs/quality/frontier.txt
	go run ./bench/reproduce

# Speeds, with a verdict per goal.
bench-kernels:
	go run ./bench/kernels

bench-page: tools artefacts
	go run ./bench/page -search

bench-core: artefacts
	go run ./bench/core

bench-peers: tools peers
	go run ./bench/peers

# The cost model's predictions against fresh measurements.
bench-cost: tools artefacts
	go run ./bench/cost

# What the models of other devices save a new one.
bench-transfer: tools artefacts
	go run ./bench/cost -transfer

# GPU programs beside the adapter's peaks and ONNX Runtime's WebGPU, natively and in
# Chromium. ADAPTER is part of the native adapter's name.
bench-gpu: tools peers vulkan
	CGO_ENABLED=1 go run -tags gpu ./bench/gpu -adapter='$(ADAPTER)'

# What PyTorch, and so cuBLAS, takes for the same shapes, beside what bench-gpu wrote.
bench-torch:
	python3 bench/gpu/torch_times.py

# The strategies, by device time. What twenty minutes do not reach, the next call does.
bench-search:
	go run ./bench/search

# What a host of many devices needs: two hundred of them, and a million measurements.
bench-fleet:
	go run ./bench/fleet
