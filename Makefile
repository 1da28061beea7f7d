# Everything starts here; `make` alone lists it. Each target installs what it needs (tests/setup.sh) and says so.

export PATH := $(HOME)/.cargo/bin:$(PATH)
TARGET := $(or $(CARGO_TARGET_DIR),target)
LAB := $(TARGET)/debug/sekisho-lab
DENY := $(shell command -v cargo-deny || echo $(TARGET)/tools/bin/cargo-deny)
FUZZ := $(shell command -v cargo-fuzz || echo $(TARGET)/tools/bin/cargo-fuzz)
SECONDS_EACH := 60
BOARD := sg115
PAGE := web-ui/dist/index.html
WEB := $(LAB) run --page
BOX := tests/with-namespaces.sh cargo test --locked -p sekisho-image-tests --test box -- --ignored --nocapture

.PHONY: help demo lab test test-long image bundle flash test-image test-image-quick machine lane-1 lane-2 lane-3 lane-4 bench bench-tunnel bench-desk bench-names bench-page page web-test api-test browser clerk check fuzz setup programs
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: programs ## Watch an office reach the platform through the device (CHECK=1: ask nothing, exit 0 or 1)
	$(LAB) demo $(if $(CHECK),--check)

lab: programs ## Open a shell among the demo's hosts (RUN=script, SITE=config-samples/NAME, BARE=1: apply nothing)
	@$(LAB) $(if $(RUN),run,shell) $(if $(SITE),--site $(SITE)) $(if $(BARE),--bare) $(RUN)

# Cases of property tests are the same every time here, so that a failure is the change's; test-long draws others.
test: export PROPTEST_RNG_SEED ?= 20150401
# With `-p` Cargo would choose other features than for the workspace, and with programs and tests in two calls, too, and compile anew.
test: setup $(PAGE) browser ## Run all tests but the long ones
	cargo build --locked --workspace --bins --tests
	@tests/with-namespaces.sh cargo test --locked --workspace --exclude sekisho-lab
	@$(MAKE) --no-print-directory -j3 lane-1 lane-2 clerk lane-3 lane-4
	@program=$$(cargo test --locked --workspace --lib --no-run 2>&1 | sed -nE 's|.*\((.*/sekisho_lab-.*)\)|\1|p'); "$${program:?no test of the lab}"

