/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: getrlimit(2), proc_pid_limits(5). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/doctor/checks.h"

/* Soft limit of a row of /proc/self/limits. */
static bool read_limit(const char *text, const char *name, uint64_t *out)
{
	const char *at = strstr(text, name);

	if (!at)
		return false;
	at += strlen(name);
	at += strspn(at, " ");
	*out = strncmp(at, "unlimited", 9) == 0 ? UINT64_MAX : strtoull(at, NULL, 10);
	return true;
}

static const struct row {
	const char *name, *id;
	uint64_t least;
	const char *why, *mend;
} rows[] = {
    {"Max open files", "nofile", 256,
	"each plugin, interrupt line and vCPU has descriptors: a large VM has more than a hundred",
	"ulimit -n 1024"},
    {"Max processes", "nproc", 80,
	"it counts all threads of the user: a VM has one for each vCPU, one for the loop, a "
	"clean-up helper",
	"ulimit -u 4096"},
    {"Max address space", "address-space", 1ull << 30,
	"guest memory and the guard pages around it are address space", "ulimit -v unlimited"},
    {"Max file size", "file-size", 1ull << 20, "the log, traces and file: streams end there",
	"ulimit -f unlimited"},
};

void check_limits(struct findings *f, const struct host *h)
{
	char text[4096];
	unsigned bad = 0;
	uint64_t value;

	if (!host_text(h, "/proc/self/limits", text, sizeof(text)))
		return;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!read_limit(text, rows[i].name, &value) || value >= rows[i].least)
			continue;
		bad++;
		found(f, LEVEL_WARNING, rows[i].id, "the limit of %s is %llu", rows[i].name + 4,
		    (unsigned long long)value);
		because(f, "%s", rows[i].why);
		mend(f, "%s", rows[i].mend);
	}
	if (bad == 0)
		found(f, LEVEL_OK, "limits",
		    "open files, processes, address space, file size: enough");
}
