# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors

# How scripts/check runs commands, test suites and builds, and records what came of each; sourced.
# shellcheck disable=SC2317,SC2034,SC2153,SC2154 # step runs functions by their name; scripts/check has the variables

record() { # RESULT NAME [REASON [SECONDS]]
	printf '%s\t%s\t%s\t%s\t%s\n' "$part" "$1" "$2" "${3-}" "${4-}" >>"$RESULTS"
}

time_is_up() {
	[ "$SECONDS" -ge "$deadline" ]
}

# Nothing here may hang for ever.
limited() {
	local left=$((deadline - SECONDS)) limit=$LIMIT
	[ "$left" -gt 0 ] || return 124 # as timeout has it
	[ "$left" -gt "$limit" ] || limit=$left
	timeout --foreground --kill-after=20 "$limit" "$@" </dev/null 9>&-
}

# Runs one command with its output in a log; counts as one test.
step() { # NAME COMMAND...
	local name=$1 since=$EPOCHREALTIME log status=0 reason
	shift
	if time_is_up; then
		record fail "$name" "$NOT_RUN"
		return 1
	fi
	log=$OUT/log/$part-${name//[^A-Za-z0-9_]/-}.log
	("$@") >"$log" 2>&1 || status=$?
	if [ "$status" -eq 0 ]; then
		progress "$name: $(elapsed "$since") s"
		record pass "$name" '' "$(elapsed "$since")"
		return 0
	fi
	reason="status $status"
	! time_is_up || reason="not done when the time was up"
	progress "$name: FAILED with status $status after $(elapsed "$since") s; the end of $log:"
	tail -n 40 "$log" | sed 's/^/      /'
	record fail "$name" "$reason, see ${log#"$PWD/"}" "$(elapsed "$since")"
	return 1
}

# Runs suites of a build folder that is up to date; each test counts.
suites() { # BUILD "SUITE..." MESON-TEST-ARGUMENT...
	local build=$1 status=0 names json=$OUT/$1/meson-logs/$part.json tests=$OUT/log/$part-tests.json
	read -ra names <<<"$2"
	shift 2
	if time_is_up; then
		record fail "suites ${names[*]}" "$NOT_RUN"
		return 1
	fi
	progress "suites ${names[*]}:"
	: >"$json"
	# meson's own exit status is 0 when tests were skipped: results.py judges those. But it
	# tells of a meson that ended before it had run them all.
	# The limits of single tests only end what hangs: a busy machine gets three times as much.
	limited meson test -C "$OUT/$build" --no-rebuild --print-errorlogs --logbase "$part" \
		--timeout-multiplier 3 \
		"${names[@]/#/--suite=}" "$@" 2>&1 | sed "$MESON_NOISE" || status=$?
	! time_is_up || set -- "$@" --time-is-up
	timeout 60 meson introspect --tests "$OUT/$build" >"$tests" &&
		python3 scripts/lib/results.py collect "$RESULTS" "$part" "$json" "$tests" \
			"${names[@]}" "$@" &&
		[ "$status" -eq 0 ]
}

# An old folder is reconfigured; one that cannot be (the tree moved) is made anew.
configure() { # BUILD COMPILER OPTION...
	local build=$OUT/$1
	local -x CC=$2
	shift 2
	if [ -f "$build/build.ninja" ]; then
		limited meson setup --reconfigure "$build" "$@" && return 0
	fi
	rm -rf "$build"
	limited meson setup "$build" "$@"
}

build() { # BUILD COMPILER OPTION...
	configure "$@" && limited ninja -C "$OUT/$1"
}
