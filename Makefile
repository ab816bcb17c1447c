# One word for each chore. The work is in scripts/, which can be run by hand as well.

.DEFAULT_GOAL := help
.PHONY: help run stop test check check-guards bench bench-flows bench-compare order drill fuzz format lint postman
.PHONY: schema image clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

run: ## build and serve on 127.0.0.1:8080 (HTTP) and 8443 (HTTPS) until Ctrl-C, demo data included
	@scripts/run

stop: ## stop what `make run` started
	@scripts/stop

test: ## all tests, with a temporary Postgres
	@scripts/install
	@FSYNC=off scripts/with-postgres swift test

check: ## everything that must hold before a change goes in; one line of verdict each
	@scripts/check

check-guards: ## remove the product's guards one by one and see a test fail each time; takes an hour
	@Tests/Guards/remove.py

bench: ## load against the running parts, and what they cost
	@bench/run

bench-flows: ## what a flow costs, beside DBOS and beside its statements alone
	@bench/flows

bench-compare: ## two builds side by side: OLD=…, a revision or an executable, and NEW=… or this checkout
	@bench/compare $(OLD) $(NEW)

order: ## list the functions that busy calls run, which the linker puts side by side; after larger changes
	@bench/order

drill: ## faults on purpose: killed processes, lost answers, a database that goes away
	@drill/run

fuzz: ## a minute of random input for each parser of what callers send, for tasks and for flows
	@scripts/install
	@scripts/fuzz

format: ## format the Swift sources in place
	@swift format -i -r Sources Tests Package.swift

lint: ## Swift format and the house's rules, shell scripts, Dockerfile, nginx
	@scripts/check format rules shell docker nginx

postman: ## write the Postman collection, as the endpoints' examples make it
	@swift build --product flow-manager
	@.build/debug/flow-manager postman >postman/flow-manager.postman_collection.json

schema: ## regenerate the snapshot of the database schema from the migrations
	@WRITE_SCHEMA=1 FSYNC=off scripts/with-postgres swift test --filter MigrationsTests.SnapshotTests

image: ## container images flow-manager-api and flow-manager-db
	docker build --target api -t flow-manager-api .
	docker build --target db -t flow-manager-db .

clean: ## remove what was built; the data of `make run` stays
	rm -rf .build
