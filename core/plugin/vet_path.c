/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Where a plugin comes from. A file is trusted if nobody but root and the user who
 * runs volt can have written it: they own it and every directory on the way to it,
 * and group and others may write to none of these. A sticky directory (/tmp) may be
 * open to all, as nobody else can rename or replace there what is ours or root's.
 *
 * The path is walked from / one name at a time, each looked up in the directory that
 * was checked just before, and no name may be a symbolic link: what was checked is
 * what is opened.
 */
#include "core/plugin/vet_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/log.h"

#define FILE_MAX (64u << 20)

#define OVERFLOW_UID 65534u
#define EVERY_ID     UINT32_MAX /* uid_map counts all but the invalid -1 */

/* Whether our user namespace maps every user; a map that cannot be read maps nobody. */
static bool maps_everybody(void)
{
	FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned long sum = 0;
	char line[128];

	/* user_namespaces(7): the first id inside, the first outside, how many. */
	while (f && fgets(line, sizeof(line), f)) {
		char *at = line;

		strtoul(at, &at, 10);
		strtoul(at, &at, 10);
		sum += strtoul(at, &at, 10);
	}
	if (f)
		fclose(f);
	return sum == EVERY_ID;
}

static unsigned overflow_uid(void)
{
	FILE *f = fopen("/proc/sys/kernel/overflowuid", "re");
	char line[32];
	const bool known = f && fgets(line, sizeof(line), f);

	if (f)
		fclose(f);
	return known ? (unsigned)strtoul(line, NULL, 10) : OVERFLOW_UID;
}

/* Each user who is not mapped shows as this one: also as ourselves, if we are not mapped. */
static bool may_be_anybody(uid_t uid)
{
	return uid == overflow_uid() && !maps_everybody();
}

static int check_owner(const char *path, const char *what, const struct stat *st)
{
	if (st->st_uid == 0)
		return 0;
	if (may_be_anybody(st->st_uid))
		return log_error(EPERM,
		    "plugin %s: cannot tell the owner of %s: it shows as user %u, as all do whom "
		    "this user namespace does not map",
		    path, what, st->st_uid);
	if (st->st_uid != geteuid())
		return log_error(EPERM,
		    "plugin %s: %s belongs to user %u, who is neither root nor you", path, what,
		    st->st_uid);
	return 0;
}

static int check_directory(const char *path, const char *name, int fd)
{
	char what[NAME_MAX + 16];
	struct stat st;
	int err;

	if (fstat(fd, &st) != 0)
		return log_error(errno, "plugin %s: %s: %s", path, name, strerror(errno));
	snprintf(what, sizeof(what), "its folder \"%s\"", name);
	err = check_owner(path, what, &st);
	if (err)
		return err;
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
		return log_error(EPERM,
		    "plugin %s: %s can be written to by others (mode %04o): chmod go-w it", path,
		    what, st.st_mode & 07777u);
	return 0;
}

/* Says what stands at `name`, for which `err` is what opening it as a directory gave. */
static int refuse_step(const char *path, int dir, const char *name, int err)
{
	char real[PATH_MAX];
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return log_error(ELOOP,
		    "plugin %s: \"%s\" is a symbolic link: name the file itself, %s", path, name,
		    realpath(path, real) ? real : "which does not exist");
	return log_error(err, "plugin %s: cannot open \"%s\": %s", path, name, strerror(err));
}

