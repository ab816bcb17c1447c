# Short names for the scripts in scripts/, bench/ and drill/, which can also be run directly.

.DEFAULT_GOAL := help
.PHONY: help run stop test check check-guards bench bench-flows bench-events bench-hosts bench-compare order check-hosts
.PHONY: check-servers check-neighbours drill fuzz format lint postman check-prometheus schema image install
.PHONY: check-install bundle check-bundle clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

run: ## build, and serve with demo data on 127.0.0.1:8080 (HTTP) and 8443 (HTTPS) until Ctrl-C
	@scripts/run

stop: ## stop the processes started by `make run`
	@scripts/stop

test: ## run all tests with a temporary Postgres
	@scripts/install
	@FSYNC=off scripts/with-postgres swift test

check: ## run all checks required before a commit; prints one line for each
	@scripts/check

check-guards: ## mutation test: remove checks from the code one by one, expect a failing test each time; takes an hour
	@Tests/Guards/remove.py

bench: ## measure throughput, latency and resource use, compared with a minimal server in C
	@bench/run

bench-flows: ## measure the cost of a flow, compared with DBOS and with the plain SQL statements
	@bench/flows

bench-events: ## measure what watching runs costs: streams that wait, streams with events, other calls beside them
	@bench/events

bench-compare: ## compare two builds: OLD=… (revision or executable) with NEW=… (default: this checkout)
	@bench/compare $(OLD) $(NEW)

order: ## regenerate the list of hot functions, which the linker places together; run it after larger changes
	@bench/order

check-neighbours: ## how long other clients wait while one client sends the most expensive calls
	@drill/neighbours

bench-hosts: ## measure the program behind each web server, with PHP-FPM and PHP-CGI beside it
	@bench/hosts

check-servers: ## the commands of docs/deploy.md for Apache, lighttpd and Caddy, executed in a Debian of their own
	@scripts/check-servers

check-hosts: ## the same calls behind every web server: nginx, Apache, lighttpd, Caddy; with and without a base path
	@Tests/Hosts/run

check-prometheus: ## Prometheus watches reloads, kills and a restart of Postgres: counters and alerts
	@drill/prometheus

drill: ## fault injection: killed processes, lost responses, an unavailable database
	@drill/run

fuzz: ## fuzz each parser of client input, the tasks and the flows for a minute each
	@scripts/install
	@scripts/fuzz

format: ## format the Swift sources in place
	@swift format -i -r Sources Tests Package.swift

lint: ## check Swift format, project rules, shell scripts, Dockerfile, nginx configuration and systemd's units
	@scripts/check format rules shell docker nginx systemd

postman: ## regenerate the Postman collection from the examples of the endpoints
	@swift build --product flow-manager
	@.build/debug/flow-manager postman >postman/flow-manager.postman_collection.json

schema: ## regenerate the snapshot of the database schema from the migrations
	@WRITE_SCHEMA=1 FSYNC=off scripts/with-postgres swift test --filter MigrationsTests.SnapshotTests

image: order ## build the container images flow-manager-api and flow-manager-db
	docker build --target api -t flow-manager-api .
	docker build --target db -t flow-manager-db .

install: ## install on this Debian server: program, systemd's units, nginx's site; see docs/deploy.md
	@deploy/install

check-install: ## run deploy/install in a Debian of its own, and use what it has installed
	@scripts/check-install

bundle: ## write the archive for shared hosts, see docs/shared-hosting.md
	@scripts/bundle

check-bundle: ## use that archive on an old Debian with only Apache, as CGI and under mod_fcgid
	@scripts/check-bundle

clean: ## remove build products; keeps the data of `make run`
	rm -rf .build
