# cargo builds the module; this file knows where Flux wants it.
#
#   FLUX_PREFIX=/opt/flux   build for and install into the Flux of that prefix
#   PKG_CONFIG_PATH=...     the same, by its folder of flux-core.pc
#   prefix=/x DESTDIR=/y    install elsewhere than where Flux looks

CARGO ?= cargo
# a module to install instead of the one built here
MODULE ?= target/prometheus.so
# where packages go
PACKAGES ?= target

ifneq ($(FLUX_PREFIX),)
flux_pc := $(wildcard $(FLUX_PREFIX)/lib/pkgconfig/flux-core.pc \
  $(FLUX_PREFIX)/lib64/pkgconfig/flux-core.pc \
  $(FLUX_PREFIX)/lib/*/pkgconfig/flux-core.pc)
space := $(subst ,, )
export FLUX_PREFIX
export PKG_CONFIG_PATH := $(subst $(space),:,$(strip \
  $(patsubst %/,%,$(dir $(flux_pc))) $(PKG_CONFIG_PATH)))
# the tests and the demo run that one too
export PATH := $(FLUX_PREFIX)/bin:$(PATH)
endif

# what scripts/deps unpacks rather than installs
export PATH := $(CURDIR)/target/tools/usr/bin:$(PATH)

# Where Flux looks for each kind of file.
ifdef prefix
fluxmoddir = $(prefix)/lib/flux/modules
fluxlibexecdir = $(prefix)/libexec/flux
fluxdatadir = $(prefix)/share/flux
fluxconfdir = $(prefix)/etc/flux
fluxcmddir = $(prefix)/libexec/flux/cmd
mandir = $(prefix)/share/man
else
# `export` above reaches recipes, not $(shell): hence the assignment
ask_flux = $(shell PKG_CONFIG_PATH='$(PKG_CONFIG_PATH)' pkg-config --variable=$(1) flux-core 2>/dev/null)
fluxmoddir = $(call ask_flux,fluxmoddir)
fluxlibexecdir = $(call ask_flux,fluxlibexecdir)
fluxdatadir = $(call ask_flux,fluxdatadir)
fluxconfdir = $(call ask_flux,fluxconfdir)
fluxcmddir = $(call ask_flux,fluxcmddir)
mandir = $(call ask_flux,prefix)/share/man
endif

installed = $(fluxmoddir)/prometheus.so \
  $(fluxdatadir)/modprobe/modprobe.d/prometheus.toml \
  $(fluxlibexecdir)/modprobe/rc1.d/prometheus.py \
  $(fluxconfdir)/rc1.d/50-prometheus \
  $(fluxconfdir)/rc3.d/50-prometheus \
  $(fluxcmddir)/flux-metric.py \
  $(mandir)/man1/flux-metric.1 \
  $(mandir)/man7/flux-prometheus.7

built = $(or $(CARGO_TARGET_DIR),target)/release/libflux_prometheus.so
sources = Cargo.toml Cargo.lock build.rs $(shell find src include -type f)

.PHONY: build deps check fmt bless demo scale chaos mutants bench install uninstall \
  deb rpm clean help flux-found

build: ## build the module: target/prometheus.so (the default)
	@# alone: beside a library for tests it would be linked without LTO
	$(CARGO) rustc --release --lib --crate-type cdylib
	@# A broker may have the old one mapped: replace it, never write into it.
	@mkdir -p target
	@cmp -s $(built) target/prometheus.so || \
	  { cp $(built) target/.prometheus.so.new && \
	    mv target/.prometheus.so.new target/prometheus.so; }
	@touch target/prometheus.so

# For install, which root may run without Rust: only if it is out of date.
target/prometheus.so: $(sources)
	@$(MAKE) --no-print-directory build

deps: ## install what building and testing needs, if missing (apt-get)
	@scripts/deps

check: export WANT_BROWSER = yes
check: deps ## everything a change must pass: format, clippy, all tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@# the tests under a real Flux load it (or FLUX_PROMETHEUS_MODULE)
	@$(MAKE) --no-print-directory build
	$(CARGO) test --workspace
	python3 -m unittest discover --start-directory bench
	bench/instructions
	scripts/check-autoload

fmt: ## format the source
	$(CARGO) fmt --all

bless: build ## accept the present output as the golden one
	BLESS=1 $(CARGO) test --test golden --test page
	BLESS=1 $(CARGO) test --test deploy man::
	dashboards/generate.py

demo: deps build ## watch the metrics of a busy instance (DEMO_SECONDS=60)
	@command -v flux >/dev/null || $(CARGO) build --release -p standin
	demo/run

scale: deps build ## what 10,000 nodes, brokers and 1,000,000 jobs cost, simulated
	$(CARGO) build --release -p standin
	demo/scale
	demo/brokers

chaos: deps build ## everything at once on a real Flux (CHAOS_SECONDS=600)
	CHAOS_SECONDS=$(or $(CHAOS_SECONDS),600) \
	  $(CARGO) test --test chaos -- --nocapture

mutants: ## take away each rule of access and limits, and see its test fail (RULES=...)
	tests/mutants/run $(RULES)

bench: deps build ## what the module costs beside others (PARTS=..., README=1, BENCH_QUICK=1)
	@scripts/bench-deps
	$(CARGO) build --release -p standin
	@# by itself: with the features that the module has
	$(CARGO) build --release -p replay
	bench/run $(if $(README),--readme) $(PARTS)

install: flux-found $(MODULE) ## install where Flux looks (FLUX_PREFIX, prefix, DESTDIR)
	install -d $(addprefix $(DESTDIR),$(sort $(dir $(installed))))
	@# a rename, as above: `install` would write into the mapped file
	install -m 755 $(MODULE) $(DESTDIR)$(fluxmoddir)/.prometheus.so.new
	mv -f $(DESTDIR)$(fluxmoddir)/.prometheus.so.new $(DESTDIR)$(fluxmoddir)/prometheus.so
	install -m 644 modprobe.d/prometheus.toml $(DESTDIR)$(fluxdatadir)/modprobe/modprobe.d/
	install -m 644 rc1.d/prometheus.py $(DESTDIR)$(fluxlibexecdir)/modprobe/rc1.d/
	install -m 755 rc1.d/50-prometheus $(DESTDIR)$(fluxconfdir)/rc1.d/
	install -m 755 rc3.d/50-prometheus $(DESTDIR)$(fluxconfdir)/rc3.d/
	install -m 755 cmd/flux-metric.py $(DESTDIR)$(fluxcmddir)/
	install -m 644 man/flux-metric.1 $(DESTDIR)$(mandir)/man1/
	install -m 644 man/flux-prometheus.7 $(DESTDIR)$(mandir)/man7/

uninstall: flux-found ## remove what install put there
	rm -f $(addprefix $(DESTDIR),$(installed))

# What install puts there, in a package for machines that have Flux where this
# one has it.
deb rpm: flux-found $(MODULE)
	packaging/$@ $(PACKAGES) $(MAKE) --no-print-directory install MODULE=$(MODULE)
deb: ## make a Debian package (PACKAGES=target)
rpm: ## make an RPM package

flux-found:
	@test -z '$(FLUX_PREFIX)' || test -n '$(prefix)' || test -n '$(flux_pc)' || { \
	  echo 'FLUX_PREFIX=$(FLUX_PREFIX): no flux-core.pc below it' >&2; exit 1; }
	@test -n '$(fluxmoddir)' || { printf '%s\n' \
	  'flux-core not found by pkg-config, so where to install is not known. Say' \
	  '  FLUX_PREFIX=/path      where Flux is installed, or' \
	  '  PKG_CONFIG_PATH=/path  the folder of its flux-core.pc, or' \
	  '  prefix=/path           where to install regardless' >&2; exit 1; }

clean: ## remove what was built
	$(CARGO) clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
