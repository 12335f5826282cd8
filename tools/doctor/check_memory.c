/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Sources: Documentation/admin-guide/mm/{transhuge,hugetlbpage,ksm}.rst, sysctl/vm.rst. */
#include <stdio.h>
#include <string.h>

#include "tools/doctor/checks.h"

#define THP  "/sys/kernel/mm/transparent_hugepage/enabled"
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define MIB  1024u /* in KiB */

static void check_available(struct findings *f, const struct host *h)
{
	char text[4096];
	uint64_t kib;

	if (!host_text(h, "/proc/meminfo", text, sizeof(text)) ||
	    !host_field(text, "MemAvailable", &kib))
		return;
	if (kib >= 160 * MIB) {
		found(
		    f, LEVEL_OK, "memory", "%llu MiB are available", (unsigned long long)kib / MIB);
		return;
	}
	found(f, LEVEL_WARNING, "memory", "only %llu MiB are available",
	    (unsigned long long)kib / MIB);
	because(f, "a guest has 128 MiB by default, and volt itself needs a few more");
	mend(f, "volt --memory %lluM, or free some",
	    (unsigned long long)(kib / MIB > 48 ? (kib / MIB - 32) / 16 * 16 : 16));
}

static void check_huge(struct findings *f, const struct host *h)
{
	char text[64], mode[32];
	uint64_t all = 0, free_pages = 0;

	if (host_line(h, THP, text, sizeof(text))) {
		host_chosen(text, mode, sizeof(mode));
		bool off = strcmp(mode, "never") == 0;

		found(f, off ? LEVEL_WARNING : LEVEL_OK, "thp", "transparent huge pages: %s", mode);
		if (off) {
			because(f, "guest memory comes in 4 KiB pages: more faults while it boots, "
				   "slower page walks afterwards");
			mend(f, "echo madvise > " THP);
		}
	}
	if (!host_number(h, POOL "nr_hugepages", &all))
		return;
	host_number(h, POOL "free_hugepages", &free_pages);
	if (all == 0) {
		found(f, LEVEL_OK, "hugetlb", "no huge pages are reserved");
		because(f,
		    "only volt --hugepages needs them; sysctl -w vm.nr_hugepages=64 has enough "
		    "for a guest of 128 MiB");
		return;
	}
	found(f, LEVEL_OK, "hugetlb", "%llu of %llu huge pages of 2 MiB are free",
	    (unsigned long long)free_pages, (unsigned long long)all);
}

static void check_merging(struct findings *f, const struct host *h)
{
	uint64_t run;

	if (!host_number(h, "/sys/kernel/mm/ksm/run", &run))
		return;
	if (run != 1) {
		found(f, LEVEL_OK, "ksm", "pages of different processes are not merged");
		return;
	}
	found(
	    f, LEVEL_WARNING, "ksm", "the kernel merges equal pages of processes that ask for it");
	because(f, "volt does not ask, but inherits the wish of who starts it (prctl "
		   "PR_SET_MEMORY_MERGE); then guests can time what others hold");
	mend(f, "echo 2 > /sys/kernel/mm/ksm/run");
}

static void check_sysctls(struct findings *f, const struct host *h)
{
	uint64_t overcommit = 0, maps = 65530;

	if (host_number(h, "/proc/sys/vm/overcommit_memory", &overcommit)) {
		bool strict = overcommit == 2;

		found(f, strict ? LEVEL_WARNING : LEVEL_OK, "overcommit",
		    "vm.overcommit_memory is %llu", (unsigned long long)overcommit);
		if (strict) {
			because(
			    f, "all of a guest's memory is charged at its start, touched or not");
			mend(f, "sysctl -w vm.overcommit_memory=0, or raise vm.overcommit_ratio");
		}
	}
	if (host_number(h, "/proc/sys/vm/max_map_count", &maps) && maps < 1024) {
		found(f, LEVEL_WARNING, "map-count", "vm.max_map_count is %llu",
		    (unsigned long long)maps);
		because(f, "a VM has some hundred mappings: its plugins, their libraries, a stack "
			   "for each vCPU");
		mend(f, "sysctl -w vm.max_map_count=65530");
	}
}

void check_memory(struct findings *f, const struct host *h)
{
	check_available(f, h);
	check_huge(f, h);
	check_merging(f, h);
	check_sysctls(f, h);
}
