# The one entry point for people and CI. `make` alone prints help.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help install build run test test-photographs test-python doors fuzz mutate-pictures kills test-kurrentdb faults bench bench-vips check check-tools fmt generate clean

# A fresh rustup installation is found before the next login puts it on PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin

TARGET := $(or $(CARGO_TARGET_DIR),target)
TOOLS := $(CURDIR)/target/tools
BIN := $(TARGET)/debug
# What `make bench` compares with: crates that nothing here depends on.
BASELINES := $(TARGET)/bench-baselines
# And libvips, in a Python environment.
BENCH_VIPS := $(TARGET)/bench-vips

# Everything is built in one way, so that run, test and generate never build the same crate with other features; the
# programs are then started from $(BIN), since `cargo run -p` would choose features anew.
BUILD := cargo build --workspace --all-targets --locked

help: ## Print this help
	@echo 'Madoguchi: gRPC services for an insurer, event-sourced. Targets:'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r target text; do \
		printf '  %-14s %s\n' "$$target" "$$text"; done
	@echo 'Variables of run: ONCE=1 ends after the journey; PHOTOS=folder hands in your own pictures.'

install: ## Install what is missing to build, run and test (Debian, Ubuntu)
	@deploy/local/install.sh

build: cargo install ## Build everything
	@$(BUILD)

run: build ## Start all services with sample data and play the journey (ONCE=1, PHOTOS=folder)
	@exec $(BIN)/madoguchi run $(if $(ONCE),--once) $(if $(PHOTOS),--photos "$(PHOTOS)")

test: build test-photographs test-python ## Run every test, on private servers
	@RUST_TEST_THREADS=$(or $(TEST_THREADS),4) $(BIN)/testkit-servers run -- cargo test --workspace --locked --no-fail-fast

faults: build ## Write commands while everything fails, then look whether anything was lost or doubled (SEED=n, ROUNDS=n)
	@exec $(BIN)/madoguchi-faults --seed $(or $(SEED),1) --rounds $(or $(ROUNDS),1)

bench: cargo install $(if $(filter pictures,$(or $(PARTS),pictures)),bench-vips test-photographs)
bench: ## Measure store, views, a rebuild and pictures beside their baselines (QUICK=1, PARTS=...)
	@cargo build --release --locked --manifest-path tests/bench-baselines/Cargo.toml --target-dir $(BASELINES)
	@cargo build --release --locked --workspace --bins --bench bench
	@cargo bench --workspace --bench bench --locked -- $(if $(QUICK),--quick) --report "$(CURDIR)/target/bench.json" \
		--baselines "$(abspath $(BASELINES))/release/bench-baselines" --vips "$(abspath $(BENCH_VIPS))/bin/python" $(PARTS)

doors: build ## Send every kind of value to every field of every RPC, the long form of what `make test` does
	@DOORS=long $(BIN)/testkit-servers run -- cargo test --workspace --locked --test doors

fuzz: build ## Read a million damaged rows of the core system's files, import ten thousand (ROWS=n, SERVICE_ROWS=n)
	@CSV_FUZZ_ROWS=$(or $(ROWS),1000000) cargo test --workspace --locked --lib -- files::fuzz --nocapture
	@CSV_FUZZ_SERVICE_ROWS=$(or $(SERVICE_ROWS),10000) $(BIN)/testkit-servers run -- \
		cargo test --workspace --locked --test system -- import_fuzz:: --nocapture

mutate-pictures: build test-photographs ## Judge 100,000 damaged pictures, hand 500 in (FILES=n, UPLOADS=n, SEED=n, MINUTES=n)
	@MUTATED_PICTURES=$(or $(FILES),100000) MUTATED_PICTURES_SEED=$(or $(SEED),1) MUTATED_PICTURES_MINUTES=$(or $(MINUTES),30) \
		cargo test --workspace --locked --test mutations
	@MUTATED_UPLOADS=$(or $(UPLOADS),500) $(BIN)/testkit-servers run -- \
		cargo test --workspace --locked --test service -- mutated::

kills: build ## Kill claim images while it receives pictures, then look whether any was lost or derived twice (KILLS=n)
	@CLAIM_IMAGES_KILLS=$(or $(KILLS),200) $(BIN)/testkit-servers run -- \
		cargo test --workspace --locked --test service -- kills:: --nocapture

test-kurrentdb: build ## Run the event store's suite and the journey on the KurrentDB at KURRENTDB_URL, which must be empty
	@test -n "$(KURRENTDB_URL)" || { echo 'Say where it is: make test-kurrentdb KURRENTDB_URL=esdb://user:password@host:2113' >&2; exit 64; }
	@KURRENTDB_URL="$(KURRENTDB_URL)" $(BIN)/testkit-servers run -- cargo test --workspace --locked --test kurrentdb -- \
		contract:: repository::
	@KURRENTDB_URL="$(KURRENTDB_URL)" $(BIN)/testkit-servers run -- cargo test --workspace --locked --test system -- kurrentdb::

check: build check-tools ## Format, lints, generated code unchanged, dependencies and advisories, protos
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/codegen --check
	PATH="$(TOOLS)/bin:$$PATH" cargo deny --log-level error check bans licenses sources
	PATH="$(TOOLS)/bin:$$PATH" deploy/local/advisories.sh
	$(TOOLS)/node_modules/.bin/buf lint

check-tools: cargo
	@deploy/local/check-tools.sh "$(TOOLS)"

bench-vips:
	@deploy/local/bench-vips.sh "$(BENCH_VIPS)"

test-photographs:
	@deploy/local/test-photographs.sh "$(TARGET)/photographs"

test-python:
	@deploy/local/python.sh "$(TARGET)/python"

fmt: cargo ## Format all code
	@cargo fmt --all

generate: build ## Generate the code for proto/ and docs/api-reference.md anew
	@$(BIN)/codegen
	@$(BUILD)
	@$(BIN)/madoguchi api-reference

clean: cargo ## Remove everything that was built
	@cargo clean

.PHONY: cargo
cargo:
	@command -v cargo >/dev/null || { echo "cargo is missing: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2; exit 1; }
