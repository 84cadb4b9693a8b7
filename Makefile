# Roomcast. Two commands are enough: "make run" starts it, "make test" tests it.
# Both install what is missing on a Debian-like machine, and say what and why.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TOOLS := $(CURDIR)/.tools
STAMP := .tools/stamp
APP   := web/app
E2E   := test/e2e

# A Node that we had to install goes first; Go is often not on root's PATH.
export PATH := $(TOOLS)/node/node_modules/.bin:$(PATH):/usr/local/go/bin
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1
# git may refuse to tell root about another user's clone; the version is set below.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)
NPM := npm --no-audit --no-fund --no-update-notifier --loglevel=error

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO_BUILD := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
# Most of what tests do is wait for media to come in its own time: more of them than cores run at once.
GO_TEST  := CGO_ENABLED=1 go test -race -p 3 -parallel 4
# Those that take the longest begin first, so that none is left alone at the end.
PACKAGES := ./test/acceptance ./live/... ./ingest/... ./...
# What git ignores below it is generated, and no source.
APP_SOURCES := $(shell find $(APP) \( -name node_modules -o -name dist -o -name paraglide -o -name project.inlang \) -prune \
	-o -type f -not -name schema.gen.ts -print)

.PHONY: help
help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- build and run -----------------------------------------------------------

.PHONY: run
run: build need-ffmpeg ## build and start it, data in ./data; DEMO=1 makes a room of each type, ARGS= adds flags
	@exec bin/roomcast serve $(if $(DEMO),--demo) $(ARGS)

.PHONY: build
build: $(STAMP)/app ## leave bin/roomcast, the front end inside
	@$(GO_BUILD) -o bin/roomcast ./cmd/roomcast

$(STAMP)/app: $(APP)/node_modules/.installed $(APP_SOURCES)
	@echo "Building the front end"
	@cd $(APP) && $(NPM) run --silent build -- --logLevel error
	@mkdir -p $(STAMP) && touch $(APP)/dist/.gitkeep $@

$(APP)/node_modules/.installed: $(APP)/package.json $(APP)/package-lock.json | need-node
	@echo "Installing the front end's npm packages"
	@cd $(APP) && $(NPM) ci
	@touch $@

$(E2E)/node_modules/.installed: $(E2E)/package.json $(E2E)/package-lock.json | need-node
	@echo "Installing the browser tests' npm packages"
	@cd $(E2E) && $(NPM) ci
	@touch $@

.PHONY: generate
generate: $(APP)/node_modules/.installed ## write the generated files anew: OpenAPI, TypeScript types
	@go generate ./...
	@go run ./cmd/roomcast openapi >$(APP)/openapi.json.new && mv $(APP)/openapi.json.new $(APP)/openapi.json
	@cd $(APP) && $(NPM) run --silent generate

# --- tests -------------------------------------------------------------------

.PHONY: test
test: build test-go test-app e2e ## every test that takes less than a minute: Go, front end, browsers

.PHONY: test-go
test-go: need-gcc need-ffmpeg need-gstreamer
	@$(GO_TEST) -timeout 10m $(PACKAGES)

.PHONY: test-app
test-app: $(APP)/node_modules/.installed
	@cd $(APP) && $(NPM) test

.PHONY: e2e
e2e: build need-chromium need-firefox need-ffmpeg $(E2E)/node_modules/.installed ## the browser tests alone
	@cd $(E2E) && $(NPM) test

.PHONY: check
check: lint test-app ## the quick loop: lint and unit tests
	@CGO_ENABLED=0 go test -short $$(go list ./... | grep -v '^roomcast/test')

.PHONY: test-long
test-long: build need-gcc need-ffmpeg need-gstreamer need-chromium need-firefox $(E2E)/node_modules/.installed ## the checks that take longer, and each fuzz test for a while
	@$(GO_TEST) -tags long -timeout 80m $(PACKAGES)
	@cd $(E2E) && $(NPM) run --silent long
	@CGO_ENABLED=0 go test -tags long -timeout 20m ./test/scale/...
	@scripts/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: test-obs
test-obs: build need-ffmpeg need-obs ## broadcast with a real OBS Studio (a gigabyte of packages)
	@CGO_ENABLED=0 ROOMCAST_TEST_BINARY=$(CURDIR)/bin/roomcast go test -count=1 -v -tags obs ./test/obs

.PHONY: bench
bench: ## every Go benchmark
	@CGO_ENABLED=0 go test -run '^$$' -bench . -benchmem ./...

# --- code --------------------------------------------------------------------

.PHONY: lint
lint: lint-go lint-app ## vet, golangci-lint, svelte-check, eslint, tsc

.PHONY: lint-go
lint-go: .tools/bin/golangci-lint
	@go vet ./...
	@go vet -tags long ./...
	@.tools/bin/golangci-lint run ./...

.PHONY: lint-app
lint-app: $(APP)/node_modules/.installed $(E2E)/node_modules/.installed
	@cd $(APP) && $(NPM) run --silent check && $(NPM) run --silent lint
	@cd $(E2E) && $(NPM) run --silent check

.PHONY: fmt
fmt: .tools/bin/golangci-lint ## format the Go code
	@.tools/bin/golangci-lint fmt

.tools/bin/golangci-lint: tools/go.mod tools/go.sum
	@echo "Building golangci-lint (minutes, once)"
	@mkdir -p .tools/bin && cd tools && CGO_ENABLED=0 go build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

.PHONY: clean
clean: ## remove what was built; data, npm packages and tools stay
	@rm -rf bin test/out $(STAMP)/app
	@find $(APP)/dist -mindepth 1 -not -name .gitkeep -delete

# --- what the machine needs --------------------------------------------------

.PHONY: need-node need-ffmpeg need-chromium need-firefox need-gcc need-gstreamer need-obs
need-node need-ffmpeg need-chromium need-firefox need-gcc need-gstreamer need-obs: need-%:
	@scripts/need.sh $*
