/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Sources: Documentation/admin-guide/cgroup-v2.rst, cgroups(7), cgroup_namespaces(7), proc(5). */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/doctor/checks.h"

/* A mount of cgroup v2, and the caller's own cgroup as a path below it. */
struct place {
	char mount[PATH_MAX / 4];
	char own[PATH_MAX / 4]; /* "" is the mount's root; begins with / else */
	bool covers;            /* the mount has the own cgroup in it */
};

/* The caller's own cgroup: the line "0::/path". Within its namespace "/" is that of a container. */
static bool find_own(const struct host *h, char *to, size_t size)
{
	char text[8192];

	if (!host_text(h, "/proc/self/cgroup", text, sizeof(text)))
		return false;
	const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return false;
	line = strchr(line, '/');
	if (!line)
		return false;
	snprintf(to, size, "%.*s", (int)strcspn(line, "\n"), line);
	return true;
}

/* True if `text` is a way upwards and nothing else: a mount from before the namespace. */
static bool is_above(const char *text)
{
	while (strncmp(text, "/..", 3) == 0)
		text += 3;
	return text[0] == '\0';
}

/* What of the mount is seen, `root`, need not be all: a container without a namespace of its own
 * often has just its part of the tree, while its cgroup is told from the real root. */
static void locate(struct place *p, const char *root, const char *own)
{
	size_t n = strlen(root);

	n -= n > 0 && root[n - 1] == '/';
	own += own[0] == '/' && own[1] == '\0';
	p->covers = strncmp(own, root, n) == 0 && (own[n] == '/' || own[n] == '\0');
	snprintf(p->own, sizeof(p->own), "%s", p->covers ? own + n : "");
	if (strncmp(p->own, "/..", 3) == 0) { /* outside of the namespace, nobody tells where */
		p->covers = false;
		p->own[0] = '\0';
	}
	if (is_above(root))
		p->covers = true; /* how far down from it the own one is, nobody tells */
}

/* The mount that has the own cgroup in it, or else any. Lines of mountinfo: ID PARENT DEVICE ROOT
 * MOUNT-POINT OPTIONS [TAG...] - TYPE ... */
static bool find_place(const struct host *h, struct place *found)
{
	static char text[262144];
	char *save, *line, own[PATH_MAX / 4], root[PATH_MAX / 4];
	struct place p;
	bool any = false, told = find_own(h, own, sizeof(own));

	if (!host_text(h, "/proc/self/mountinfo", text, sizeof(text)))
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*s %*s %*s %1023s %1023s", root, p.mount) != 2)
			continue;
		locate(&p, root, told ? own : "?");
		if (!any || (p.covers && !found->covers))
			*found = p;
		any = true;
	}
	return any;
}

/* The lowest limit from the own cgroup up to the mount's root, whose files are there if it is
 * not the real root but a container's. */
static uint64_t lowest(
    const struct host *h, const struct place *p, const char *file, char *where, bool *at_root)
{
	char path[PATH_MAX], dir[PATH_MAX / 4], text[64];
	uint64_t least = UINT64_MAX;
	bool last = false;

	snprintf(dir, sizeof(dir), "%s", p->own);
	while (!last) {
		last = dir[0] == '\0';
		snprintf(path, sizeof(path), "%s%s/%s", p->mount, dir, file);
		if (host_line(h, path, text, sizeof(text)) && text[0] >= '0' && text[0] <= '9') {
			uint64_t n = strtoull(text, NULL, 10);

			/* cpu.max is "QUOTA PERIOD"; kept as percent of a CPU. */
			const char *period = strchr(text, ' ');
			uint64_t every = period ? strtoull(period, NULL, 10) : 0;
			n = every > 0 ? n * 100 / every : n;
			if (n < least) {
				snprintf(where, PATH_MAX, "%s", path);
				*at_root = last;
			}
			least = n < least ? n : least;
		}
		if (!last)
			*strrchr(dir, '/') = '\0';
	}
	return least;
}

static void check_one(
    struct findings *f, const struct host *h, const struct place *p, unsigned which)
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
	bool at_root = false;
	uint64_t n = lowest(h, p, rows[which].file, where, &at_root);

	if (n >= rows[which].least)
		return;
	found(f, LEVEL_WARNING, rows[which].id, "%s is %llu %s", where,
	    (unsigned long long)(n / rows[which].divide), rows[which].unit);
	because(f, "%s", rows[which].why);
	if (at_root)
		mend(f, "raise the container's limit where it was started");
	else
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
	/* The real root has no type. */
	snprintf(path, sizeof(path), "%s/cgroup.type", mount);
	if (host_has(h, path)) {
		because(
		    f, "the container's cgroup does not have them; volt-jail sets limits by them");
		mend(f, "enable them in cgroup.subtree_control where the container was started");
		return;
	}
	because(f, "they belong to cgroup v1; the limits of volt-jail are those of v2");
	mend(f, "boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all");
}

void check_cgroups(struct findings *f, const struct host *h)
{
	struct place p;

	if (!find_place(h, &p)) {
		found(f, LEVEL_WARNING, "cgroups", "cgroup v2 is not mounted");
		because(f, "volt-jail cannot set limits; volt itself does not use it");
		mend(f, "mount -t cgroup2 none /sys/fs/cgroup");
		return;
	}
	check_controllers(f, h, p.mount);
	for (unsigned i = 0; p.covers && i < 3; i++)
		check_one(f, h, &p, i);
}
