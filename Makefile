# Copyright (C) The ngx_http_messaging_module authors

.PHONY: all
all:
	@t/util/build

.PHONY: help
help:
	@echo 'make            build/ngx_http_messaging_module.so, for the'
	@echo '                installed nginx, or NGINX_SRC=dir for that tree'
	@echo 'make run        a demonstration on 127.0.0.1:8080, or PORT=port;'
	@echo '                it needs nginx alone, with REDIS=1 also Redis'
	@echo 'make run-django, make run-node'
	@echo '                examples of a backend, in the same way'
	@echo 'make test       all tests that are quick: up to 10 minutes'
	@echo 'make test-client  those of the browser client alone'
	@echo 'make check      all tests, again with sanitizers, valgrind,'
	@echo '                1 and 4 workers, no master, reloads, TLS, poll,'
	@echo '                byte by byte, without Redis, on the newest nginx'
	@echo 'make soak       everything at once for 10 minutes or TIME=sec;'
	@echo '                BROKER=embedded: without Redis'
	@echo 'make bench      the module beside its peers: 10 minutes'
	@echo 'make bench-full all scenarios, three rounds: 90 minutes'
	@echo 'make install    into the modules path of nginx, below DESTDIR'
	@echo 'make clean      remove all that was built'
	@echo
	@echo 'One test file:  t/util/test t/NAME.t'
	@echo 'Packages:       t/util/setup build|run|test|check|bench|client'

.PHONY: run
run:
	@t/util/run

.PHONY: run-django
run-django:
	@examples/django/run

.PHONY: run-node
run-node:
	@examples/node/run

.PHONY: test
test:
	@t/util/setup test
	@t/util/check-style
	@t/util/check-deps
	@t/util/client --where-node-is
	@TEST_JOBS=$(or $(TEST_JOBS),3) \
	    t/util/test --mode embedded t/03*.t t/057*.t t/061*.t
	@t/util/test

.PHONY: test-client
test-client:
	@t/util/client

.PHONY: check
check:
	@t/util/check

.PHONY: soak
soak:
	@t/util/setup test
	@t/util/build
	@t/util/soak --broker $(or $(BROKER),redis) $(TIME)

.PHONY: bench
bench:
	@t/util/setup bench
	@t/util/build
	@$(MAKE) -s -f bench/Makefile
	@bench/run

.PHONY: bench-full
bench-full:
	@t/util/setup bench
	@t/util/build
	@$(MAKE) -s -f bench/Makefile
	@bench/run --full

.PHONY: install
install: all
	@t/util/install

.PHONY: clean
clean:
	rm -rf build t/servroot* client/dist client/.test client/node_modules
