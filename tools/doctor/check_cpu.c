/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Sources: Linux arch/x86/include/asm/cpufeatures.h for the names in /proc/cpuinfo;
 * Documentation/admin-guide/hw-vuln for what stands in the vulnerabilities folder.
 */
#include <stdio.h>
#include <string.h>

#include "tools/doctor/checks.h"

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities/"
#define CLOCKSOURCE     "/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* The line of flags of the first CPU. */
static void read_flags(const struct host *h, char *flags, size_t size)
{
	static char text[16384];

	flags[0] = '\0';
	if (!host_text(h, "/proc/cpuinfo", text, sizeof(text)))
		return;
	const char *line = strstr(text, "\nflags");
	if (line)
		snprintf(flags, size, "%.*s", (int)strcspn(line + 1, "\n"), line + 1);
}

static void check_flags(struct findings *f, const char *flags, bool inside)
{
	if (host_word(flags, "vmx"))
		found(f, LEVEL_OK, "cpu-flags", "the CPU has VMX (Intel's virtualisation)");
	else if (host_word(flags, "svm"))
		found(f, LEVEL_OK, "cpu-flags", "the CPU has SVM (AMD's virtualisation)");
	else {
		found(f, LEVEL_WARNING, "cpu-flags", "the CPU shows neither VMX nor SVM");
		because(f, "kvm_intel and kvm_amd need one of them");
		mend(f, "%s",
		    inside ? "turn nested virtualisation on in the host of this VM, or rent a "
			     "machine type that has it"
			   : "enable virtualisation (VT-x, AMD-V, SVM mode) in the firmware");
	}
}

static void check_inside(struct findings *f, bool inside, const struct host *h)
{
	char vendor[64] = "", product[64] = "";

	host_line(h, "/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor));
	host_line(h, "/sys/class/dmi/id/product_name", product, sizeof(product));
	if (!inside) {
		found(f, LEVEL_OK, "machine", "no hypervisor below");
		return;
	}
	found(f, LEVEL_OK, "machine", "this host is a VM itself%s%s%s%s%s",
	    vendor[0] != '\0' ? " (" : "", vendor,
	    vendor[0] != '\0' && product[0] != '\0' ? ", " : "", vendor[0] != '\0' ? product : "",
	    vendor[0] != '\0' ? ")" : "");
	because(f, "guests are nested: each exit goes through the hypervisor below");
}

/* core/base/clock.c reads the TSC itself under just these two conditions. */
static void check_time(struct findings *f, const struct host *h, const char *flags)
{
	char source[32] = "unknown";
	bool invariant = host_word(flags, "constant_tsc") && host_word(flags, "nonstop_tsc");

	host_line(h, CLOCKSOURCE, source, sizeof(source));
	if (invariant && strcmp(source, "tsc") == 0) {
		found(f, LEVEL_OK, "tsc", "the TSC is invariant and the kernel's clock source");
		if (h->kvm.tsc_khz > 0)
			because(f, "a virtual CPU's runs at %d.%03d MHz", h->kvm.tsc_khz / 1000,
			    h->kvm.tsc_khz % 1000);
		return;
	}
	found(f, LEVEL_WARNING, "tsc", "%s; the kernel's clock source is %s",
	    invariant ? "the TSC is invariant" : "the TSC is not invariant", source);
	because(f, "volt then asks the kernel for the time and needs clock_gettime under the seal; "
		   "guests may drift");
	mend(f, "%s",
	    invariant ? "echo tsc > " CLOCKSOURCE " (boot with tsc=reliable if it is "
			"not available)"
		      : "use a CPU, or a VM type, with an invariant TSC");
}

static void check_weaknesses(struct findings *f, const struct host *h)
{
	static const char *const names[] = {"gather_data_sampling", "itlb_multihit", "l1tf", "mds",
	    "meltdown", "mmio_stale_data", "reg_file_data_sampling", "retbleed",
	    "spec_rstack_overflow", "spec_store_bypass", "spectre_v1", "spectre_v2", "srbds", "tsa",
	    "tsx_async_abort", "vmscape"};
	char list[256] = "", path[128], text[160];
	bool any = false;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), VULNERABILITIES "%s", names[i]);
		if (!host_line(h, path, text, sizeof(text)))
			continue;
		any = true;
		if (!strstr(text, "Vulnerable") && !strstr(text, "SMT vulnerable"))
			continue;
		size_t n = strlen(list);
		snprintf(list + n, sizeof(list) - n, "%s%s", n > 0 ? ", " : "", names[i]);
	}
	if (!any)
		return;
	if (list[0] == '\0') {
		found(f, LEVEL_OK, "cpu-bugs", "the kernel covers every known CPU weakness");
		return;
	}
	found(f, LEVEL_WARNING, "cpu-bugs", "not covered: %s", list);
	because(f, "a hostile guest may read memory of the host or of another guest");
	mend(f,
	    "update the microcode, boot without mitigations=off; if the line names SMT: echo off > "
	    "/sys/devices/system/cpu/smt/control");
}

void check_cpu(struct findings *f, const struct host *h)
{
	char flags[4096];

	read_flags(h, flags, sizeof(flags));
	bool inside = host_word(flags, "hypervisor");
	if (flags[0] != '\0')
		check_flags(f, flags, inside);
	if (flags[0] != '\0')
		check_inside(f, inside, h);
	check_time(f, h, flags);
	check_weaknesses(f, h);
}
