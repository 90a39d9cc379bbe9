# What a person types. Each target is one script in infra/, which says what it does and what it could not do.
.DEFAULT_GOAL := help
.PHONY: help up down clean test bench soak lint docs

help:   ## this list
	@sed -n 's/^\([a-z]*\): *## /make \1\t/p' Makefile

up:     ## bring up the local stack: engine, Traefik, Postgres, both control planes, one sample app
	@infra/up.sh
down:   ## take the stack away; its data stays
	@infra/down.sh
clean:  ## take the stack away with its data, its images and the engine that make up had started
	@infra/down.sh --clean
test:   ## install what the tests need and run everything: lint, unit, contract, end to end
	@infra/test.sh
bench:  ## measure, and print each figure beside its peer
	@infra/bench.sh
soak:   ## the long campaigns, with full counts
	@MATRX_SOAK=1 infra/test.sh
lint:   ## gofmt, go vet, staticcheck, shellcheck
	@infra/lint.sh
docs:   ## write the generated pages of docs/ again
	@go generate ./...
