# Short names for the scripts; `make` alone lists them.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help setup run run-kafka watch test torture lint fmt

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## get what is missing to build and run
	@scripts/setup build

run: ## build, and serve at http://127.0.0.1:3000 with SQLite and no broker
	@scripts/run

run-kafka: ## the same with a Kafka and a PostgreSQL of its own
	@scripts/run --kafka

watch: ## serve, and rebuild at every change
	@scripts/run --watch

test: ## everything: format, lints, tests with real Kafka and PostgreSQL, size budget, browser
	@scripts/test

torture: ## crash, garbage, retries, sockets, lost brokers, rebuilds: a minute each, or SECONDS=600
	@scripts/torture $(SECONDS)

lint: ## format check and lints
	@scripts/test lint

fmt: ## format the code
	@source scripts/env.sh && cargo fmt --all
