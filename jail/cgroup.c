/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Interface: the kernel's Documentation/admin-guide/cgroup-v2.rst. A cgroup hands controllers to
 * its children by cgroup.subtree_control, and may not do so while processes are in itself. Where
 * the launcher is alone in its cgroup, as in a systemd unit with Delegate=yes, it therefore
 * moves into a child first; else the operator has to name a cgroup.
 */
#include "jail/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "jail/say.h"

#define REMOVE_TRIES 100 /* of 5 ms */

struct place {
	const char *mount;
	char name[PATH_MAX]; /* relative to the mount; "" for its root */
	int root_fd;
	bool own;
};

/* ------------------------------------------------------------------------ files */

static int open_beneath(int dir, const char *name, int flags)
{
	struct open_how how = {
	    .flags = (unsigned)flags | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

static int read_file(int dir, const char *name, char *text, size_t size)
{
	int fd = open_beneath(dir, name, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
	int err = n < 0 ? -errno : 0;

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return err;
}

static int write_file(int dir, const char *name, const char *text)
{
	int fd = open_beneath(dir, name, O_WRONLY);
	int err = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text != '\0'; text += strcspn(text, " \n"), text += strspn(text, " \n"))
		if (strcspn(text, " \n") == n && strncmp(text, word, n) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------------ parent */

static int find_mount(const char *why, struct place *p)
{
	static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs fs;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		p->mount = mounts[i];
		p->root_fd = open(mounts[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (p->root_fd >= 0 && fstatfs(p->root_fd, &fs) == 0 &&
		    fs.f_type == CGROUP2_SUPER_MAGIC)
			return 0;
		if (p->root_fd >= 0)
			close(p->root_fd);
	}
	return complain(JAIL_HOST, "%s: there is no cgroup v2 file system at %s or %s", why,
	    mounts[0], mounts[1]);
}

/* The line "0::/path" of /proc/self/cgroup. */
static int find_own(const char *why, struct place *p)
{
	char text[8192] = "\n";
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text + 1, sizeof(text) - 2) : -1;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? 1 + n : 1] = '\0';
	const char *line = strstr(text, "\n0::/");
	if (!line || strcspn(line + 5, "\n") >= sizeof(p->name))
		return complain(
		    JAIL_HOST, "%s: /proc/self/cgroup names no cgroup v2; give --cgroup", why);
	snprintf(p->name, sizeof(p->name), "%.*s", (int)strcspn(line + 5, "\n"), line + 5);
	p->own = true;
	return 0;
}

static int open_parent(struct cgroup *c, const char *why, const struct options *o)
{
	struct place p = {.own = false};
	int code = find_mount(why, &p);

	if (code != 0)
		return code;
	if (o->cgroup)
		snprintf(p.name, sizeof(p.name), "%s", o->cgroup + strspn(o->cgroup, "/"));
	else
		code = find_own(why, &p);
	snprintf(c->path, sizeof(c->path), "%s%s%s", p.mount, p.name[0] != '\0' ? "/" : "", p.name);
	if (code == 0) {
		c->parent_fd = open_beneath(
		    p.root_fd, p.name[0] != '\0' ? p.name : ".", O_RDONLY | O_DIRECTORY);
		if (c->parent_fd < 0)
			code = complain(
			    complain_code(JAIL_HOST), "%s: %s: %s", why, c->path, strerror(errno));
	}
	close(p.root_fd);
	return code;
}

/* ------------------------------------------------------------------- controllers */

/* Leaves the parent to controllers. The folder stays: a process cannot remove its own
 * cgroup, and systemd removes the unit's. */
static int move_aside(const struct cgroup *c)
{
	char name[48], file[80];

	snprintf(name, sizeof(name), "%s-launcher", c->name);
	snprintf(file, sizeof(file), "%s/cgroup.procs", name);
	if (mkdirat(c->parent_fd, name, 0755) != 0)
		return -errno;
	int err = write_file(c->parent_fd, file, "0");
	if (!err)
		return 0;
	unlinkat(c->parent_fd, name, AT_REMOVEDIR);
	return err;
}

static void move_back(const struct cgroup *c)
{
	char name[48];

	snprintf(name, sizeof(name), "%s-launcher", c->name);
	if (write_file(c->parent_fd, "cgroup.procs", "0") == 0)
		unlinkat(c->parent_fd, name, AT_REMOVEDIR);
}

static int enable(const struct cgroup *c, const char *why, const char *controller, bool own)
{
	char text[4096], word[16];

	int err = read_file(c->parent_fd, "cgroup.controllers", text, sizeof(text));
	if (err || !has_word(text, controller))
		return complain(JAIL_HOST,
		    "%s: %s/cgroup.controllers does not list %s: it is not in cgroup v2 here, or "
		    "the cgroup above does not hand it down",
		    why, c->path, controller);
	if (read_file(c->parent_fd, "cgroup.subtree_control", text, sizeof(text)) == 0 &&
	    has_word(text, controller))
		return 0;
	snprintf(word, sizeof(word), "+%s", controller);
	err = write_file(c->parent_fd, "cgroup.subtree_control", word);
	if (err == -EBUSY && own && move_aside(c) == 0) {
		err = write_file(c->parent_fd, "cgroup.subtree_control", word);
		if (err)
			move_back(c);
	}
	if (err)
		return complain(JAIL_HOST, "%s: %s/cgroup.subtree_control: cannot write %s: %s%s",
		    why, c->path, word, strerror(-err),
		    err == -EBUSY ? "; processes are in it: give --cgroup, or start with "
				    "systemd-run --scope -p Delegate=yes"
				  : "");
	return 0;
}

/* ------------------------------------------------------------------------ limits */

static int write_limit(
    const struct cgroup *c, const char *why, const char *file, const char *format, uint64_t value)
{
	char text[64];

	snprintf(text, sizeof(text), "%" PRIu64 "%s", value, format);
	int err = write_file(c->fd, file, text);
	if (err)
		return complain(JAIL_HOST, "%s: %s/%s/%s: cannot write %s: %s", why, c->path,
		    c->name, file, text, strerror(-err));
	return 0;
}

static int write_limits(const struct cgroup *c, const struct options *o)
{
	int code = 0;

	if (o->has_memory_max)
		code = write_limit(c, "--memory-max", "memory.max", "", o->memory_max);
	/* A VM that lost one process to the OOM killer is of no use. */
	if (code == 0 && o->has_memory_max)
		code = write_limit(c, "--memory-max", "memory.oom.group", "", 1);
	if (code == 0 && o->has_cpu_max)
		code = write_limit(c, "--cpu-max", "cpu.max", " 100000", o->cpu_max * 1000);
	if (code == 0 && o->has_pids_max)
		code = write_limit(c, "--pids-max", "pids.max", "", o->pids_max);
	return code;
}

static int make_child(struct cgroup *c, const char *why)
{
	/* One of this name is of a launcher with our number that was killed. */
	if (mkdirat(c->parent_fd, c->name, 0755) != 0 &&
	    (errno != EEXIST || unlinkat(c->parent_fd, c->name, AT_REMOVEDIR) != 0 ||
		mkdirat(c->parent_fd, c->name, 0755) != 0))
		return complain(JAIL_HOST, "%s: %s/%s: cannot be made: %s", why, c->path, c->name,
		    strerror(errno));
	c->fd = open_beneath(c->parent_fd, c->name, O_RDONLY | O_DIRECTORY);
	if (c->fd < 0)
		return complain(complain_code(JAIL_HOST), "%s: %s/%s: %s", why, c->path, c->name,
		    strerror(errno));
	return 0;
}

int cgroup_make(struct cgroup *c, const struct options *o)
{
	const struct {
		bool wanted;
		const char *why, *controller;
	} needs[] = {
	    {o->has_memory_max, "--memory-max", "memory"},
	    {o->has_cpu_max, "--cpu-max", "cpu"},
	    {o->has_pids_max, "--pids-max", "pids"},
	};
	const char *why = o->cgroup ? "--cgroup" : NULL;

	*c = (struct cgroup){.parent_fd = -1, .fd = -1};
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (!why && needs[i].wanted)
			why = needs[i].why;
	if (!why)
		return 0;
	snprintf(c->name, sizeof(c->name), "volt-jail-%d", (int)getpid());
	int code = open_parent(c, why, o);
	for (size_t i = 0; code == 0 && i < sizeof(needs) / sizeof(needs[0]); i++)
		if (needs[i].wanted)
			code = enable(c, needs[i].why, needs[i].controller, o->cgroup == NULL);
	if (code == 0)
		code = make_child(c, why);
	if (code == 0)
		code = write_limits(c, o);
	if (code != 0)
		cgroup_remove(c);
	return code;
}

void cgroup_remove(struct cgroup *c)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	if (c->fd >= 0) {
		close(c->fd);
		/* The last process may still be on its way out. */
		for (int i = 0; unlinkat(c->parent_fd, c->name, AT_REMOVEDIR) != 0; i++) {
			if (errno != EBUSY || i == REMOVE_TRIES) {
				complain(JAIL_HOST, "%s/%s: cannot be removed: %s", c->path,
				    c->name, strerror(errno));
				break;
			}
			nanosleep(&pause, NULL);
		}
	}
	if (c->parent_fd >= 0)
		close(c->parent_fd);
	c->fd = c->parent_fd = -1;
}
