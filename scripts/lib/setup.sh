# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors

# What scripts/check and scripts/demo share; sourced, never run. Callers `set -euo pipefail`.
#
#   say TEXT            a heading
#   progress TEXT       a line of detail under it
#   complain TEXT       a line on standard error
#   elapsed SINCE       seconds since an earlier $EPOCHREALTIME, one decimal
#   setup_packages P... installs what is missing of these Debian packages
#   PACKAGES_DEMO       to build volt and boot a guest
#   PACKAGES_KERNEL     to build a microVM kernel
#   PACKAGES_CHECK      to run every test as well
#   PACKAGES_BENCH      to measure

# Read by the scripts that source this file.
# shellcheck disable=SC2034
PACKAGES_DEMO=(
	build-essential meson ninja-build pkg-config python3 ca-certificates git
	musl-tools linux-libc-dev # volt-init
	binutils xz-utils zstd lz4 cpio dpkg-dev # taking a Debian kernel apart
	qemu-system-x86 # the lab, where the host's KVM cannot run Linux
	libcmocka-dev libjson-c-dev
	libseccomp-dev libcap-dev # the sandbox
	libarchive-dev liblzma-dev nettle-dev # volt-kernel
	e2fsprogs fakeroot mmdebstrap uidmap # a root file system on a disk
	passt # a network for guests without root
)
# shellcheck disable=SC2034
PACKAGES_KERNEL=(
	make gcc binutils flex bison bc libelf-dev lz4 xz-utils python3
)
# shellcheck disable=SC2034
PACKAGES_CHECK=(
	"${PACKAGES_DEMO[@]}"
	"${PACKAGES_KERNEL[@]}"
	clang libclang-rt-14-dev clang-format clang-tidy cppcheck
	bzip2 # to pack kernels with
	qemu-system-common # back ends of vhost-user
	acpica-tools mandoc codespell shellcheck strace
	zsh fish # completions
	debhelper lintian # packages
	python3-jsonschema # another reader of volt.schema.json
	e2fsprogs xfsprogs btrfs-progs # file systems on disks, in the lab
	iperf3 ethtool # a network under load, in the lab
)
# shellcheck disable=SC2034
PACKAGES_BENCH=(
	"${PACKAGES_DEMO[@]}"
	"${PACKAGES_KERNEL[@]}"
	valgrind gnuplot-nox strace
)

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
	bold=$'\e[1m' plain=$'\e[0m'
else
	bold='' plain=''
fi

say() {
	printf '%s==> %s%s\n' "$bold" "$*" "$plain"
}

progress() {
	printf '    %s\n' "$*"
}

complain() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Whole and tenth of seconds without a process: EPOCHREALTIME is seconds.microseconds,
# its point a comma in some locales.
elapsed() {
	local now=${EPOCHREALTIME/[.,]/} since=${1/[.,]/} tenths
	tenths=$(((now - since) / 100000))
	printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

package_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		complain "need root to run: $*; become root or install sudo"
		return 1
	fi
}

# A mirror may stop in the middle of a file. A script that has a deadline, by its $SECONDS, does
# not wait longer than that.
setup_limited() {
	local limit=1200 left=$((${deadline:-SECONDS + 1200} - SECONDS))
	[ "$left" -gt 0 ] || return 124 # as timeout has it
	[ "$left" -gt "$limit" ] || limit=$left
	as_root timeout --foreground --kill-after=20 "$limit" "$@" </dev/null
}

setup_install() {
	setup_limited env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
		--no-install-recommends "$@"
}

# Lists may be old or absent on a fresh machine: update only when the first try fails.
setup_packages() {
	local missing=() package log since=$EPOCHREALTIME
	for package in "$@"; do
		package_installed "$package" || missing+=("$package")
	done
	if [ ${#missing[@]} -eq 0 ]; then
		progress "all $# packages are installed"
		return 0
	fi
	if ! command -v apt-get >/dev/null; then
		complain "not a Debian system; install by hand: ${missing[*]}"
		return 1
	fi
	progress "installing ${#missing[@]} of $# packages: ${missing[*]}"
	log=$(mktemp)
	if ! setup_install "${missing[@]}" >"$log" 2>&1 &&
		! { setup_limited apt-get update -qq >"$log" 2>&1 &&
			setup_install "${missing[@]}" >>"$log" 2>&1; }; then
		complain "apt-get could not install: ${missing[*]}"
		tail -n 20 "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
	progress "installed in $(elapsed "$since") s"
}
