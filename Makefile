# Set-up, build, demo, tests and installation; `make help` lists the targets.

NET ?= squeezenet
NAME ?=
INPUT ?=
SECONDS ?= 10
MINUTES ?= 3
WEIGHTS ?=
MODEL ?=
QUANTIZE ?=
FORCE ?=
MODELS ?=
PHOTOS ?=
PYTHON ?= python3
RELEASE ?= 13
# Of the package: this machine's, or arm64.
ARCH ?=
# What QUANTIZE= makes a network of 8 bits of.
FLOAT = $(or $(MODEL),$(DEPS)/share/camoverlay/models/$(NET).onnx)
AS_ROOT = $(if $(filter 0,$(shell id -u)),,sudo)
DEPS := .deps
PLUGIN_DIR := $(CURDIR)/target/release
TOOL := $(DEPS)/python/bin/python models/fetch.py $(DEPS)
# Leaks are not its business here: what Rust frees it frees, and font libraries keep what they like.
VALGRIND := valgrind --quiet --error-exitcode=1 --leak-check=no --fair-sched=yes
# camoverlay-rtsp is built where GStreamer's RTSP server library is, camoverlay-web where its WebRTC library is; set-up installs both.
SERVERS = $(shell pkg-config --exists gstreamer-rtsp-server-1.0 2>/dev/null && echo --features camoverlay-programs/rtsp) \
	$(shell pkg-config --exists gstreamer-webrtc-1.0 2>/dev/null && echo --features camoverlay-programs/web)
# Where GStreamer looks for plugins by itself.
PREFIX ?= $(shell pkg-config --variable=prefix gstreamer-1.0 2>/dev/null || echo /usr)
DESTDIR ?=

.DEFAULT_GOAL := help
.PHONY: help provider agreement setup check build demo pictures test test-core test-python ray-test soak live valgrind fuzz sweep architectures fidelity recipes recipes-python bench bench-package audit-scale bench-python lint fmt env models model install uninstall wheel wheel-test deb deb-test arm64-test camera-test debian-test clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: check $(DEPS)/.packages $(DEPS)/.runtime $(DEPS)/.networks ## Debian packages, ONNX Runtime and the networks, once

check:
	@scripts/setup.sh check

$(DEPS)/.packages: scripts/setup.sh | check
	@scripts/setup.sh packages && mkdir -p $(@D) && touch $@

$(DEPS)/.python: models/requirements.txt $(DEPS)/.packages
	@scripts/setup.sh python $(PYTHON) $(DEPS) && touch $@

$(DEPS)/.runtime: models/catalogue.toml $(DEPS)/.python
	@$(TOOL) runtime && touch $@

