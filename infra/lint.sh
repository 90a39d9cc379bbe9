#!/usr/bin/env bash
# Looks for what a machine can see: format, vet, staticcheck in every module and with every build tag, shellcheck.
# All of them run, and all that they find is printed, before it fails.
set -euo pipefail

# shellcheck source=lib/all.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

tags=integration,e2e,bench
found=0

# check NAME COMMAND... prints what a linter finds; output or a bad exit counts. That Go fetches modules, which it says on
# a machine that has none, is no finding.
check() {
	local name=$1 output good=yes
	shift
	output=$("$@" 2>&1) || good=no
	output=$(grep -v '^go: downloading ' <<<"$output" || true)
	if [[ $good == yes && -z $output ]]; then
		say "$name: clean"
		return 0
	fi
	say "$name:"
	printf '%s\n' "$output" | sed 's/^/      /'
	found=$((found + 1))
}

in_module() { (cd "$repo/$1" && shift && "$@"); }

main() {
	local module staticcheck scripts
	need_packages shellcheck=shellcheck >/dev/null
	need_go >/dev/null
	cd "$repo"
	step "Lint"
	staticcheck=$(go tool -n staticcheck)
	check gofmt gofmt -l .
	for module in . infra/sample; do
		check "vet $module" in_module "$module" go vet -tags "$tags" ./...
		check "staticcheck $module" in_module "$module" "$staticcheck" -tags "$tags" ./...
	done
	scripts=(infra/*.sh infra/images/postgres/entrypoint.sh .ci/run)
	check shellcheck shellcheck -x -a "${scripts[@]}"
	((found == 0)) || die "$found linters found something"
}

main "$@"
