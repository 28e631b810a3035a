# Vedette: `make` builds, `make run` starts it, `make check` proves it. contrib/HACKING.md tells the rest.
#
#   make                          build/vedette
#   make run [ARGS='--listen …']  install what is missing, build, start
#   make check                    everything that must be green; `make check-STEP` is one step of it
#   make fuzz [FUZZ_TIME=60]      that many seconds for each target
#   make soak [SOAK_TIME=600]     a thousand clients for that many seconds; SAN= works here too
#   make bench                    our numbers beside those of our peers
#   make install                  into $(DESTDIR)$(PREFIX), and $(DESTDIR)/etc/vedette/vedette.conf where there is none
#   make deb                      a Debian package of it, in build/deb/
#   make install-library          the Socket.IO library alone, for C programs: headers, archive, pkg-config
#   make deps web all compile_commands.json clean
#
#   CC=clang   SAN=address,undefined   SAN=thread    each pair keeps its own objects: switching costs nothing
#   O=DIR      build there instead of in build/      V=1 shows the commands      WERROR= lets warnings pass
#   WEB=       without the dashboard, so without npm

ifeq ($(origin CC),default)
CC := gcc
endif
O         := build
SAN       :=
WERROR    := -Werror
PREFIX    := /usr/local
# Where the program looks by itself, unless it is put somewhere for a try.
SYSCONFDIR = $(if $(filter /usr /usr/local,$(PREFIX)),,$(PREFIX))/etc
FUZZ_TIME := 60
SOAK_TIME := 600
WEB       := yes
VERSION   := $(shell cat VERSION)

comma := ,
kind  := $(notdir $(lastword $(CC)))$(addprefix -,$(subst $(comma),-,$(SAN)))
out   := $O$(addprefix /,$(filter-out gcc,$(kind)))

# ---- what goes where ----------------------------------------------------------------------------------------------