$(DEPS)/.networks: $(wildcard models/*.py models/licences/*) models/catalogue.toml $(DEPS)/.python
	@$(TOOL) networks && touch $@

build: setup ## the plugin and the programs, into target/release
	cargo build --release --locked --lib --bins $(SERVERS)

demo: setup ## explain a clip: out/demo.mp4, out/demo.png and a table; INPUT=file, /dev/videoN or URI; NET=...
	cargo build --release --locked --package gst-plugin-camoverlay --package camoverlay-programs --lib --example demo
	@GST_PLUGIN_PATH="$(PLUGIN_DIR):$$GST_PLUGIN_PATH" \
	target/release/examples/demo --net "$(NET)" --seconds "$(SECONDS)" $(if $(INPUT),"$(INPUT)")

pictures: build ## the pictures of README.md and docs/, anew
	@GST_PLUGIN_PATH="$(PLUGIN_DIR):$$GST_PLUGIN_PATH" scripts/pictures.sh

test: setup $(DEPS)/.wheel-python ## all tests, GLib's warnings being errors; what had to be left out stands at the end
	@G_DEBUG=fatal-warnings scripts/test.sh --workspace $(SERVERS)
	@G_DEBUG=fatal-warnings scripts/test-python.sh

test-core: ## the core's tests, for which Rust is enough; what needs ONNX Runtime and networks is left out without them
	@scripts/test.sh --package camoverlay

soak: build ## live pipelines, an RTSP server, a relay, recordings, all at once, MINUTES=3; then crowds, of browsers too; needs a quiet machine
	/usr/bin/python3 tests/soak/soak.py "$$(($(MINUTES) * 60))" target/release
	cargo test --locked --package camoverlay-programs $(SERVERS) --test programs -- --ignored --test-threads 1
	cargo test --locked --package camoverlay --test providers thousand -- --ignored

live: setup ## half a minute of each kind of live video, on a quiet machine: no frame may be lost
	cargo test --locked --package gst-plugin-camoverlay --test live -- --ignored --nocapture
	cargo test --locked --package camoverlay-programs $(SERVERS) --test programs in_a_browser_loses_no_frame -- --ignored --nocapture

$(DEPS)/.wheel-python: python/requirements.txt | check
	@scripts/setup.sh wheel-python $(DEPS) && touch $@

wheel: setup $(DEPS)/.wheel-python ## the Python package in out/, with SqueezeNet and the plugin, for Python 3.10 and newer
	@scripts/wheel.sh release out

wheel-test: ## after make wheel: install it in a fresh Debian 12 and 13, without a compiler, and use it; needs root and debootstrap
	@$(AS_ROOT) scripts/wheel-test.sh

valgrind: setup ## the tests of sampling and painting under valgrind, which must be installed; takes minutes
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$(VALGRIND)" CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$(VALGRIND)" \
		cargo test --locked --package camoverlay --features captions --lib -- \
		caption:: frame:: luma:: preprocess:: render:: resample:: simd:: thread_pool:: --test-threads=1 --skip guarded

fuzz: setup ## damaged network files by the million, for a minute, into the reader
	cargo test --locked --package camoverlay --lib mutated_files_for_a_minute -- --ignored

sweep: setup $(DEPS)/.bench-python ## torchvision's networks next to torch, torchcam, pytorch-grad-cam: docs/sweep.md; QUICK=1: a few
	cargo build --release --locked --package camoverlay-programs --bin camoverlay-inspect
	$(DEPS)/bench-python/bin/python tests/sweep/sweep.py --inspect target/release/camoverlay-inspect \
		$(if $(QUICK),--quick,--write docs/sweep.md)

fidelity: setup $(DEPS)/.bench-python ## what the maps tell of the scores, by deletion and insertion, into docs/methods.md
	cargo build --release --locked --package camoverlay-programs --bin camoverlay-inspect
	$(DEPS)/bench-python/bin/python benches/by_hand/fidelity.py --inspect target/release/camoverlay-inspect \
		--models $(DEPS)/share/camoverlay/models --write docs/methods.md

agreement: setup ## how far the execution providers that are installed agree with cpu, into docs/providers.md; MODELS="FILE.onnx ..." PHOTOS="..."
	cargo build --release --locked --package camoverlay --package camoverlay-programs --bin camoverlay-inspect --bin camoverlay-provider-check
	$(DEPS)/python/bin/python tests/sweep/agreement.py --inspect target/release/camoverlay-inspect --write docs/providers.md \
		$(foreach model,$(MODELS),--model "$(model)") $(PHOTOS)

architectures: setup $(DEPS)/.recipes-python ## classifiers of timm, torchvision and Transformers next to automatic differentiation, into docs/architectures.md: hours
	cargo build --release --locked --package camoverlay-programs --bin camoverlay-inspect
	$(DEPS)/recipes-python/bin/python tests/sweep/architectures.py --inspect target/release/camoverlay-inspect --rows out/architectures.jsonl --write docs/architectures.md

recipes: setup $(DEPS)/.recipes-python ## the exports of docs/recipes.md, and what each library makes of a picture next to camoverlay
	cargo build --locked --package camoverlay-programs --bin camoverlay-inspect
	$(DEPS)/recipes-python/bin/python tests/recipes/recipes.py --inspect target/debug/camoverlay-inspect

recipes-python: $(DEPS)/.recipes-python ## once, for make recipes: torch, timm, Transformers, Ultralytics, Keras, fastai (7 GB)

$(DEPS)/.recipes-python: tests/recipes/requirements.txt | check
	@scripts/setup.sh recipes-python $(DEPS)
	$(DEPS)/recipes-python/bin/python tests/sweep/architectures.py --export $(DEPS)/stand-ins "timm vit_tiny_patch16_224" \
		"timm vit_small_patch16_224" "timm deit_tiny_patch16_224" "timm swin_tiny_patch4_window7_224" "timm convnext_atto" \
		"timm efficientvit_b0"
	@touch $@

bench: setup ## what a frame costs, next to the bare network, into docs/performance.md; QUICK=1: less, on the terminal; PART=levels, maps, streams, flight or providers: that alone
	cargo build --release --locked --package camoverlay --bin camoverlay-provider-check
	cargo bench --locked --package gst-plugin-camoverlay --bench picture --bench frame

bench-package: wheel ## what the Python package adds to the core's time for a picture, into python/README.md
	cargo build --release --locked --package camoverlay --example turns
	$(DEPS)/wheel-python/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --force-reinstall out/camoverlay-*.whl
	$(DEPS)/wheel-python/bin/python benches/by_hand/package.py --turns target/release/examples/turns --write python/README.md

audit-scale: wheel ## what an audit costs, an hour on a quiet machine; PART=rate, class or many: that alone
	$(DEPS)/wheel-python/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --force-reinstall out/camoverlay-*.whl
	rm -rf out/audit-scale
	$(DEPS)/wheel-python/bin/python benches/by_hand/audit.py --work out/audit-scale $(if $(PART),--part $(PART))

bench-python: $(DEPS)/.bench-python $(DEPS)/.stand-ins ## once, for make bench and make sweep: what to compare with (torch: large)

$(DEPS)/.bench-python: benches/by_hand/requirements.txt | check
	@scripts/setup.sh bench-python $(DEPS) && touch $@

# Networks with heads of several layers, random numbers for weights.
$(DEPS)/.stand-ins: tests/sweep/networks.py | $(DEPS)/.bench-python
	$(DEPS)/bench-python/bin/python tests/sweep/sweep.py --export $(DEPS)/stand-ins \
		mobilenet_v3_small mobilenet_v3_large convnext_tiny alexnet vgg11 && touch $@

test-python: setup $(DEPS)/.wheel-python ## the Python package's tests alone, on a wheel of the debug build
	@G_DEBUG=fatal-warnings scripts/test-python.sh

ray-test: setup $(DEPS)/.wheel-python ## an audit on a Ray cluster of two nodes, of which something is killed; needs root, takes minutes
	$(DEPS)/wheel-python/bin/python -m pip --disable-pip-version-check --quiet install ray==2.60.0
	@scripts/test-python.sh tests/test_ray.py

lint: setup $(DEPS)/.wheel-python ## formatting, clippy on every feature set, types, documentation, licences of the dependencies
	@scripts/lint.sh

fmt: ## format the code
	cargo fmt --all

env: ## print the lines that let GStreamer find the plugin here: eval "$(make -s env)"
	@echo "export GST_PLUGIN_PATH='$(PLUGIN_DIR)'\$${GST_PLUGIN_PATH:+:\$$GST_PLUGIN_PATH}"

models: $(DEPS)/.networks ## every network that needs no deep-learning framework

model: setup ## one network: NET=resnet18 [WEIGHTS=file.pth]; QUANTIZE=photos/: in 8 bits too; MODEL=file.onnx: your own [FORCE=1]
	@$(if $(MODEL),,$(TOOL) network "$(NET)" $(if $(WEIGHTS),"$(WEIGHTS)"))
	$(if $(QUANTIZE),cargo build --release --locked --package camoverlay-programs --bin camoverlay-inspect)
	$(if $(QUANTIZE),$(DEPS)/python/bin/python models/quantize.py --inspect target/release/camoverlay-inspect $(if $(FORCE),--force) \
		"$(FLOAT)" "$(FLOAT:.onnx=-int8.onnx)" $(foreach place,$(QUANTIZE),"$(place)"))

provider: setup ## who else may compute the networks: NAME=openvino, cuda, tensorrt, tensorrt-rtx, migraphx, qnn
	@$(TOOL) provider "$(NAME)"

install: ## after make build: plugin, programs, manual, library and networks under PREFIX (default: where GStreamer looks)
	@scripts/install.sh install "$(PREFIX)" "$(DESTDIR)"

uninstall: ## take them away again
	@scripts/install.sh uninstall "$(PREFIX)" "$(DESTDIR)"

ifeq ($(ARCH),arm64)
deb: setup ## a Debian package in out/, with all programs, SqueezeNet and the labels; ARCH=arm64: of the last commit, cross-compiled
	@$(AS_ROOT) scripts/arm64.sh deb $(if $(FOLDER),"$(FOLDER)")

deb-test: ## install the package in a fresh Debian 12, use it and take it away; needs root and debootstrap, takes minutes; ARCH=arm64: emulated
	@$(AS_ROOT) scripts/arm64.sh deb-test $(if $(FOLDER),"$(FOLDER)")
else
deb: build
	@scripts/deb.sh

deb-test:
	@scripts/deb-test.sh
endif

arm64-test: setup ## the core's tests on the last commit for AArch64, cross-compiled and emulated; needs root, debootstrap and 4 GB
	@$(AS_ROOT) scripts/arm64.sh test $(if $(FOLDER),"$(FOLDER)")

camera-test: deb ## the package on a video device that vanishes and comes back, in an emulated machine; takes a quarter of an hour
	@$(AS_ROOT) scripts/camera-test.sh $(if $(FOLDER),"$(FOLDER)")

debian-test: ## all tests on the last commit in a fresh Debian, RELEASE=12 or 13; needs root and debootstrap, takes half an hour
	@scripts/debian-test.sh "$(RELEASE)" $(if $(FOLDER),"$(FOLDER)")

clean: ## remove what the build and the demo made
	cargo clean --quiet
	rm -rf out

distclean: clean ## remove the downloads too
	rm -rf $(DEPS)
