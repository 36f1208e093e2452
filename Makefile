# Works on a machine with Go, make and a shell, from any folder (make -C).
# ENGINE=mysql runs the tests of the engine on MySQL instead of MariaDB.

SHELL := /bin/sh
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ENGINE  ?= mariadb
# At which provider's simulator `make points` runs: portone, toss. Empty: at a service that speaks docs/payments-api.yaml.
DIALECT ?=
# Which benchmarks run, and at what share of their sizes.
CASE    ?=
SCALE   ?= 1
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# What is distributed has the date of its sources, not that of its build.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
LINTER  := bin/golangci-lint
KUBECONFORM := bin/kubeconform
NFPM        := bin/nfpm
CYCLONEDX   := bin/cyclonedx-gomod

# The version is stamped here, so that a source tree without its repository builds too.
GO_BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
# Tests of processes mostly wait: three packages at once keep two cores busy.
GO_TEST  := go test -race -shuffle=on -timeout=18m -p=3

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: install-db build ## Show the whole thing: a private database, simulated payments, a due date and its retries
	./bin/duly demo

.PHONY: build
build: ## Build the programs into bin/
	$(GO_BUILD) -o bin/ ./cmd/...

.PHONY: unit
unit: ## The tests that need Go alone: no database, no browser; in seconds
	packages=$$(./scripts/test-packages.sh unit); CGO_ENABLED=0 go test -timeout=5m -p=4 $$packages

# What a newcomer waits for comes last: the first tests run before anything is installed or built for the others.
.PHONY: test
ifeq ($(ENGINE),mysql)
test: install-db install-cc install-chromium install-prometheus ## Everything that CI runs; with ENGINE=mysql the tests that use a database, on MySQL
	packages=$$(./scripts/test-packages.sh database); ENGINE=mysql $(GO_TEST) $$packages
else
test: unit install-db install-cc install-chromium install-prometheus lint
	go vet ./...
	ENGINE=$(ENGINE) $(GO_TEST) ./...
endif

.PHONY: lint
lint: $(LINTER) ## Check the code's rules and its format
	$(LINTER) run ./...
	$(LINTER) fmt --diff

.PHONY: fmt
fmt: $(LINTER) ## Format the code
	$(LINTER) fmt

.PHONY: bench
bench: install-db ## Run the benchmarks against their baselines; with CASE="B2 B9" only those, SCALE=0.1 at a tenth of the sizes
	mkdir -p bin
	go run ./bench -scale $(SCALE) -markdown bin/bench.md -json bin/bench.json -svg bin/bench.svg $(CASE)

.PHONY: bench-10m
bench-10m: install-db ## One run over ten million subscriptions; needs 15 GB of free disk
	go run ./bench -scale $(SCALE) 10M

.PHONY: mutants
mutants: install-db ## Break each rule once and see its test fail
	./scripts/mutants.sh

.PHONY: model
model: install-db install-cc ## Search the protocol's model with large bounds, and play many traces
	go test -count=1 -timeout=30m -parallel=1 -run='^TestProtocol$$' -v ./internal/model ./internal/model/refunds -model.large
	go test -race -count=1 -timeout=60m -run='^TestModel$$' -v ./internal/test/e2e -model.traces=400

.PHONY: volume
volume: install-db install-cc ## A day of 25,777 invoices on a gateway of which up to 75 % of the requests fail
	DULY_TEST_VOLUME=all go test -race -count=1 -timeout=30m -v ./internal/test/e2e/ -run TestLargeShop
	DULY_TEST_VOLUME=all go test -race -count=1 -timeout=30m ./jobs/ -run 'TestAHotProduct|TestAShopAtWorkWhileOrdersAreSettled|TestAuditFindsExactlyWhatDiffers'

.PHONY: points
ifeq ($(DIALECT),)
points: install-db install-cc ## Kill a worker at every point in every way, and settle orders with every two payments; with DIALECT=portone charges at PortOne's simulator, and chaos there
	DULY_TEST_POINTS=all go test -race -count=1 -timeout=30m ./internal/orders/ -run TestEveryCombination
	DULY_TEST_POINTS=all go test -race -count=1 -timeout=30m ./internal/test/e2e/ -run 'AtEveryPoint|TestEveryPoint|TestShopChanges'
else
points: install-db install-cc
	DULY_TEST_DIALECT=$(DIALECT) DULY_TEST_POINTS=all DULY_TEST_VOLUME=all go test -race -count=1 -timeout=30m ./internal/test/e2e/ -run '^TestEveryPoint$$|^TestLargeShop$$/^chaos$$'
endif

.PHONY: failover
failover: install-db install-cc ## Every cell of the fail-over matrix, on a primary and a replica each
	DULY_TEST_FAILOVER=all go test -count=1 -timeout=30m ./internal/test/e2e/ -run TestFailover

.PHONY: programs
programs: # The programs to install: static, without symbols, for amd64 and arm64
	for arch in amd64 arm64; do GOOS=linux GOARCH=$$arch $(GO_BUILD) -o dist/duly-linux-$$arch ./cmd/duly; done

.PHONY: dist
dist: programs $(NFPM) $(CYCLONEDX) ## Build what is distributed into dist/: programs, packages, manual pages, licences, SBOMs, checksums
	VERSION='$(VERSION)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' ./scripts/dist.sh dist

.PHONY: dist-check
dist-check: dist ## Build it twice and compare every byte; look into the packages
	VERSION='$(VERSION)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' ./scripts/dist-check.sh

.PHONY: deploy-check
deploy-check: programs $(KUBECONFORM) ## Check units, scripts, manifests and the size of the program with the tools that read them
	./scripts/install-deploy-tools.sh
	go run -C tools/kube ./schemas ../../bin/kube-schemas
	./scripts/deploy-check.sh
	go test ./deploy/

.PHONY: install-db
install-db: ## Install the database server of ENGINE, if it is missing
	./scripts/install-mariadb.sh
ifeq ($(ENGINE),mysql)
	./scripts/install-mysql.sh
endif

.PHONY: install-cc
install-cc:
	./scripts/install-cc.sh

.PHONY: install-chromium
install-chromium:
	./scripts/install-chromium.sh

.PHONY: install-prometheus
install-prometheus:
	./scripts/install-prometheus.sh

.PHONY: picture
picture: install-db install-chromium ## Paint the page of a demo for README
	DULY_TEST_PICTURE=$(CURDIR)/docs/page.png go test -count=1 ./cmd/duly -run '^TestDemoAddsUp$$'

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist

# The linter's version is pinned in a module of its own, apart from the program's.
$(LINTER): tools/go.mod tools/go.sum
	go build -C tools -buildvcs=false -o ../$(LINTER) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	touch $(LINTER)

$(KUBECONFORM): tools/kube/go.mod tools/kube/go.sum
	go build -C tools/kube -buildvcs=false -o ../../$(KUBECONFORM) github.com/yannh/kubeconform/cmd/kubeconform
	touch $(KUBECONFORM)

$(NFPM): tools/dist/go.mod tools/dist/go.sum
	go build -C tools/dist -buildvcs=false -o ../../$(NFPM) github.com/goreleaser/nfpm/v2/cmd/nfpm
	touch $(NFPM)

$(CYCLONEDX): tools/dist/go.mod tools/dist/go.sum
	go build -C tools/dist -buildvcs=false -o ../../$(CYCLONEDX) github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	touch $(CYCLONEDX)