# The talking half knows nothing of measuring: the fixture server and the examples link it alone, and so prove it.
talking  := base loop engineio socketio http
src      := $(wildcard src/*/*.c collectors/*.c)
talk_src := $(wildcard $(talking:%=src/%/*.c))
# What an embedding program sees of it: these headers, and the symbols that they declare.
lib_headers := $(addprefix src/,base/buf.h base/json.h base/log.h loop/loop.h engineio/engineio.h engineio/exchange.h \
               http/http.h socketio/socketio.h socketio/admin.h)
lib_names   := sio_ eio_ http_ loop_ buf_ json_ slice_ log_
examples := $(patsubst contrib/examples/%.c,$(out)/examples/%,$(wildcard contrib/examples/*.c))
objects   = $(patsubst %.c,$(out)/obj/%.o,$1)
programs  = $(patsubst tests/$1/%.c,$2%,$(wildcard tests/$1/*.c))

warnings  := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
safety    := $(if $(SAN),-O1 -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all,\
               -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
talk_pkgs := libmicrohttpd libcjson nettle zlib hiredis
pkgs      := $(talk_pkgs) libstatgrab libconfuse sqlite3 libcurl libsystemd
talk_libs := $(shell pkg-config --libs $(talk_pkgs) 2>/dev/null) -lcrypt -lm
libs      := $(shell pkg-config --libs $(pkgs) 2>/dev/null) -lcrypt -lm
# Libraries that an ops host seldom has go into the binary, where Debian ships an archive of them; what is on every host
# (gnutls, zlib, libc) stays shared, and so gets its security updates.
inside    := confuse statgrab microhttpd nettle sqlite3 hiredis
archive    = $(or $(wildcard $(shell $(CC) -print-file-name=lib$1.a)),-l$1)
libs      := $(foreach l,$(libs),$(if $(filter $(inside:%=-l%),$l),$(call archive,$(l:-l%=%)),$l)) -lgnutls
# Loaded while it runs (base/library.h): nothing that a host may lack keeps the program from starting.
loaded    := curl curl-gnutls systemd
libs      := $(filter-out $(loaded:%=-l%),$(libs))
wslay     := $(realpath $(shell $(CC) -print-file-name=libwslay.so))
# hiredis's .pc file asks for another off_t, which it hands to nobody; it renames statvfs() and others, for which tests
# put their own.
cflags    := -std=c17 -D_GNU_SOURCE -DVEDETTE_VERSION='"$(VERSION)"' -Isrc -I. -g -fPIE -pthread $(warnings) $(safety) \
             $(filter-out -D_FILE_OFFSET_BITS=%,$(shell pkg-config --cflags $(pkgs) 2>/dev/null)) $(CFLAGS)
ldflags   := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(addprefix -fsanitize=,$(SAN)) $(LDFLAGS)

# ---- building -----------------------------------------------------------------------------------------------------

.DEFAULT_GOAL := $(out)/vedette
.PHONY: all run deps web bench soak fuzz fuzzing install install-conf install-library deb check clean
.DELETE_ON_ERROR:
.SECONDARY:

Q    := $(if $V,,@)
sub   = $(MAKE) --no-print-directory
jobs  = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
say   = $(if $V,,@printf '  %-6s %s\n' $1 $2)
define link
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ldflags) -o $@ $^
endef

have = $(if $(wildcard $1),$2)
all: $(out)/libvedette.a $(call have,src/app/main.c,$(out)/vedette) $(call have,tests/conformance/server.c,$(out)/conformance-server) $(examples)

$(out)/vedette: $(call objects,src/app/main.c) $(out)/libvedette.a
	$(link) $(libs)
$(out)/conformance-server: $(call objects,$(wildcard tests/conformance/*.c)) $(out)/libtalking.a
	$(link) $(talk_libs)
$(out)/examples/%: $(out)/obj/contrib/examples/%.o $(out)/libtalking.a
	$(link) $(talk_libs)
$(out)/bench/%: $(out)/obj/tests/bench/%.o $(out)/libtalking.a
	$(link) $(talk_libs)
$(out)/bench/alerts: $(out)/obj/tests/bench/alerts.o $(out)/libvedette.a
	$(link) $(libs)
$(out)/unit/%: $(out)/obj/tests/unit/%.o $(out)/libvedette.a
	$(link) -lcmocka $(libs)
$O/fuzz-%: $(out)/obj/tests/fuzz/%.o $(out)/libvedette.a
	$(link) -fsanitize=fuzzer $(libs)

$(out)/libvedette.a: $(call objects,$(filter-out src/app/main.c,$(src))) $(out)/obj/assets.o $(out)/obj/schema.o
$(out)/libtalking.a: $(call objects,$(talk_src)) $(out)/obj/assets.o
$(out)/lib%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# The talking half as one object that shows no other names, with Socket.IO's own bundles instead of a dashboard.
$(out)/libvedette-socketio.a: $(out)/obj/socketio.o
$(out)/obj/socketio.o: $(call objects,$(filter-out src/loop/fetch.c,$(talk_src))) $(out)/obj/bundles.o
	$(call say,LD,$@)
	$(Q)ld -r -o $@.all $^
	$(Q)objcopy --wildcard $(lib_names:%=--keep-global-symbol='%*') $@.all $@ && rm $@.all

$(out)/obj/%.o: %.c VERSION | $(out)/pkgs
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -MMD -MP -c -o $@ $<
$(out)/obj/assets.o $(out)/obj/bundles.o: $(out)/obj/%.o: $O/%.c $O/%.bin
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -c -o $@ $<
$(out)/obj/schema.o: $O/schema.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -c -o $@ $<
$(out)/obj/src/app/config_shipped.o: contrib/alerts.conf
$(out)/obj/src/engineio/wslay.o: cflags += $(if $(wslay),-DWSLAY_IMAGE='"$(wslay)"')
-include $(shell find $(out)/obj -name '*.d' 2>/dev/null)

$(out)/pkgs:
	$(Q)pkg-config --exists --print-errors $(pkgs) || { echo "make: a library is missing; 'make deps' installs it"; exit 69; }
	$(Q)mkdir -p $(@D) && touch $@

# ---- the dashboard: npm's bundles become build/web, which becomes one C table ---------------------------------------

web_src  := $(if $(WEB),VERSION $(shell find web -name node_modules -prune -o -type f -print))
web_done := $(if $(WEB),build/web/.done)

web: build/web/.done
build/web/.done: $(web_src) web/node_modules/.package-lock.json
	$(call say,WEB,build/web)
	$(Q)rm -rf build/web && cd web && npm run --silent build
	$(Q)touch $@
%/node_modules/.package-lock.json: %/package-lock.json
	$(call say,NPM,$*)
	$(Q)cd $* && npm ci --loglevel=error --no-audit --no-fund >/dev/null
	$(Q)touch $@
$O/assets.c $O/assets.bin &: contrib/embed.mjs $(web_done)
	$(call say,EMBED,$O/assets.c)
	$(Q)mkdir -p $O && node contrib/embed.mjs '$(dir $(web_done))' / $O/assets.c $O/assets.bin
$O/bundles.c $O/bundles.bin &: contrib/embed.mjs $(web_done)
	$(call say,EMBED,$O/bundles.c)
	$(Q)mkdir -p $O && node contrib/embed.mjs '$(dir $(web_done))' /socket.io/ $O/bundles.c $O/bundles.bin

$O/schema.c: contrib/embed-schema $(wildcard schema/*.sql)
	$(call say,EMBED,$@)
	$(Q)mkdir -p $O && contrib/embed-schema $(sort $(wildcard schema/*.sql)) > $@

# ---- running, installing ------------------------------------------------------------------------------------------

deps:
	@contrib/install-deps.sh build
run: deps
	+@$(sub) -s $(jobs) $(out)/vedette
	@exec $(out)/vedette $(ARGS)

install: $(out)/vedette install-conf
	install -D -s -m 755 $(out)/vedette $(DESTDIR)$(PREFIX)/bin/vedette
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' contrib/systemd/vedette.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/vedette.service
	install -D -m 644 contrib/man/vedette.8 $(DESTDIR)$(PREFIX)/share/man/man8/vedette.8
	install -d $(DESTDIR)$(PREFIX)/share/man/man5
	contrib/man-keys $(out)/vedette < contrib/man/vedette.conf.5.in > $(DESTDIR)$(PREFIX)/share/man/man5/vedette.conf.5
	install -D -m 644 contrib/completion/vedette.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vedette
	install -D -m 644 contrib/completion/_vedette $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vedette
	install -D -m 644 contrib/completion/vedette.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/vedette.fish
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/vedette README.md contrib/ALERTS.md contrib/CLIENTS.md contrib/vedette.conf contrib/alerts.conf
install-conf: # what an operator wrote stays
	test -e $(DESTDIR)$(SYSCONFDIR)/vedette/vedette.conf || \
		install -D -m 644 contrib/vedette.conf $(DESTDIR)$(SYSCONFDIR)/vedette/vedette.conf

deb: $(out)/vedette
	@rm -rf $O/deb
	+@$(sub) -s install DESTDIR=$O/deb/root PREFIX=/usr SYSCONFDIR=/etc
	@contrib/package-deb $O/deb $(VERSION)

install-library: $(out)/libvedette-socketio.a
	install -D -m 644 $< $(DESTDIR)$(PREFIX)/lib/libvedette-socketio.a
	for h in $(lib_headers:src/%=%); do install -D -m 644 src/$$h $(DESTDIR)$(PREFIX)/include/vedette/$$h || exit 1; done
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@PACKAGES@|$(filter-out libcjson,$(talk_pkgs))|' contrib/vedette-socketio.pc.in \
		> $(DESTDIR)$(PREFIX)/lib/pkgconfig/vedette-socketio.pc

clean:
	rm -rf $O web/node_modules tests/node_modules compile_commands.json

compile_commands.json: Makefile $(src)
	@printf '%s\n' $(cflags) | node contrib/compdb.mjs $(CC) $(src) $(wildcard tests/*/*.c contrib/examples/*.c) > $@

# ---- checking -----------------------------------------------------------------------------------------------------

# The steps of `make check`, in order: each is a target check-STEP, and is left out while its folder is empty.
# With SAN= given, the tests that say something under that sanitizer.
suites := $(foreach s,wire conformance e2e web,$(call have,tests/$s/*.test.mjs,$s))
steps  := deps floors build clang $(call have,tests/unit/*.c,unit asan tsan valgrind) $(call have,tests/fuzz/*.c,fuzz) $(suites)
ifneq ($(SAN),)
steps  := deps build $(call have,tests/unit/*.c,unit) $(filter-out web,$(suites))
endif

check:
	+@MAKE='$(sub) $(jobs)' LOGS=$O/check contrib/check $(steps)

.PHONY: $(addprefix check-,$(steps) $(suites))
export ASAN_OPTIONS  ?= detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS  ?= second_deadlock_stack=1:halt_on_error=1

check-deps:
	@contrib/install-deps.sh check
check-floors:
	@contrib/check-floors
check-build: all
	@contrib/check-size $(wildcard $(out)/vedette)
check-clang:
	+@$(sub) CC=clang all $(call programs,unit,$O/clang/unit/)
check-unit: $(call programs,unit,$(out)/unit/)
	@contrib/check-units $^
check-asan check-tsan check-valgrind: export UNIT_TIMEOUT ?= 300
check-asan:
	+@$(sub) SAN=address,undefined check-unit
check-tsan: # its shadow memory does not fit beside the wide address randomisation of newer kernels
	@setarch -R true 2>/dev/null || [ "$$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)" -le 28 ] || \
		{ echo "check-tsan: this host randomises addresses too widely for the thread sanitizer, and setarch -R, which would stop" \
			"that, is refused: allow personality(2) (docker run --security-opt seccomp=unconfined), or sysctl vm.mmap_rnd_bits=28"; exit 1; }
	+@UNDER="$$(setarch -R true 2>/dev/null && echo setarch -R)" $(sub) SAN=thread check-unit
check-valgrind: $(call programs,unit,$(out)/unit/)
	@# Threads take turns: without fair-sched two that write keep the third from ever reading.
	@# A thread that is still ending when its program ends is "possibly lost"; what is lost for certain is an error.
	@UNDER='valgrind -q --fair-sched=yes --error-exitcode=1 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite' contrib/check-units $^

check-fuzz:
	+@$(sub) fuzz FUZZ_TIME=3
fuzz:
	+@$(sub) CC=clang SAN=fuzzer-no-link,address,undefined fuzzing
fuzzing: $(call programs,fuzz,$O/fuzz-)
	@contrib/check-fuzz $(FUZZ_TIME) $O/corpus $^

# The suites in JavaScript. A browser is slow enough without a sanitizer; everyone else talks to a server that has one.
check-web: san =
check-wire check-conformance check-e2e: san = address,undefined
$(suites:%=check-%): check-%: tests/node_modules/.package-lock.json
	+@$(sub) SAN=$(or $(SAN),$(san)) suite-$*
# What must come in time has six times as long there: how far a build is slowed down is one thing, how busy a machine that
# runs all this another.
check-wire check-conformance check-e2e: export CONFORMANCE_SLOW ?= 6
# What a test leaves open (a socket that reconnects) shall not keep its file from ending; hooks have run by then. Where node is
# older than 20.14, a time that no file needs ends it.
force_exit = $(shell node --help | grep -o -m1 -e --test-force-exit)
SUITE_TIMEOUT ?= 900
$(suites:%=suite-%): suite-%: all
	@# Node would run the files of one call side by side; browsers, and servers that are timed, would starve each other.
	for files in $(if $(filter web e2e,$*),$(wildcard tests/$*/*.test.mjs),"$(wildcard tests/$*/*.test.mjs)"); do \
		VEDETTE_BIN=$(abspath $(out)/vedette) CONFORMANCE_BIN=$(abspath $(out)/conformance-server) \
			contrib/again $(if $(filter web e2e,$*),$$files,tests/$*) timeout -k 5 $(SUITE_TIMEOUT) node --test $(force_exit) --test-reporter=spec $$files || exit 1; \
	done

soak: all tests/node_modules/.package-lock.json
	VEDETTE_BIN=$(abspath $(out)/vedette) SOAK_TIME=$(SOAK_TIME) node tests/e2e/soak.mjs

bench:
	@contrib/install-deps.sh bench
	+@$(sub) $(jobs) all $(call programs,bench,$(out)/bench/) tests/node_modules/.package-lock.json
	VEDETTE_BIN=$(abspath $(out)/vedette) CONFORMANCE_BIN=$(abspath $(out)/conformance-server) \
		BENCH_DIR=$(abspath $(out)/bench) node tests/bench/run.mjs $(ARGS)
