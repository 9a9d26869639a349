# `make run` and `make test` install and build everything that they need: see scripts/setup.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
ARGS ?=
MODEL ?=
FUZZTIME ?= 20s

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Personalize on the sample writer and show what changed (MODEL=smollm2-135m; ARGS="--history my.jsonl" for your own texts)
	@$(if $(MODEL),scripts/setup model)
	build/nextquill run $(if $(MODEL),--get --model $(MODEL)) $(ARGS)

.PHONY: check
check: ## Static checks: format, vet, staticcheck, dead code, shaders, TypeScript
	@scripts/setup test
	@scripts/setup check
	GO=$(GO) scripts/check

.PHONY: test
test: ## All tests: Go packages, the guest on this machine's GPU device, Chromium and Firefox
	@scripts/setup test
	GO=$(GO) scripts/test

.PHONY: build
build: setup guest ## Build the guest and the command line into build/
	$(GO) build -o build/nextquill ./cmd/nextquill

.PHONY: guest
guest:
	$(GO) run ./cmd/buildwasm --quiet

.PHONY: eval
eval: build ## Compare methods on three writers whom the embedded model was not trained on (ARGS="--methods base,quill")
	GO=$(GO) $(GO) run ./cmd/evalwriters build/eval/writers.jsonl
	build/nextquill eval --data build/eval/writers.jsonl --users 0 --min-train 100 --validation 20 --test 60 \
	  --out out/eval $(ARGS)

.PHONY: bench
bench: build ## Measure kernels and training steps (ARGS="--history 400")
	build/nextquill bench $(ARGS)

.PHONY: bench-browser
bench-browser: setup ## Compare a training step in Chromium with jax-js and tfjs; needs Node and npm (ARGS="--rounds 9")
	@scripts/setup test
	$(GO) run ./cmd/buildwasm --test --quiet
	$(GO) run ./cmd/benchbrowser $(ARGS)

.PHONY: bench-peers
bench-peers: build ## Compare writing and training with llama.cpp, wllama and PyTorch, in turns; needs Node and npm (ARGS="--venv DIR --doc docs/performance.md")
	@scripts/setup test
	@scripts/setup model
	build/nextquill model get smollm2-135m
	$(GO) run ./cmd/buildwasm --test --quiet
	$(GO) run ./cmd/benchpeers $(ARGS)

.PHONY: format
format: ## Format Go and TypeScript sources
	gofmt -w $$(git ls-files '*.go')
	cd web && npm ci --silent && npx --no-install biome check --write .

.PHONY: docs
docs: site ## Build the API reference of the module and the element into dist/docs/api
	@scripts/setup check
	scripts/docs

.PHONY: fuzz
fuzz: setup ## Run every fuzz target for FUZZTIME (20s)
	GO=$(GO) scripts/fuzz $(FUZZTIME)

.PHONY: goldens
goldens: ## Rebuild the golden files; needs Python, and VENV=DIR, a virtual environment with its packages
	GO=$(GO) scripts/goldens "$(VENV)"

.PHONY: parity
parity: build ## Compare tokenizers, chat templates and SmolLM2's answers with the references; needs npm, Python and VENV=DIR
	GO=$(GO) ARGS="$(ARGS)" scripts/parity "$(VENV)"

.PHONY: edge
edge: site ## Run the Cloudflare Worker on this machine, on workerd; needs Node and npm (ARGS="--port 9000")
	@scripts/setup check
	GO=$(GO) scripts/edge serve $(ARGS)

.PHONY: edge-test
edge-test: site ## Test the Worker, other servers and embedding in Chromium, and the npm package in bundlers; needs Node and npm
	@scripts/setup hosts
	GO=$(GO) scripts/edge-test

.PHONY: clean
clean: ## Remove build/, dist/, and the output of runs in out/
	rm -rf build dist out

.PHONY: setup
setup:
	@scripts/setup

.PHONY: site
site: setup ## Write the static site into dist/ (MODEL=smollm2-135m adds a model as dist/models/NAME)
	$(GO) run ./cmd/buildwasm site
	@$(if $(MODEL),GO=$(GO) scripts/site-model $(MODEL))

.PHONY: package
package: site ## Turn dist/lib into the npm package, check it with tsc, publint and attw, and pack it; needs Node and npm
	scripts/package

.PHONY: serve
serve: site ## Build the site and serve it on this machine (ARGS="--addr 127.0.0.1:9000")
	$(GO) build -o build/nextquill ./cmd/nextquill
	build/nextquill serve $(ARGS)
