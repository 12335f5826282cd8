# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors

# Part install of scripts/check: what is installed works by itself; sourced.
# shellcheck disable=SC2317,SC2034,SC2153,SC2154 # step runs functions by their name; scripts/check has the variables

# What the README tells a plugin's author to type, with the installed SDK only.
compile_readme_plugin() { # DESTDIR WORK
	local libdir name cflags libs
	name=$(python3 tests/style/check_readme_plugin.py --name)
	libdir=$(dirname "$(find "$1" -name volt-plugin.pc)")
	local -x PKG_CONFIG_LIBDIR=$libdir # relocatable: it finds its headers beside itself
	read -ra cflags <<<"$(pkg-config --cflags volt-plugin)"
	read -ra libs <<<"$(pkg-config --libs volt-plugin)"
	mkdir -p "$2" &&
		python3 tests/style/check_readme_plugin.py --print >"$2/$name.c" &&
		cc -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Werror \
			"${cflags[@]}" "$2/$name.c" "${libs[@]}" -o "$2/$name.so" &&
		python3 tests/style/check_objects.py "$2/$name.so" &&
		limited "$1/usr/local/bin/volt" --plugin "$2/$name.so,help" &&
		limited "$1/usr/local/bin/volt-plugin" check "$2/$name.so"
}

# With flags of its own: as small as it gets, where the linker leaves an empty segment.
compile_small_plugin() { # DESTDIR WORK
	local libdir cflags libs
	libdir=$(dirname "$(find "$1" -name volt-plugin.pc)")
	local -x PKG_CONFIG_LIBDIR=$libdir
	read -ra cflags <<<"$(pkg-config --cflags volt-plugin)"
	read -ra libs <<<"$(pkg-config --libs volt-plugin)"
	mkdir -p "$2" &&
		cc -Os -flto -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
			-Wl,--gc-sections "${cflags[@]}" tests/security/bad-plugins/no_constants.c \
			"${libs[@]}" -o "$2/plain.so" &&
		python3 tests/style/check_objects.py "$2/plain.so" &&
		limited "$1/usr/local/bin/volt" --plugin "$2/plain.so,help" &&
		limited "$1/usr/local/bin/volt-plugin" check "$2/plain.so"
}

# By name, which finds them beside the installed program and not where this tree built them.
load_installed_plugins() { # DESTDIR
	local plugins plugin params files=$OUT/plugin-files
	mapfile -t plugins < <(find "$1" -name '*.so' -printf '%f\n')
	[ ${#plugins[@]} -gt 0 ] && mkdir -p "$files" || return 1
	for plugin in "${plugins[@]%.so}"; do
		params=$(python3 tests/plugin-check/params.py "$files" "$plugin") &&
			limited "$1/usr/local/bin/volt" --plugin "$plugin,help" &&
			limited "$1/usr/local/bin/volt-plugin" check --params "$params" "$plugin" || return 1
	done
}

template_by_meson() {
	meson setup build -Dwerror=true && meson compile -C build &&
		meson test -C build --print-errorlogs
}

template_by_make() {
	make CFLAGS='-O2 -Werror' check && ls gwdt.so vgpio.so && make DESTDIR="$PWD/staged" install &&
		find staged -type f | grep -q '/volt/gwdt\.so$' &&
		find staged -type f | grep -q '/volt/vgpio\.so$' &&
		find staged -type f | grep -q '/man7/volt-gwdt\.7$'
}

# Runs a function in a copy of the installed template; not one file of this tree may be opened but what
# was installed from it.
from_sdk_only() { # DESTDIR FOLDER FUNCTION
	local dest=$1 tree=$PWD seen=$2.opened status=0
	local -x PKG_CONFIG_PATH
	PKG_CONFIG_PATH=$(dirname "$(find "$dest" -name volt-plugin.pc)")
	export -f "${3?}"
	(cd "$2" && limited strace -f -qq -e trace=open,openat,execve -o "$seen" \
		bash -c "set -e; $3") || status=1
	# Keep the path of each call alone: strace cuts the arguments of programs.
	grep -v ENOENT "$seen" | sed 's/\("[^"]*"\).*/\1/' | grep -F "\"$tree/" |
		grep -vF "\"$dest/" && {
		echo "these are files of the source tree, not of the installed SDK"
		return 1
	}
	return "$status"
}

# The files that a packager, an operator and a plugin's author look for.
find_installed_files() { # DESTDIR
	local file share=$1/usr/local/share
	for file in volt/template/gwdt.c volt/examples/count.c volt/pack.py \
		volt/examples/filter_bench.h doc/volt/LICENSE \
		doc/volt/README.md doc/volt/docs/glossary.md doc/volt/sdk/abi/history; do
		[ -s "$share/$file" ] || { echo "not installed: $file" && return 1; }
	done
}

part_install() {
	local dest=$OUT/install work='' plugin status=0
	build_release gcc || return 1
	rm -rf "$dest" "$OUT/toy"
	step 'install' limited meson install -C "$OUT/release-gcc" --no-rebuild --destdir "$dest" ||
		return 1
	step 'installed files are there' find_installed_files "$dest" || return 1
	step 'installed volt runs' limited "$dest/usr/local/bin/volt" --version || return 1
	step 'installed programs take its plugins' load_installed_plugins "$dest" || return 1
	step 'installed volt-kernel runs' limited "$dest/usr/local/bin/volt-kernel" --version || return 1
	step 'installed volt finds its doctor' limited "$dest/usr/local/bin/volt" doctor --version ||
		return 1
	step 'plugin against the installed SDK' compile_readme_plugin "$dest" "$OUT/toy" ||
		return 1
	step 'tutorial of volt-plugin(7)' limited python3 tests/style/check_tutorial.py \
		--prefix "$dest/usr/local" || return 1
	step 'small plugin against it' compile_small_plugin "$dest" "$OUT/toy" || return 1
	rm -rf "$work"
	work=$(mktemp -d /tmp/volt-template-XXXXXX) || return 1
	cp -r "$dest/usr/local/share/volt/template" "$work/meson" && cp -r "$work/meson" "$work/make" || return 1
	step 'template with meson' from_sdk_only "$dest" "$work/meson" template_by_meson || status=1
	step 'template with make' from_sdk_only "$dest" "$work/make" template_by_make || status=1
	for plugin in "$work"/{meson/build,make}/{gwdt,vgpio}.so; do
		step "${plugin#"$work/"} in the installed volt" limited "$dest/usr/local/bin/volt" explain \
			--plugin "$plugin" || status=1
		step "volt-plugin check ${plugin#"$work/"}" limited "$dest/usr/local/bin/volt-plugin" check \
			"$plugin" || status=1
	done
	rm -rf "$work"
	return "$status"
}
