# ngx_kafka_ws_module: build, tests and tools; "make help" lists everything.
# The note of a variable stands on the line before it, the note of a target
# behind it; "help" prints both.

## BUILD: release, debug or asan; outputs go to objs-$(BUILD)/
BUILD ?= release
## NGINX_SRC: a source tree, or nginx-dev's headers; never written to
NGINX_SRC ?= /usr/share/nginx/src
## NGINX_BINARY: the nginx that the tests, the demo and the bench run
NGINX_BINARY ?= $(if $(FULL_ASAN),$(CURDIR)/$(OBJS)/nginx,/usr/sbin/nginx)
## CC: the compiler
CC = gcc
## TESTS: the end-to-end tests to run
TESTS ?= $(wildcard t/*.t)
## JOBS: how many compilers and tests run at once
JOBS ?= 2
## FUZZ_TARGETS: the fuzz targets to run, see t/fuzz/
FUZZ_TARGETS ?= $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/*.c))
## FUZZ_SECONDS: how long each of them runs
FUZZ_SECONDS ?= 20
## KAFKA_BROKERS: your own brokers for the demo, host:port[,host:port]
KAFKA_BROKERS ?=
## DEMO_SECONDS: the demo ends by itself after so many seconds
DEMO_SECONDS ?=
## SECONDS: how long "make soak" lets things break
SECONDS ?= 1800
## SEED: what of "make soak" breaks when; empty: another one each time
SEED ?=
## DEMO_PORT: the demo's port on 127.0.0.1
DEMO_PORT ?= 8080
## MODULES_DIR: where "make install" puts the module
MODULES_DIR ?= /usr/lib/nginx/modules
## DESTDIR: put before MODULES_DIR, for packagers
DESTDIR ?=

SHELL = /bin/bash
.SHELLFLAGS = -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL = build

OBJS = objs-$(BUILD)
WORK = $(CURDIR)/$(OBJS)/work
MODULE = $(OBJS)/ngx_kafka_ws_module.so
ECHO = $(OBJS)/ngx_kafka_ws_echo_module.so
STEP = $(OBJS)/ngx_kafka_ws_step_module.so
VERSION = $(or $(shell sed -n 's/^Changes with ngx_kafka_ws_module \
	\([0-9.]*\).*/\1/;T;p;q' CHANGES 2>/dev/null),0)

# a tree with nginx's own .c files builds nginx as well under BUILD=asan
FULL_ASAN = $(and $(filter asan,$(BUILD)),$(wildcard \
	$(NGINX_SRC)/src/core/nginx.c))

SANITIZE = -fsanitize=address,undefined -fno-omit-frame-pointer
FLAGS_release = -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
FLAGS_debug = -O0 -g3
FLAGS_asan = -O1 -g
CC_OPT = $(or $(FLAGS_$(BUILD)),$(error BUILD=$(BUILD): \
	release, debug or asan))
WARN = -Wall -Wextra -Werror
UNIT_FLAGS = -O1 -g $(SANITIZE) -fno-sanitize-recover=all $(WARN)
FUZZ_FLAGS = $(UNIT_FLAGS:-O1=-O2)

SOURCES = $(wildcard ngx_kafka_ws_module/*/*.[ch])
FUZZ_OBJS = $(patsubst objs-unit/%,objs-fuzz/%,$(LIB_OBJS))
LIB_OBJS = $(patsubst ngx_kafka_ws_module/lib/%.c,objs-unit/lib/%.o, \
	$(filter ngx_kafka_ws_module/lib/%.c,$(SOURCES)))
UNIT = $(patsubst t/unit/%.c,objs-unit/%,$(wildcard t/unit/*_test.c))

# a tool is NAME.c with its NAME_*.c
TOOL_DIRS = t/broker t/load t/bench conf-examples/demo
TOOL_SRCS = $(wildcard $(TOOL_DIRS:=/*.c))
STEMS = $(basename $(TOOL_SRCS))
TOOL_MAINS = $(filter-out $(foreach s,$(STEMS),$(s)_%),$(STEMS))
TOOLS = $(addprefix objs-release/t/,$(notdir $(TOOL_MAINS) \
	$(patsubst %.c,%.so,$(wildcard t/preload/*.c))))

# What test-valgrind needs more: unit tests without the sanitizers, which do
# not run there, and what is preloaded into nginx.  Two of the tests single-step
# or fault the processor, which valgrind does not emulate to that degree.
UNIT_PLAIN = $(patsubst objs-unit/%,objs-unit-plain/%,$(filter-out \
	%/ring_step_test %/ring_lapped_test,$(UNIT)))
MEMCHECK = $(addprefix objs-release/t/,memcheck_wrap.so faulty)

# the packages of all goals are asked for, or installed, at once
NEEDS_test = kafka test
NEEDS_test-asan = kafka test
NEEDS_test-valgrind = kafka test valgrind
NEEDS_test-mock = test
NEEDS_test-step = test
NEEDS_test-floods = kafka test
NEEDS_test-neighbours = kafka test
NEEDS_test-browser = kafka browser
NEEDS_test-clients = kafka test browser clients
NEEDS_lint = lint
NEEDS_check = lint kafka test
NEEDS_fuzz = fuzz
NEEDS_soak = kafka test
NEEDS_test-checker = kafka test
NEEDS_bench = kafka bench
NEEDS_demo = demo
NEEDS_kafka = kafka
NEEDS = $(sort build $(foreach g,$(MAKECMDGOALS),$(NEEDS_$(g))))

export CC JOBS NGINX_BINARY KAFKA_BROKERS DEMO_SECONDS DEMO_PORT
export TEST_JOBS = $(JOBS)
export TEST_NGINX_BINARY = $(NGINX_BINARY)
export TEST_NGINX_MODULES = $(CURDIR)/$(OBJS)

.PHONY: test-floods help all build echo step deps kafka unit test test-asan test-mock test-browser \
	lint check fuzz bench demo install uninstall dist clean distclean \
	tools unit-programs fuzz-programs packages FORCE

help: ## this list
	@echo 'usage: make TARGET [VARIABLE=value ...]'; echo; echo Targets:
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile \
		| while IFS=$$'\t' read -r t n; do \
			printf '  %-14s %s\n' "$$t" "$$n"; done
	@echo; echo 'Variables (and their values now):'
	@$(foreach v,$(shell sed -n 's/^## \([A-Z_]*\): .*/\1/p' Makefile), \
		printf '  %-14s %s\n%17s= %s\n' $(v) "$$(sed -n \
		's/^## $(v): //p' Makefile)" '' '$($(v))';)

all: build ## same as build

build: $(MODULE) ## the module: objs-$(BUILD)/ngx_kafka_ws_module.so

echo: $(ECHO) ## for tests: the location kafka_ws_echo; never installed

step: $(STEP) ## for tests: the helper under a debugger; never installed

deps: ## install every missing package (as root), or print the apt-get line
	@t/deps/install build kafka test valgrind lint fuzz bench browser clients

packages:
	@t/deps/install $(NEEDS)

kafka: packages ## fetch Apache Kafka, once, into t/broker/kafka/lib
	@t/broker/kafka/fetch

unit: unit-programs ## unit tests, under ASan and UBSan
	@prove -j $(JOBS) --exec '' $(UNIT)

unit-programs: $(UNIT)

unit-plain: $(UNIT_PLAIN)

tools: $(TOOLS)

# the helper under a debugger: with the code as it is released, and as long as
# the debugger knows the processor

STEPPED = $(and $(filter release,$(BUILD)),$(filter x86_64,$(shell uname -m)), \
	t/step/kafka_ws_step.t)

test: packages build echo kafka tools checker unit-programs $(if $(STEPPED),step) ## unit and end-to-end tests
	@t/run --broker=both $(UNIT) $(STEPPED) $(TESTS) $(SOAK)

SOAK = t/checker/kafka_ws_soak.t

.PHONY: test-step

test-step: packages build step ## the helper killed at every instruction: hours
	@TEST_STEP_KILLS=0 t/run --timeout=36000 --verbose $(STEPPED)

test-mock: packages build echo tools checker unit-programs ## the same on the mock broker
	@t/run --broker=mock $(UNIT) $(TESTS)

# NGINX_BINARY by default is another one there, but make exports this one

test-asan: ## the tests under ASan and UBSan: module, and nginx of NGINX_SRC
	@$(if $(filter file,$(origin NGINX_BINARY)),env -u NGINX_BINARY) \
		TEST_INSTRUMENTED=asan TEST_TIME_FACTOR=3 \
		$(MAKE) BUILD=asan test

.PHONY: test-valgrind unit-plain

test-valgrind: packages build echo kafka tools checker unit-plain $(MEMCHECK) ## the tests under valgrind
	@t/valgrind/run --broker=both t/valgrind/selftest.t $(UNIT_PLAIN) \
		$(TESTS)

test-floods: packages build echo kafka tools ## floods: p99 of others within 1.2, on a quiet machine
	@TEST_FLOOD_RATIO=1.2 t/run --broker=kafka $(wildcard t/*_flood_*.t)

.PHONY: test-neighbours

test-neighbours: packages build kafka tools ## faults: p99 of other sites within 1.2, likewise
	@TEST_NEIGHBOUR_RATIO=1.2 t/run --broker=kafka --jobs=1 \
		$(shell grep -l 'Neighbour::CHECKS' t/*.t)

test-browser: packages build kafka tools ## the demo page in Chromium
	@t/browser/run

.PHONY: test-clients

test-clients: packages build kafka tools ## real clients: Python, Node, Go, ...
	@t/clients/build
	@t/run --broker=kafka t/clients/kafka_ws_clients.t

.PHONY: soak test-checker checker

soak: packages build kafka tools checker ## 200 clients while things break: nothing lost, doubled, silent
	@t/checker/soak --seconds='$(SECONDS)' $(if $(SEED),--seed='$(SEED)')

test-checker: packages build kafka tools checker ## a soak of a minute; broken builds: each is caught
	@TEST_SOAK_STALL=1000 t/run --broker=kafka $(SOAK) \
		t/checker/kafka_ws_broken.t

checker: objs-release/t/checker

lint: packages $(OBJS)/configured ## style, layers, analyzers
	@t/lint/run $(OBJS)/cflags

check: lint test ## lint and test

fuzz: packages fuzz-programs ## libFuzzer over lib/, under ASan and UBSan
	@t/fuzz/run --seconds='$(FUZZ_SECONDS)' $(FUZZ_TARGETS)

fuzz-programs: $(addprefix objs-fuzz/,$(FUZZ_TARGETS))

bench: packages build echo kafka tools ## instructions per frame, CPU, latency
	@t/bench/run

demo: packages build tools ## Kafka, nginx and a feed behind one web page
	@[ -n '$(KAFKA_BROKERS)' ] || $(MAKE) --no-print-directory kafka \
		|| echo 'no Apache Kafka here: the demo uses the mock broker'
	@conf-examples/demo/run $(CURDIR)/$(MODULE)

install: build ## copy the module to DESTDIR/MODULES_DIR
	install -d $(DESTDIR)$(MODULES_DIR)
	install -m 644 $(MODULE) $(DESTDIR)$(MODULES_DIR)/.ngx_kafka_ws.new
	mv -f $(DESTDIR)$(MODULES_DIR)/.ngx_kafka_ws.new \
		$(DESTDIR)$(MODULES_DIR)/$(notdir $(MODULE))

uninstall: ## remove what install copied
	rm -f $(DESTDIR)$(MODULES_DIR)/$(notdir $(MODULE))

dist: ## a source archive of the last commit
	git archive --prefix=ngx_kafka_ws_module-$(VERSION)/ \
		-o ngx_kafka_ws_module-$(VERSION).tar.gz HEAD

clean: ## remove build outputs; what was fetched stays
	rm -rf objs-release objs-debug objs-asan objs-unit objs-unit-plain
	rm -rf objs-fuzz/lib* $(patsubst t/fuzz/%.c,objs-fuzz/%*, \
		$(wildcard t/fuzz/*.c))

distclean: clean ## remove what was fetched and packed, too
	rm -rf objs-fuzz t/broker/kafka/lib t/browser/node_modules t/browser/pictures
	rm -rf t/clients/cache
	rm -f ngx_kafka_ws_module-*.tar.gz

# The module, by nginx's own build system in a folder of links.  The finished
# file comes by rename: a running nginx may have the former one mapped.

# The settings hold the path of this tree: a copy builds its own sources.

$(OBJS)/settings: FORCE
	@mkdir -p $(OBJS)
	@s='$(CURDIR) $(NGINX_SRC) $(CC) $(CC_OPT)'; \
	[ "$$(cat $@ 2>/dev/null)" = "$$s" ] || echo "$$s" > $@

# configure SOURCES, OBJS
define CONFIGURE
	@echo "configuring nginx's build in $(2)/work"
	@flock $(OBJS)/lock t/build/configure '$(NGINX_SRC)' $(1) $(2) \
		'$(if $(filter asan,$(BUILD)),$(SANITIZE))' \
		--with-cc='$(CC)' --with-cc-opt='$(CC_OPT)'
	@touch $@
endef

# compile OBJS, TARGET...
define COMPILE
	@echo "building $@"; exec 9> $(OBJS)/lock; flock 9; \
	$(MAKE) -s --no-print-directory -C $(1)/nginx-tree \
		-f $(CURDIR)/$(1)/work/Makefile \
		$(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS)) $(2); \
	$(if $(findstring binary,$(2)),cp $(WORK)/nginx $(OBJS)/nginx.new; \
		mv -f $(OBJS)/nginx.new $(OBJS)/nginx;) \
	cp $(1)/work/$(notdir $@) $@.new; mv -f $@.new $@
endef

$(OBJS)/configured: config t/build/configure $(OBJS)/settings \
		$(wildcard $(NGINX_SRC)/src/core/nginx.h) | packages
	$(call CONFIGURE,.,$(OBJS))

$(MODULE): $(OBJS)/configured $(SOURCES)
	$(call COMPILE,$(OBJS),$(if $(FULL_ASAN),binary) modules)

$(OBJS)/echo/configured: t/echo/config t/build/configure $(OBJS)/settings \
		$(wildcard $(NGINX_SRC)/src/core/nginx.h) | packages
	$(call CONFIGURE,t/echo,$(OBJS)/echo)

$(ECHO): $(OBJS)/echo/configured $(SOURCES) $(wildcard t/echo/*.c)
	$(call COMPILE,$(OBJS)/echo,modules)

$(OBJS)/step/configured: config t/step/config t/build/configure $(OBJS)/settings \
		$(wildcard $(NGINX_SRC)/src/core/nginx.h) | packages
	$(call CONFIGURE,t/step,$(OBJS)/step)

$(STEP): $(OBJS)/step/configured $(SOURCES) $(wildcard t/step/*.[ch])
	$(call COMPILE,$(OBJS)/step,modules)

# unit tests: lib/ once, each test linked with it, all under the sanitizers;
# and without them for valgrind

.SECONDARY: $(LIB_OBJS) $(LIB_OBJS:objs-unit/%=objs-unit-plain/%)

define UNIT_RULES
$(1)/lib/%.o: ngx_kafka_ws_module/lib/%.c Makefile | packages
	@echo "building $$@"; mkdir -p $$(@D)
	@$$(CC) -c -std=c99 $(2) -MMD -MP -o $$@ $$<

$(1)/lib.a: $$(LIB_OBJS:objs-unit/%=$(1)/%)
	@rm -f $$@
	@ar rc $$@ $$^

$(1)/%: t/unit/%.c $(1)/lib.a Makefile | packages
	@echo "building $$@"
	@$$(CC) -std=gnu99 $(2) -Ingx_kafka_ws_module/lib \
		-MMD -MP -MF $$@.d -o $$@ $$< $(1)/lib.a -lcjson -lz \
		-lpthread
endef

$(eval $(call UNIT_RULES,objs-unit,$$(UNIT_FLAGS)))
$(eval $(call UNIT_RULES,objs-unit-plain,-O1 -g $$(WARN)))

# fuzz targets: the same by clang, whose runtime looks for new inputs

.SECONDARY: $(FUZZ_OBJS)

objs-fuzz/lib/%.o: ngx_kafka_ws_module/lib/%.c Makefile | packages
	@echo "building $@"; mkdir -p $(@D)
	@clang -c -std=c99 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link \
		-MMD -MP -o $@ $<

objs-fuzz/lib.a: $(FUZZ_OBJS)
	@rm -f $@
	@ar rc $@ $^

objs-fuzz/%: t/fuzz/%.c objs-fuzz/lib.a Makefile | packages
	@echo "building $@"
	@clang -std=gnu99 $(FUZZ_FLAGS) -fsanitize=fuzzer \
		-Ingx_kafka_ws_module/lib -MMD -MP -MF $@.d -o $@ $< \
		objs-fuzz/lib.a -lcjson -lz

# those of the subscriber: the very files of http/, with nginx's headers

HTTP_SRCS = $(filter %/ngx_kafka_ws_bytes.c \
	ngx_kafka_ws_module/http/ngx_kafka_ws_subscriber%.c,$(SOURCES))

define HTTP_RULES
.SECONDARY: $(HTTP_SRCS:ngx_kafka_ws_module/%.c=$(1)/%.o)

$(1)/http/%.o: ngx_kafka_ws_module/http/%.c $(OBJS)/configured Makefile \
		| packages
	@echo "building $$@"; mkdir -p $$(@D)
	@$$(CC) -c @$(OBJS)/cflags $(2) -U_FORTIFY_SOURCE -MMD -MP -o $$@ $$<

$(1)/subscriber_%: t/unit/subscriber_%.c $(1)/lib.a $(OBJS)/configured \
		$(HTTP_SRCS:ngx_kafka_ws_module/%.c=$(1)/%.o) Makefile | packages
	@echo "building $$@"
	@$$(CC) @$(OBJS)/cflags $(2) -U_FORTIFY_SOURCE -MMD -MP -MF $$@.d \
		-o $$@ $$< $(HTTP_SRCS:ngx_kafka_ws_module/%.c=$(1)/%.o) \
		$(1)/lib.a -lcjson -lz
endef

$(eval $(call HTTP_RULES,objs-unit,$$(UNIT_FLAGS)))
$(eval $(call HTTP_RULES,objs-unit-plain,-O1 -g $$(WARN)))

# those of a few files with nginx's headers, and what they need of nginx in the
# test itself: the zone, with an allocator that fails, and what is gathered

SHM_SRCS = $(addprefix ngx_kafka_ws_module/core/ngx_kafka_ws_,shm.c \
	shm_blocks.c shm_write.c segment.c interest.c)
GATHER_SRCS = $(addprefix ngx_kafka_ws_module/http/ngx_kafka_ws_,gather.c \
	gather_gap.c gather_parts.c gather_sieve.c gather_sift.c group.c \
	sieve.c sums.c)
PARTS_SRCS = ngx_kafka_ws_module/http/ngx_kafka_ws_gather_parts.c
GROUP_SRCS = ngx_kafka_ws_module/http/ngx_kafka_ws_group.c

# FOLDER, FLAGS, STEM of the tests, FILES
define FILES_RULES
$(1)/$(3)_%: t/unit/$(3)_%.c $(4) $(1)/lib.a $(OBJS)/configured Makefile \
		| packages
	@echo "building $$@"
	@$$(CC) @$(OBJS)/cflags $(2) -U_FORTIFY_SOURCE -MMD -MP -MF $$@.d \
		-Wl,--wrap=ngx_kafka_ws_shm_alloc -o $$@ $$< $(4) \
		$(1)/lib.a -lpthread
endef

$(eval $(call FILES_RULES,objs-unit,$$(UNIT_FLAGS),shm,$(SHM_SRCS)))
$(eval $(call FILES_RULES,objs-unit-plain,-O1 -g $$(WARN),shm,$(SHM_SRCS)))
$(eval $(call FILES_RULES,objs-unit,$$(UNIT_FLAGS),gather,$(GATHER_SRCS)))
$(eval $(call FILES_RULES,objs-unit-plain,-O1 -g $$(WARN),gather, \
	$(GATHER_SRCS)))
$(eval $(call FILES_RULES,objs-unit,$$(UNIT_FLAGS),group,$(GROUP_SRCS)))
$(eval $(call FILES_RULES,objs-unit-plain,-O1 -g $$(WARN),group,$(GROUP_SRCS)))
$(eval $(call FILES_RULES,objs-unit,$$(UNIT_FLAGS),parts,$(PARTS_SRCS)))
$(eval $(call FILES_RULES,objs-unit-plain,-O1 -g $$(WARN),parts,$(PARTS_SRCS)))

define TOOL
objs-release/t/$(notdir $(1)): $(wildcard $(1).c $(1)_*.c $(dir $(1))*.h) \
		Makefile | packages
	@echo "building $$@"; mkdir -p $$(@D)
	@$$(CC) -std=gnu99 -O2 -g $$(WARN) -o $$@ $$(filter %.c,$$^) \
		-Wl,--as-needed -lrdkafka -lz -lpthread -lm
endef

$(foreach t,$(TOOL_MAINS),$(eval $(call TOOL,$(t))))

# in Go, of modules that go.sum names; they are fetched once

objs-release/t/checker: $(wildcard t/checker/*.go t/checker/go.*) | packages
	@echo "building $@"; mkdir -p $(@D)
	@cd t/checker && GOTOOLCHAIN=local GOFLAGS=-buildvcs=false \
		go build -o $(CURDIR)/$@ .

# what the two share
objs-release/t/ws_flood: t/load/ws_load_util.c t/load/ws_load_wire.c

objs-release/t/%.so: t/preload/%.c Makefile | packages
	@echo "building $@"; mkdir -p $(@D)
	@$(CC) -std=gnu99 -O2 -g $(WARN) -fPIC -shared -o $@ $<

objs-release/t/memcheck_wrap.so: t/valgrind/memcheck_wrap.c Makefile | packages
	@echo "building $@"; mkdir -p $(@D)
	@$(CC) -shared -fPIC -std=gnu99 -O1 -g $(WARN) \
		-Ingx_kafka_ws_module/lib -MMD -MP -MF $@.d -o $@ $<

objs-release/t/faulty: t/valgrind/faulty.c objs-unit-plain/lib.a Makefile \
		| packages
	@echo "building $@"; mkdir -p $(@D)
	@$(CC) -std=gnu99 -O0 -g $(WARN) -Ingx_kafka_ws_module/lib \
		-MMD -MP -MF $@.d -o $@ $< objs-unit-plain/lib.a -lcjson -lz

-include $(wildcard $(foreach o,unit unit-plain fuzz,objs-$(o)/*.d \
	objs-$(o)/lib/*.d objs-$(o)/http/*.d) objs-release/t/*.d)
