# shellcheck shell=bash
# shellcheck disable=SC2016 # the programs in single quotes are jq's
# Runs Go tests and tells in few lines what happened: one line a package, the output of what failed, the counts.

# go_tests NAME FOLDER ARG... runs `go test ARG...` in a folder of the checkout. A skipped test counts as failed: what cannot
# run must say so loudly. All output lies in .local/log/NAME.json.
go_tests() {
	local name=$1 folder=$2 log=$log_dir/$1.json status=0 skipped
	shift 2
	mkdir -p "$log_dir"
	(cd "$repo/$folder" && go test -json "$@" </dev/null) 2>&1 | tee "$log" | jq --unbuffered -rR "$packages_filter" || status=1
	jq -rRn "$failures_filter" <"$log"
	counts=$(jq -rRn "$counts_filter" <"$log")
	skipped=$(jq -rRn '[inputs | fromjson? | select(.Action == "skip" and .Test != null) | .Package + " " + .Test] | .[]' <"$log")
	if [[ -n $skipped ]]; then
		say "skipped tests count as failed:"
		printf '%s\n' "$skipped" | sed 's/^/      /'
		status=1
	fi
	return "$status"
}

# packages_filter prints one line when a package ends, and lines that are no JSON (from go itself) as they are.
packages_filter='
. as $line | (try fromjson catch null) as $e | (($e.Elapsed? // 0) * 10 | round / 10) as $took
| if $e == null then "    " + $line
  elif $e.Test == null and $e.Action == "pass" then "    ok      \($e.Package)  \($took)s"
  elif $e.Test == null and $e.Action == "fail" then "    FAILED  \($e.Package)  \($took)s"
  elif $e.Action == "build-output" then "    " + ($e.Output | rtrimstr("\n"))
  else empty end'

# failures_filter prints the output of every failed test, and of packages that failed outside a test.
failures_filter='
[inputs | fromjson?] as $all
| ([$all[] | select(.Action == "fail") | [.Package, .Test]]) as $failed
| $all[] | select(.Action == "output") | [.Package, .Test] as $key
| select($failed | any(. == $key)) | .Output | rtrimstr("\n") | "      | " + .'

counts_filter='
[inputs | fromjson? | select(.Test != null)] as $t
| "\([$t[] | select(.Action == "pass")] | length) passed, \([$t[] | select(.Action == "fail")] | length) failed"'

# stage NAME FUNCTION [ARG...] runs one part, goes on after a failure, and remembers what to say at the end.
failed_stages=0
summary=()
stage() {
	local name=$1 began=$SECONDS verdict=ok
	shift
	counts=''
	step "$name"
	"$@" || verdict=FAILED
	[[ $verdict == ok ]] || failed_stages=$((failed_stages + 1))
	summary+=("$(printf '%-8s %-28s %5ds  %s' "$verdict" "$name" "$((SECONDS - began))" "$counts")")
}

# closing_summary prints every stage and ends the script with its verdict.
closing_summary() {
	printf '\n'
	printf '  %s\n' "${summary[@]}"
	if ((failed_stages > 0)); then
		printf '\nFAILED after %d s\n' "$SECONDS"
		exit 1
	fi
	printf '\nEverything passed in %d s\n' "$SECONDS"
	exit 0
}
