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
 * what is opened. What is read then goes into a memfd that nothing can change any
 * more, and only those bytes are looked at and loaded.
 */
#include "core/plugin/vet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/plugin/vet_elf.h"

#define FILE_MAX (64u << 20)

/* Linux 6.3; not in the headers of Debian 12. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

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
	if (err == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
		err = log_error(EPERM,
		    "plugin %s: %s can be written to by others (mode %04o): chmod go-w it", path,
		    what, st.st_mode & 07777u);
	return err;
}

/* Says what stands at `name`, for which `err` is what opening it as a directory gave. */
static int refuse_step(const char *path, int dir, const char *name, int err)
{
	char real[PATH_MAX];
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return log_error(ELOOP,
		    "plugin %s: \"%s\" is a symbolic link: name the file itself, %s", path, name,
		    realpath(path, real) != NULL ? real : "which does not exist");
	return log_error(err, "plugin %s: cannot open \"%s\": %s", path, name, strerror(err));
}

/* From directory `*dir` into `name`; *dir becomes its fd. */
static int step_into(const char *path, int *dir, const char *name)
{
	int fd = openat(*dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int err = fd < 0 ? refuse_step(path, *dir, name, errno) : check_directory(path, name, fd);

	if (err != 0) {
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

	if (path[0] != '/' && getcwd(cwd, sizeof(cwd)) == NULL)
		return log_error(
		    errno, "plugin %s: there is no current directory: %s", path, strerror(errno));
	len = snprintf(out, size, "%s/%s", cwd, path);
	if (len < 0 || (size_t)len >= size)
		return log_error(ENAMETOOLONG, "plugin %.64s...: the path is too long", path);
	return 0;
}

/* Opens the directory that holds the file, whose name *last becomes. `copy` is cut up.
 * ".." needs no care: with no link on the way it leads back to what was checked. */
static int walk(const char *path, char *copy, const char **last)
{
	int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *rest = copy, *name;
	int err;

	if (dir < 0)
		return log_host_error(
		    errno, "plugin %s: cannot open the folder /: %s", path, strerror(errno));
	err = check_directory(path, "/", dir);
	*last = NULL;
	while (err == 0 && (name = strsep(&rest, "/")) != NULL) {
		if (name[0] == '\0' || strcmp(name, ".") == 0)
			continue;
		if (*last != NULL)
			err = step_into(path, &dir, *last);
		*last = name;
	}
	if (err == 0 && *last != NULL)
		return dir;
	close(dir);
	if (err == 0)
		log_error(EISDIR, "plugin %s: it is a directory", path);
	return err != 0 ? err : -EISDIR;
}

/* -------------------------------------------------------------------- file */

static int check_file(const char *path, const struct stat *st)
{
	int err;

	if (!S_ISREG(st->st_mode))
		return log_error(
		    S_ISDIR(st->st_mode) ? EISDIR : EINVAL, "plugin %s: it is not a file", path);
	err = check_owner(path, "it", st);
	if (err != 0)
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
	if (err != 0)
		return err;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return log_error(errno, "plugin %s: %s", path, strerror(errno));
	err = fstat(fd, st) == 0 ? check_file(path, st) : log_error(errno, "plugin %s", path);
	if (err == 0)
		err = check_mount(path, fd);
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

static int open_checked(const char *path, struct stat *st)
{
	char copy[PATH_MAX];
	const char *name = NULL;
	int dir, fd, err;

	err = make_absolute(path, copy, sizeof(copy));
	if (err != 0)
		return err;
	dir = walk(path, copy, &name);
	if (dir < 0 || name == NULL)
		return dir;
	fd = open_in(path, dir, name, st);
	close(dir);
	return fd;
}

/* -------------------------------------------------------------------- copy */

/* A host may make memfds non-executable unless asked; an old kernel knows no asking. */
static int create_memfd(void)
{
	int fd = memfd_create("volt-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("volt-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static int read_bytes(const char *path, int fd, uint8_t *image, uint64_t size)
{
	for (uint64_t at = 0; at < size;) {
		ssize_t n = read(fd, image + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return log_error(
			    errno, "plugin %s: cannot read it: %s", path, strerror(errno));
		if (n == 0)
			return log_error(EIO, "plugin %s: it got shorter while being read", path);
		at += (uint64_t)n;
	}
	return 0;
}

static int write_bytes(int fd, const uint8_t *image, uint64_t size)
{
	for (uint64_t at = 0; at < size;) {
		ssize_t n = write(fd, image + at, size - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

/* Words for what is likely behind an error of a memory file. */
static const char *memfd_hint(int err)
{
	if (err == EACCES)
		return "; vm.memfd_noexec=2 forbids it: set it to 1 or 0";
	if (err == EPERM || err == ENOSYS)
		return "; a container's filter may forbid it: allow memfd_create and fcntl";
	if (err == EFBIG)
		return "; raise the limit of file sizes (ulimit -f)";
	return "";
}

static int keep_sealed(const char *path, const uint8_t *image, uint64_t size)
{
	const char *verb = "make";
	int fd = create_memfd(), err = fd < 0 ? -errno : 0;

	if (err == 0) {
		verb = "write";
		err = write_bytes(fd, image, size);
	}
	if (err == 0) {
		verb = "seal";
		err = fcntl(fd, F_ADD_SEALS, SEALS) != 0 ? -errno : 0;
	}
	if (err == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return log_host_error(-err,
	    "plugin %s: cannot %s a memory file (memfd_create) for it: %s%s", path, verb,
	    strerror(-err), memfd_hint(-err));
}

/* The bytes are looked at where nobody else can reach them, and those are what is kept: less
 * work than to map the copy, and twice as fast as sendfile() for files of this size. */
static int check_and_keep(const char *path, int fd, uint64_t size, struct vet_result *out)
{
	uint8_t *image = malloc(size + 1);
	char why[200] = "";
	int err = image == NULL ? log_error(ENOMEM, "plugin %s: no memory for it", path)
				: read_bytes(path, fd, image, size);

	if (err == 0) {
		err = vet_image(image, size, out, why, sizeof(why));
		if (err != 0)
			log_error(-err, "plugin %s: %s", path, why);
	}
	if (err == 0)
		out->image_fd = err = keep_sealed(path, image, size);
	free(image);
	return err < 0 ? err : 0;
}

int vet_open(const char *path, struct vet_result *out)
{
	struct stat st = {0};
	int fd, err;

	*out = (struct vet_result){.image_fd = -1};
	fd = open_checked(path, &st);
	if (fd < 0)
		return fd;
	err = st.st_size > 0 ? check_and_keep(path, fd, (uint64_t)st.st_size, out)
			     : log_error(EINVAL, "plugin %s: it is empty", path);
	close(fd);
	return err;
}

int vet_image(
    const uint8_t *image, uint64_t size, struct vet_result *out, char *why, unsigned why_size)
{
	struct vet_image v = {
	    .bytes = image, .size = size, .result = out, .why = why, .why_size = why_size};
	int err;

	*out = (struct vet_result){.image_fd = -1};
	err = vet_headers(&v);
	if (err == 0)
		err = vet_note(&v);
	if (err == 0)
		err = vet_dynamic(&v);
	if (err == 0)
		err = vet_symbols(&v);
	if (err == 0)
		err = vet_relocs(&v);
	return err;
}
