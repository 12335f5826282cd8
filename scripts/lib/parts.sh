# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors

# The parts of scripts/check that run suites of one build; sourced.
# shellcheck disable=SC2317,SC2034,SC2153,SC2154 # step runs functions by their name; scripts/check has the variables

# clang links a sanitizer's runtime only into programs, so its modules have open symbols.
build_sanitized() { # COMPILER
	step "build $1 with sanitizers" build "$1" "$1" -Dbuildtype=debugoptimized -Dwerror=true \
		-Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fno-sanitize-recover=undefined
}

# Once a run: several parts stand on it.
build_release() { # COMPILER
	[[ $released != *" $1 "* ]] || return 0
	step "build $1 release" build "release-$1" "$1" -Dbuildtype=release -Dwerror=true \
		-Dpkgconfig.relocatable=true &&
		released+=" $1 "
}

part_setup() {
	step packages setup_packages "${PACKAGES_CHECK[@]}" && cat "$OUT/log/setup-packages.log"
}

part_gcc() {
	build_sanitized gcc && suites gcc "unit fuzz plugins security"
}

part_clang() {
	build_sanitized clang && suites clang unit
}

part_release() {
	local status=0
	build_release gcc || status=1
	build_release clang || status=1
	return "$status"
}

part_style() {
	build_release gcc && suites release-gcc style ${quick:+--no-suite=slow}
}

part_guest() {
	build_release gcc && suites release-gcc "guest plugins security"
}

part_lab() {
	build_release gcc && suites release-gcc lab
}

part_kernel() {
	build_release gcc && suites release-gcc kernel
}

# The core's threads under ThreadSanitizer; the runtime's own calls rule the sandbox and guests out.
part_threads() {
	local tests=(core_guest core_host core_irq core_lock core_log core_loop core_stream_flow) name
	local targets=("${tests[@]/#/tests/core/test_}") status=0
	step 'configure for ThreadSanitizer' configure threads gcc -Dbuildtype=debugoptimized -Dwerror=true \
		-Db_sanitize=thread -Db_lundef=false -Dinit=disabled || return 1
	step 'build for ThreadSanitizer' limited ninja -C "$OUT/threads" "${targets[@]}" || return 1
	for name in "${tests[@]}"; do
		step "$name under ThreadSanitizer" limited "$OUT/threads/tests/core/test_$name" || status=1
	done
	return "$status"
}
