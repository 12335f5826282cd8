# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors

# Parts without and minimal of scripts/check: builds that leave something out; sourced.
# shellcheck disable=SC2317,SC2034,SC2153,SC2154 # step runs functions by their name; scripts/check has the variables

# One folder, reconfigured, so that only what depends on the list is built again.
build_with_plugins() { # LIST
	build without gcc -Dbuildtype=debug -Dwerror=true -Dtests=false -Dinit=disabled \
		-Dkernel_tool=disabled "-Dplugins=$1" -Dextras=[] &&
		limited "$(find "$OUT/without" -maxdepth 2 -type f -name volt -perm -u+x)" --version
}

part_without() {
	local folders=(plugins/*/meson.build) names name status=0
	names=("${folders[@]%/meson.build}")
	names=("${names[@]#plugins/}")
	for name in "${names[@]}"; do
		step "without $name" build_with_plugins \
			"$(printf '%s\n' "${names[@]}" | grep -vxF -- "$name" | paste -sd,)" || status=1
	done
	step 'without any plugin' build_with_plugins '[]' || status=1
	return "$status"
}

# A build whose plugins are linked in, and the guests that show that it works. Its weight is
# printed: README and docs tell sizes.
check_minimal() { # NAME COMPILER "AREA..." OPTION...
	local name=$1 compiler=$2 build=minimal-$1 areas area status=0
	read -ra areas <<<"$3"
	shift 3
	step "build $name" build "$build" "$compiler" -Dwerror=true -Dtests=false "$@" || return 1
	sed 's/^/      /' "$OUT/$build/scripts/weight.txt"
	for area in "${areas[@]}"; do
		step "$name: guests, $area" limited python3 tests/guest/run.py \
			--volt "$OUT/$build/core/volt" --guests "$OUT/release-gcc/tests/guest" \
			--test-plugins "$OUT/release-gcc/tests/guest" "$area" || status=1
	done
	return "$status"
}

is_at_most() { # BYTES PROGRAM
	local copy=$2.stripped size
	strip -o "$copy" "$2" && size=$(stat -c %s "$copy") && rm "$copy" || return 1
	echo "$2 has $size bytes, at most $1 are allowed"
	[ "$size" -le "$1" ]
}

# The block of README.md, in a copy of the tree; docs/building.md has the same one.
type_smallest_build() { # FOLDER
	local file block
	block=$(sed -n '/^CC=musl-gcc meson setup/,/^```/p' README.md | sed '$d')
	for file in README.md docs/building.md; do
		[ "$(sed -n '/^CC=musl-gcc meson setup/,/^```/p' "$file" | sed '$d')" = "$block" ] || {
			echo "$file has another block"
			return 1
		}
	done
	rm -rf "$1" && mkdir -p "$1" && list_tree | xargs -0 cp --parents -t "$1" &&
		(cd "$1" && limited sh -euc "$block") &&
		is_at_most 150000 "$1/build-small/core/volt"
}

part_minimal() {
	local small=(-Doptimization=s -Ddebug=false -Db_ndebug=true -Db_lto=true)
	local lean=('-Dfeatures=[]' -Dsmall_libc=true)
	local linked=(-Dplugin_mode=builtin -Dbuildtype=release) static=(-Dstatic=true) group status=0
	build_release gcc || return 1 # its guests and test plugins
	check_minimal builtin gcc 'linked bus ending interrupts' "${linked[@]}" || status=1
	check_minimal mixed gcc 'linked ending' -Dbuildtype=release \
		-Dbuiltin_plugins=sandbox,serial,exitport,bootmark || status=1
	check_minimal no-loader gcc 'linked loaderless' "${linked[@]}" -Ddlopen=disabled \
		-Djson=enabled || status=1
	check_minimal static-glibc gcc 'linked loaderless ending serial' "${linked[@]}" \
		"${static[@]}" || status=1
	check_minimal static-musl musl-gcc 'linked loaderless ending serial' "${linked[@]}" \
		"${static[@]}" -Dallocator=bump "${small[@]}" || status=1
	check_minimal lean musl-gcc 'lean loaderless ending serial' "${linked[@]}" \
		"${static[@]}" -Dallocator=bump "${small[@]}" "${lean[@]}" || status=1
	check_minimal smallest musl-gcc '' "${linked[@]}" "${static[@]}" -Dallocator=bump \
		"${small[@]}" "${lean[@]}" -Dplugins=sandbox,serial -Dinit=disabled || status=1
	for group in audit kernels operate; do
		check_minimal "only-$group" musl-gcc groups "${linked[@]}" "${static[@]}" \
			-Doptimization=s -Dinit=disabled "-Dfeatures=$group" || status=1
	done
	step 'smallest is at most 150 KB' is_at_most 150000 "$OUT/minimal-smallest/core/volt" || status=1
	step 'README: a minimal static build' type_smallest_build "$OUT/minimal-typed" || status=1
	step 'static-musl boots Linux in the lab' limited python3 tests/lab/test_boot.py \
		"$OUT/minimal-static-musl" vmlinux_boots_with_every_plugin \
		bzimage_boots_with_the_in_kernel_irqchip || status=1
	return "$status"
}
