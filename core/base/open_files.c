/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/open_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdk/common/compat.h"
#include "sdk/common/params.h"

#define TRY_MAX 1024 /* those above are listed */

static const char folder_path[] = "/proc/self/fd";

/* Those from `from` on. */
static int list(int from, bool (*see)(void *arg, int fd), void *arg)
{
	DIR *d = opendir(folder_path);
	const struct dirent *e;

	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		uint64_t fd; /* "." and ".." are none */

		if (parse_uint(e->d_name, &fd) == 0 && fd != (uint64_t)dirfd(d) &&
		    fd >= (uint64_t)from)
			see(arg, (int)fd);
	}
	closedir(d);
	return 0;
}

int open_files_each(bool (*see)(void *arg, int fd), void *arg)
{
	struct stat st;
	off_t left = stat(folder_path, &st) == 0 ? st.st_size : 0;
	int fd = 0;

	if (left == 0)
		return list(0, see, arg);
	for (; left > 0 && fd < TRY_MAX; fd++)
		left -= see(arg, fd);
	return left > 0 ? list(fd, see, arg) : 0;
}

static bool count_one(void *arg, int fd)
{
	++*(uint64_t *)arg;
	return true;
}

int open_files_count(int folder, uint64_t *count)
{
	struct stat st;

	*count = 0;
	if ((folder < 0 || fstat(folder, &st) != 0) && stat(folder_path, &st) != 0)
		return -errno;
	if (st.st_size == 0)
		return list(0, count_one, count);
	*count = (uint64_t)st.st_size;
	return 0;
}

static bool note_open(void *arg, int fd)
{
	uint32_t *highest = arg;

	if (fcntl(fd, F_GETFD) < 0)
		return false;
	if ((uint32_t)fd > *highest)
		*highest = (uint32_t)fd;
	return true;
}

uint32_t open_files_highest(void)
{
	uint32_t highest = 2;

	/* Where it cannot be read, seal.c has failed before at /proc/self/task. */
	open_files_each(note_open, &highest);
	return highest;
}

struct span {
	uint32_t first, last;
};

static bool close_within(void *arg, int fd)
{
	const struct span *span = arg;

	if (fcntl(fd, F_GETFD) < 0)
		return false;
	if ((uint32_t)fd >= span->first && (uint32_t)fd <= span->last)
		close(fd);
	return true;
}

int open_files_close(uint32_t first, uint32_t last)
{
	struct span span = {first, last};

	if (close_range(first, last, 0) == 0)
		return 0;
	return open_files_each(close_within, &span);
}

const char *open_files_hint(int err)
{
	return err == EACCES && geteuid() == 0
		   ? " (root has no capabilities here: only what root owns can be opened)"
		   : "";
}

int open_files_move(int fd, int want)
{
	if (fd == want)
		return 0;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, want);
	int err = moved == want ? 0 : moved < 0 ? -errno : -EMFILE;

	close(fd);
	return err;
}