/* From directory `*dir` into `name`; *dir becomes its fd. */
static int step_into(const char *path, int *dir, const char *name)
{
	int fd = openat(*dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int err = fd < 0 ? refuse_step(path, *dir, name, errno) : check_directory(path, name, fd);

	if (err) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	close(*dir);
	*dir = fd;
	return 0;
}

/* Where a relative path starts; the kernel gives it without links. */
static int make_absolute(const char *path, char *out, size_t size)
{
	char cwd[PATH_MAX] = "";
	int len;

	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return log_error(
		    errno, "plugin %s: there is no current directory: %s", path, strerror(errno));
	len = snprintf(out, size, "%s/%s", cwd, path);
	if (len < 0 || (size_t)len >= size)
		return log_error(ENAMETOOLONG, "plugin %.64s...: the path is too long", path);
	return 0;
}

/* Opens the directory that holds the file, whose name *last becomes. `copy` is cut up.
 * ".." needs no care: with no link on the way it leads back to what was checked. */
static int walk_from(const char *path, int *dir, char *rest, const char **last)
{
	int err = check_directory(path, "/", *dir);

	if (err)
		return err;
	for (const char *name; (name = strsep(&rest, "/"));) {
		if (name[0] == '\0' || strcmp(name, ".") == 0)
			continue;
		if (*last)
			err = step_into(path, dir, *last);
		if (err)
			return err;
		*last = name;
	}
	return *last ? 0 : log_error(EISDIR, "plugin %s: it is a directory", path);
}

static int walk(const char *path, char *copy, const char **last)
{
	int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return log_host_error(
		    errno, "plugin %s: cannot open the folder /: %s", path, strerror(errno));
	*last = NULL;
	const int err = walk_from(path, &dir, copy, last);
	if (err) {
		close(dir);
		return err;
	}
	return dir;
}

/* -------------------------------------------------------------------- file */

static int check_file(const char *path, const struct stat *st)
{
	int err;

	if (!S_ISREG(st->st_mode))
		return log_error(
		    S_ISDIR(st->st_mode) ? EISDIR : EINVAL, "plugin %s: it is not a file", path);
	err = check_owner(path, "it", st);
	if (err)
		return err;
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return log_error(EPERM,
		    "plugin %s: it can be written to by others (mode %04o): chmod go-w it", path,
		    st->st_mode & 07777u);
	if (st->st_mode & (S_ISUID | S_ISGID))
		return log_error(EPERM, "plugin %s: it is set-user-ID or set-group-ID (mode %04o)",
		    path, st->st_mode & 07777u);
	if (st->st_size > (off_t)FILE_MAX)
		return log_error(EFBIG, "plugin %s: it has %lld bytes; %u is the most", path,
		    (long long)st->st_size, FILE_MAX);
	return 0;
}

/* A mount that is noexec says that its files are no code; a copy would go round it. */
static int check_mount(const char *path, int fd)
{
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs) != 0)
		return log_host_error(errno, "plugin %s: cannot ask for the flags of its mount: %s",
		    path, strerror(errno));
	if (vfs.f_flag & ST_NOEXEC)
		return log_error(EPERM, "plugin %s: its file system is mounted noexec", path);
	return 0;
}

static int check_opened(const char *path, int fd, struct stat *st)
{
	if (fstat(fd, st) != 0)
		return log_error(errno, "plugin %s", path);
	const int err = check_file(path, st);
	return err ? err : check_mount(path, fd);
}

/* Looked at before it is opened, as opening a device or FIFO may act or block, and
 * again after. */
static int open_in(const char *path, int dir, const char *name, struct stat *st)
{
	int fd, err;

	if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) != 0)
		return log_error(errno, "plugin %s: %s", path, strerror(errno));
	if (S_ISLNK(st->st_mode))
		return refuse_step(path, dir, name, ELOOP);
	err = check_file(path, st);
	if (err)
		return err;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return log_error(errno, "plugin %s: %s", path, strerror(errno));
	err = check_opened(path, fd, st);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* Most plugins lie beside each other: the folder that was opened last. */
static struct {
	char path[PATH_MAX];
	int fd;
} folder = {.fd = -1};

static bool is_plain_name(const char *name)
{
	return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void keep_folder(const char *absolute, int dir)
{
	const char *slash = strrchr(absolute, '/');

	vet_close_folder();
	if (!is_plain_name(slash + 1))
		return;
	folder.fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	snprintf(folder.path, sizeof(folder.path), "%.*s", (int)(slash - absolute), absolute);
}

/* The name of a file in the plugin folder; NULL if the path leads to another folder. */
static const char *name_in_folder(const char *absolute)
{
	const size_t n = strlen(folder.path);

	if (folder.fd < 0 || strncmp(absolute, folder.path, n) != 0 || absolute[n] != '/')
		return NULL;
	const char *name = absolute + n + 1;

	return !strchr(name, '/') && is_plain_name(name) ? name : NULL;
}

void vet_close_folder(void)
{
	if (folder.fd >= 0)
		close(folder.fd);
	folder.fd = -1;
}

int vet_open_file(const char *path, struct stat *st)
{
	char absolute[PATH_MAX], copy[PATH_MAX];
	int err = make_absolute(path, absolute, sizeof(absolute));

	if (err)
		return err;
	const char *name = name_in_folder(absolute);

	if (name)
		return open_in(path, folder.fd, name, st);
	memcpy(copy, absolute, sizeof(copy));
	int dir = walk(path, copy, &name);

	if (dir < 0 || !name)
		return dir;
	int fd = open_in(path, dir, name, st);

	if (fd >= 0)
		keep_folder(absolute, dir);
	close(dir);
	return fd;
}
