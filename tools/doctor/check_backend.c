/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Sources: Documentation/admin-guide/kernel-parameters.txt (kvm-intel.ept, kvm-amd.npt,
 * kvm-intel.unrestricted_guest, kvm-intel.vmentry_l1d_flush, kvm.nx_huge_pages, nested);
 * Documentation/admin-guide/hw-vuln/l1tf.rst and multihit.rst. A thread for
 * nx_huge_pages is made with each VM and moved into its cgroup, for which Linux 6.0 and newer wait
 * (commit 6a010a49b63a; "never" is of 6.3, in 6.1.y too); since 6.13 it is a thread of the
 * process and moves nowhere (commit d96c77bd4eeb).
 */
#include <stdio.h>
#include <string.h>

#include "tools/doctor/checks.h"

#define PARAMETERS "/sys/module/%s/parameters/%s"

struct backend {
	const char *module, *words;
};

static const struct backend backends[] = {
    {"kvm_intel", "KVM on Intel's VMX"},
    {"kvm_amd", "KVM on AMD's SVM"},
    {"kvm_pvm", "KVM without hardware under it (PVM)"},
};

static bool read_parameter(
    const struct host *h, const char *module, const char *name, char *to, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), PARAMETERS, module, name);
	return host_line(h, path, to, size);
}

static bool is_off(const char *text)
{
	return strcmp(text, "N") == 0 || strcmp(text, "0") == 0;
}

/* Where /sys is hidden, /proc/modules may be left. */
static const struct backend *find_backend(const struct host *h, const char **how)
{
	static char modules[32768] = "\n";
	char path[64], line[64];

	for (unsigned i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", backends[i].module);
		*how = "/sys/module";
		if (host_has(h, path))
			return &backends[i];
	}
	*how = "/proc/modules";
	if (!host_text(h, "/proc/modules", modules + 1, sizeof(modules) - 1))
		return NULL;
	for (unsigned i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		snprintf(line, sizeof(line), "\n%s ", backends[i].module);
		if (strstr(modules, line))
			return &backends[i];
	}
	return NULL;
}

static void check_pvm(struct findings *f, const char *how)
{
	found(f, LEVEL_FAIL, "kvm-backend", "this host's KVM is kvm_pvm, without VMX or SVM");
	because(f,
	    "known from %s; page tables are shadowed and a guest's kernel mode runs in an "
	    "emulator, which lacks instructions that Linux needs (int3, cmpxchg16b, popcnt, "
	    "xsave): bare-metal test guests run, an unmodified Linux stops early with an "
	    "internal error of KVM",
	    how);
	mend(f, "use a host with kvm_intel or kvm_amd; here, scripts/lab boots Linux guests in an "
		"emulated machine that has them");
}

static void check_paging(struct findings *f, const struct host *h, const struct backend *b)
{
	bool intel = strcmp(b->module, "kvm_intel") == 0;
	const char *name = intel ? "ept" : "npt";
	char text[16];

	if (!read_parameter(h, b->module, name, text, sizeof(text)))
		return;
	if (!is_off(text)) {
		found(f, LEVEL_OK, "nested-paging", "%s is on", intel ? "EPT" : "NPT");
		return;
	}
	found(f, LEVEL_WARNING, "nested-paging", "%s is off", intel ? "EPT" : "NPT");
	because(f, "KVM shadows each guest page table: page faults and context switches of guests "
		   "become exits, many times slower");
	mend(f,
	    "modprobe -r %s && modprobe %s %s=1 (and no %s=0 in /etc/modprobe.d or on the "
	    "kernel's command line)",
	    b->module, b->module, name, name);
}

