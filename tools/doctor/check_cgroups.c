/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Sources: Documentation/admin-guide/cgroup-v2.rst, cgroups(7). */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/doctor/checks.h"

/* Where cgroup v2 is mounted: the second word of its line in /proc/self/mounts. */
static bool find_mount(const struct host *h, char *to, size_t size)
{
	static char text[65536];
	char *save, *line;

	if (!host_text(h, "/proc/self/mounts", text, sizeof(text)))
		return false;
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		const char *where = strchr(line, ' ');
		const char *type = where != NULL ? strchr(where + 1, ' ') : NULL;

		if (type == NULL || strncmp(type + 1, "cgroup2 ", 8) != 0)
			continue;
		snprintf(to, size, "%.*s", (int)(type - where - 1), where + 1);
		return true;
	}
	return false;
}

/* The caller's own cgroup: the line "0::/path". */
static bool find_own(const struct host *h, char *to, size_t size)
{
	char text[8192];

	if (!host_text(h, "/proc/self/cgroup", text, sizeof(text)))
		return false;
	const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (line == NULL)
		return false;
	line = strchr(line, '/');
	if (line == NULL)
		return false;
	snprintf(to, size, "%.*s", (int)strcspn(line, "\n"), line);
	return true;
}

/* The lowest limit between the own cgroup and the root, which has none. */
static uint64_t lowest(
    const struct host *h, const char *mount, const char *own, const char *file, char *where)
{
	char path[PATH_MAX], dir[PATH_MAX / 2], text[64];
	uint64_t least = UINT64_MAX;

	snprintf(dir, sizeof(dir), "%s", own);
	for (char *end; dir[0] == '/' && dir[1] != '\0'; *end = '\0') {
		snprintf(path, sizeof(path), "%s%s/%s", mount, dir, file);
		if (host_line(h, path, text, sizeof(text)) && text[0] >= '0' && text[0] <= '9') {
			uint64_t n = strtoull(text, NULL, 10);

			/* cpu.max is "QUOTA PERIOD"; kept as percent of a CPU. */
			const char *period = strchr(text, ' ');
			uint64_t every = period != NULL ? strtoull(period, NULL, 10) : 0;
			n = every > 0 ? n * 100 / every : n;
			if (n < least)
				snprintf(where, PATH_MAX, "%s", path);
			least = n < least ? n : least;
		}
		end = strrchr(dir, '/');
	}
	return least;
}

static void check_one(
    struct findings *f, const struct host *h, const char *mount, const char *own, unsigned which)
{
	static const struct {
		const char *file, *id, *unit, *why;
		uint64_t least, divide;
	} rows[] = {
	    {"memory.max", "cgroup-memory", "MiB",
		"RAM of the guest and about 10 MiB more are charged to it; beyond it the kernel "
		"kills volt",
		160u << 20, 1u << 20},
	    {"cpu.max", "cgroup-cpu", "% of a CPU",
		"virtual CPUs are stopped for the rest of each period, which guests see as lost "
		"time",
		100, 1},
	    {"pids.max", "cgroup-pids", "tasks", "a VM has a task for each vCPU and about six more",
		16, 1},
	};
	char where[PATH_MAX] = "";
	uint64_t n = lowest(h, mount, own, rows[which].file, where);

	if (n >= rows[which].least)
		return;
	found(f, LEVEL_WARNING, rows[which].id, "%s is %llu %s", where,
	    (unsigned long long)(n / rows[which].divide), rows[which].unit);
	because(f, "%s", rows[which].why);
	mend(f, "echo max > %s", where);
}

static void check_controllers(struct findings *f, const struct host *h, const char *mount)
{
	static const char *const names[] = {"cpu", "memory", "pids"};
	char path[PATH_MAX], text[256], list[64] = "";

	snprintf(path, sizeof(path), "%s/cgroup.controllers", mount);
	if (!host_line(h, path, text, sizeof(text)))
		return;
	for (unsigned i = 0; i < 3; i++) {
		size_t n = strlen(list);

		if (!host_word(text, names[i]))
			snprintf(list + n, sizeof(list) - n, "%s%s", n > 0 ? ", " : "", names[i]);
	}
	if (list[0] == '\0') {
		found(f, LEVEL_OK, "cgroups", "cgroup v2 at %s with cpu, memory and pids", mount);
		return;
	}
	found(
	    f, LEVEL_WARNING, "cgroups", "cgroup v2 at %s lacks the controllers: %s", mount, list);
	because(f, "they belong to cgroup v1; the limits of volt-jail are those of v2");
	mend(f, "boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all");
}

void check_cgroups(struct findings *f, const struct host *h)
{
	char mount[PATH_MAX / 4], own[PATH_MAX / 4];

	if (!find_mount(h, mount, sizeof(mount))) {
		found(f, LEVEL_WARNING, "cgroups", "cgroup v2 is not mounted");
		because(f, "volt-jail cannot set limits; volt itself needs none");
		mend(f, "mount -t cgroup2 none /sys/fs/cgroup");
		return;
	}
	check_controllers(f, h, mount);
	if (!find_own(h, own, sizeof(own)))
		return;
	for (unsigned i = 0; i < 3; i++)
		check_one(f, h, mount, own, i);
}