# The lab's suites wait more than they compute, and each has its own namespaces: three go side by side.
LANE-1 := faults
LANE-2 := answers flows rules selftest shaping trace wires
LANE-3 := tunnel
LANE-4 := $(filter-out common $(LANE-1) $(LANE-2) $(LANE-3),$(basename $(notdir $(wildcard tests/lab/tests/*))))
lane-1 lane-2 lane-3 lane-4: lane-%:
	@bash -o pipefail -c 'tests/with-namespaces.sh cargo test --locked --workspace $(LANE-$*:%=--test %) 2>&1 | sed -u "s/^/$@: /"'

test-long: export PROPTEST_CASES ?= 2000
test-long: export PATH := $(abspath $(TARGET))/tools/prometheus/usr/bin:$(PATH)
test-long: programs api-test ## Run the tests that take minutes, and the property tests on many new cases
	@tests/setup.sh long
	@tests/with-namespaces.sh cargo test --locked --workspace --exclude sekisho-lab --exclude sekisho-image-tests
	@tests/with-namespaces.sh cargo test --locked --workspace --exclude sekisho-image-tests --lib --bins --tests -- --ignored

api-test: programs ## Ask the page's API all that its document allows, as each role, in the lab: 4 minutes (EXAMPLES=25, SEED=N)
	@tests/setup.sh api
	$(WEB) tests/api/run.sh

image: page ## Build the disk image (BOARD=sg115, RELEASE=FOLDER-OF-KEYS, LOCK=1: take today's packages as the right ones)
	@tests/setup.sh image
	@board/image.sh $(BOARD) $(if $(RELEASE),--release $(RELEASE)) $(if $(LOCK),--lock)

bundle: image ## Build the image and, of it, a signed update for boxes in service (BOARD, RELEASE, LOCK as for image)
	@board/bundle.sh $(BOARD) $(if $(RELEASE),--release $(RELEASE))

flash: ## Write the newest image to a disk (DEVICE=/dev/sdX, IMAGE=FILE)
	@board/write.sh "$(or $(IMAGE),$(shell ls -t $(TARGET)/image/*.img.xz 2>/dev/null | head -n 1),$(TARGET)/image/*.img.xz)" "$(DEVICE)"

test-image: machine ## Boot the image in the lab, in service and under faults: all its tests, up to 2.5 hours
	@[ -e $(TARGET)/image/bare.img ] || tests/image/bare.sh
	@timeout --foreground 150m $(BOX)

test-image-quick: machine ## Boot the image in the lab once, and see it in service: up to 8 minutes
	@timeout --foreground 15m $(BOX) quick_

machine: image programs
	@tests/setup.sh machine

bench: ## Measure the tunnel beside boringtun-cli and wireguard-go, in release mode (QUICK=1: 4 minutes, FULL=1: 2 hours)
	@tests/setup.sh bench
	@tests/bench/peers.sh
	cargo build --release --locked -p sekisho-bench
	@$(TARGET)/release/sekisho-bench run --extent $(if $(QUICK),quick,$(if $(FULL),full,headline)) \
	  --tools $(TARGET)/tools --output $(TARGET)/bench

web-test: programs browser clerk ## Use the local page as a clerk does, in Chromium in the lab, and check its parts
	LONG=1 $(WEB) tests/web/run.sh large.test.mjs first.test.mjs
	LONG=1 NAMES="at its end" $(WEB) tests/web/run.sh renewal.test.mjs
	PHONE=1 ROUTES="status design design/tables apply check explain names traffic logs care help" $(WEB) tests/web/run.sh lighthouse.test.mjs

browser:
	@tests/setup.sh browser
	@cd tests/web && npm ci --no-audit --no-fund --silent

clerk: $(PAGE)
	cd web-ui && npm run --silent check && npm run --silent test
	$(WEB) --bare tests/web/run.sh story.test.mjs
	$(WEB) tests/web/run.sh pages.test.mjs wire.test.mjs roles.test.mjs faults.test.mjs backup.test.mjs update.test.mjs check.test.mjs clock.test.mjs first.test.mjs lighthouse.test.mjs
	$(WEB) tests/web/run.sh renewal.test.mjs
	@for site in 2-partly-data-centre 3-data-centre 4-terminals-only; do \
	  SITE=$$site $(WEB) --bare --site config-samples/$$site tests/web/run.sh placement.test.mjs || exit; done

bench-tunnel: setup ## Time what sealing, opening and a batch cost, and count their instructions where there is valgrind
	cargo bench --locked --manifest-path firmware/tunnel/benches/Cargo.toml --target-dir $(TARGET)/bench-tunnel --bench crypto -- --noplot
	@firmware/tunnel/benches/instructions.sh $(TARGET)/bench-tunnel

bench-desk: setup ## Measure what check and plan take, in release mode, against their limits
	cargo bench --locked -p sekisho-gateway --bench desk

bench-names: ## Measure cached name queries beside dnsmasq and unbound, in release mode
	@tests/setup.sh bench
	cargo bench --locked -p sekisho-names --bench names --no-run
	@unshare -Urn sh -c 'ip link set lo up && exec cargo bench --locked -p sekisho-names --bench names'

# The lab takes its programs from SEKISHO_BIN where that is set: figures of a debug build say little.
bench-page: setup $(PAGE) ## Measure the page under load beside half of what the data plane carries, in release mode, against its limits: 3 minutes
	cargo build --release --locked --bin sekishod --bin sekisho --bin sekisho-web --bin sekisho-far-end
	@SEKISHO_BIN=$(abspath $(TARGET))/release tests/with-namespaces.sh \
	  cargo test --locked --workspace --test load -- --ignored --nocapture

check: setup $(DENY) $(PAGE) ## Check format, lints, documentation, dependencies and scripts
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	$(DENY) --locked check bans licenses sources
	@if timeout 60 $(DENY) --locked fetch db; then $(DENY) --locked check advisories; \
	  else echo "NOT CHECKED: the advisory database can't be fetched from here" >&2; fi
	shellcheck $$(git ls-files | grep -E '\.sh$$|^\.ci/run$$|^board/init$$|/overlay/usr/lib/sekisho/[a-z/-]+$$')

fuzz: setup $(FUZZ) ## Feed odd bytes to everything that reads files, questions or packets (SECONDS_EACH=60)
	@tests/fuzz.sh $(FUZZ) $(SECONDS_EACH) firmware/design/fuzz
	@tests/fuzz.sh $(FUZZ) $(SECONDS_EACH) firmware/names/fuzz
	@tests/fuzz.sh $(FUZZ) $(SECONDS_EACH) firmware/tunnel/fuzz

setup:
	@tests/setup.sh

programs: setup $(PAGE)
	cargo build --locked --workspace --bins

page: setup $(PAGE) ## Build the local page, which the programs carry

$(PAGE): $(shell git ls-files web-ui docs/manual)
	cd web-ui && npm ci --no-audit --no-fund --silent && npm run --silent build
	@touch $@

$(TARGET)/tools/bin/cargo-deny:
	@echo "Building cargo-deny, once; this takes some minutes."
	cargo install --locked --root $(TARGET)/tools cargo-deny --version 0.20.2

$(TARGET)/tools/bin/cargo-fuzz:
	@echo "Building cargo-fuzz, once; this takes some minutes."
	cargo install --locked --root $(TARGET)/tools cargo-fuzz --version 0.13.2