static void check_intel(struct findings *f, const struct host *h)
{
	char text[32];

	if (read_parameter(h, "kvm_intel", "unrestricted_guest", text, sizeof(text)) &&
	    is_off(text)) {
		found(f, LEVEL_WARNING, "unrestricted", "unrestricted_guest is off");
		because(
		    f, "KVM emulates guests until paging is on; further virtual CPUs start slowly");
		mend(f, "modprobe -r kvm_intel && modprobe kvm_intel unrestricted_guest=1 ept=1");
	}
	if (read_parameter(h, "kvm_intel", "vmentry_l1d_flush", text, sizeof(text)) &&
	    strcmp(text, "always") == 0) {
		found(f, LEVEL_WARNING, "l1d-flush", "the L1 data cache is flushed at every entry");
		because(f,
		    "each exit costs several microseconds more; \"cond\" flushes where it matters");
		mend(f, "echo cond > /sys/module/kvm_intel/parameters/vmentry_l1d_flush");
	}
}

static void check_nested(struct findings *f, const struct host *h, const struct backend *b)
{
	char text[16];

	if (read_parameter(h, b->module, "nested", text, sizeof(text)))
		found(f, LEVEL_OK, "nested", "guests %s run guests of their own (%s.nested=%s)",
		    is_off(text) ? "cannot" : "could", b->module, text);
}

static bool waits_for_cgroups(const struct host *h)
{
	char mounts[16384];
	unsigned release = host_release(h);

	if (release < 600 || release >= 613)
		return false;
	return !host_text(h, "/proc/self/mounts", mounts, sizeof(mounts)) ||
	       !host_word(mounts, "favordynmods");
}

static void check_huge_nx(struct findings *f, const struct host *h)
{
	char text[16], bug[64] = "";

	if (!read_parameter(h, "kvm", "nx_huge_pages", text, sizeof(text)))
		return;
	host_line(h, "/sys/devices/system/cpu/vulnerabilities/itlb_multihit", bug, sizeof(bug));
	bool needed = strcmp(bug, "Not affected") != 0;
	if (strcmp(text, "never") != 0 && waits_for_cgroups(h)) {
		found(f, LEVEL_WARNING, "nx-huge-pages",
		    "kvm.nx_huge_pages is %s, not never, and cgroups are mounted without "
		    "favordynmods",
		    text);
		because(f, "on Linux 6.0 to 6.12 each new VM then waits for a thread to change its "
			   "cgroup, 10 to 100 ms");
		if (needed)
			mend(f, "mount -o remount,favordynmods /sys/fs/cgroup");
		else
			mend(f, "boot with kvm.nx_huge_pages=never (this CPU is not affected by "
				"itlb_multihit), or mount -o remount,favordynmods /sys/fs/cgroup");
		return;
	}
	if (!is_off(text) && strcmp(text, "never") != 0 && !needed) {
		found(f, LEVEL_WARNING, "nx-huge-pages", "kvm.nx_huge_pages is %s without need",
		    text);
		because(f,
		    "it splits huge pages that a guest executes from; this CPU is not affected by "
		    "itlb_multihit");
		mend(f, "echo off > /sys/module/kvm/parameters/nx_huge_pages");
		return;
	}
	found(f, LEVEL_OK, "nx-huge-pages", "kvm.nx_huge_pages is %s", text);
}

void check_backend(struct findings *f, const struct host *h)
{
	const char *how;
	const struct backend *b = find_backend(h, &how);

	if (!b && h->kvm.open_error == 0) {
		found(
		    f, LEVEL_WARNING, "kvm-backend", "which module is behind /dev/kvm is unknown");
		because(f, "neither /sys/module nor /proc/modules names kvm_intel or kvm_amd; what "
			   "counts is the trial below");
		mend(f, "mount -t sysfs sysfs /sys");
	} else if (!b) {
		found(f, LEVEL_FAIL, "kvm-backend", "no KVM module is loaded");
		because(f, "volt runs guests with KVM alone");
		mend(f, "modprobe kvm_intel || modprobe kvm_amd; dmesg | grep -i kvm says why that "
			"fails");
	} else if (strcmp(b->module, "kvm_pvm") == 0) {
		check_pvm(f, how);
	} else {
		found(
		    f, LEVEL_OK, "kvm-backend", "%s: %s (known from %s)", b->module, b->words, how);
		check_paging(f, h, b);
		check_nested(f, h, b);
	}
	if (b && strcmp(b->module, "kvm_intel") == 0)
		check_intel(f, h);
	check_huge_nx(f, h);
}
