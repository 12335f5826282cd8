# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors

# Part packages of scripts/check: Debian packages are built, judged by lintian, installed, used,
# upgraded and purged; sourced.
# shellcheck disable=SC2317,SC2034,SC2153,SC2154 # step runs functions by their name; scripts/check has the variables

# Whoever publishes packages puts an address of their own into debian/control.
LINTIAN_LEFT_OUT=bogus-mail-host,bogus-mail-host-in-debian-changelog

# As the style checks list them, with git or without.
list_tree() {
	PYTHONPATH=tests/style python3 -c 'import tree; print(*tree.files(), sep="\0", end="\0")'
}

# Of the files of the tree as they are, in a folder of its own.
build_packages() { # FOLDER
	mkdir -p "$1/source" && list_tree | xargs -0 cp --parents -t "$1/source" &&
		cd "$1/source" && DEB_BUILD_OPTIONS=noautodbgsym limited dpkg-buildpackage -us -uc -b
}

lint_packages() { # FOLDER
	limited lintian --allow-root --fail-on error --suppress-tags "$LINTIAN_LEFT_OUT" \
		"$1"/*.changes
}

# The same packages with a version that is higher.
make_newer() { # FOLDER
	local package name
	mkdir -p "$1/old" "$1/new" && mv "$1"/*.deb "$1/old/" || return 1
	for package in "$1"/old/*.deb; do
		name=$(basename "$package")
		dpkg-deb -R "$package" "$1/new/tree" &&
			sed -i 's/^\(Version: .*\)/\1+1/; s/(= \([^$)]*\))/(= \1+1)/' "$1/new/tree/DEBIAN/control" &&
			dpkg-deb --root-owner-group -b "$1/new/tree" "$1/new/$name" || return 1
		rm -rf "$1/new/tree"
	done
	dpkg-deb -f "$1"/old/volt_*.deb Version >"$1/old/version" &&
		dpkg-deb -f "$1"/new/volt_*.deb Version >"$1/new/version"
}

live_packages() { # FOLDER GUEST
	# shellcheck disable=SC2016 # expanded by mmdebstrap's shell
	limited env FOLDER="$1" GUEST="$2" LIFE="$PWD/scripts/lib/package-life" \
		mmdebstrap --variant=apt --include=systemd --format=null \
		--customize-hook='"$LIFE" "$1" "$FOLDER" "$GUEST"' bookworm
}

part_packages() {
	local folder
	build_release gcc || return 1 # its guest
	folder=$(mktemp -d /tmp/volt-packages-XXXXXX) || return 1
	chmod 0755 "$folder"
	local status=0
	step 'packages are built' build_packages "$folder" &&
		step 'lintian finds no error' lint_packages "$folder" &&
		step 'a newer version' make_newer "$folder" &&
		step 'installed, used, upgraded, purged' live_packages "$folder" \
			"$OUT/release-gcc/tests/guest/ending" || status=1
	rm -rf "$folder"
	return "$status"
}
