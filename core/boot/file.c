/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/file.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

/* Below what one read(2) can do, and a signal is answered within a few ms. */
#define CHUNK (16ull << 20)

int file_init(struct boot_file *file, int fd, const char *name)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return log_error(errno, "%s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return log_error(EINVAL, "%s: not a regular file", name);
	if (st.st_size <= 0)
		return log_error(EINVAL, "%s: the file is empty", name);
	*file = (struct boot_file){.fd = fd, .name = name, .size = (uint64_t)st.st_size};
	return 0;
}

/* 0, or -errno; *done tells how far it came. -ENODATA: the file ended. */
static int read_all(
    const struct boot_file *file, uint64_t off, uint8_t *to, uint64_t len, uint64_t *done)
{
	for (*done = 0; *done < len;) {
		uint64_t want = len - *done < CHUNK ? len - *done : CHUNK;
		ssize_t n = pread(file->fd, to + *done, (size_t)want, (off_t)(off + *done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		*done += (uint64_t)n;
	}
	return 0;
}

int file_read(const struct boot_file *file, uint64_t off, void *to, uint64_t len)
{
	uint64_t done;
	int err = read_all(file, off, to, len, &done);

	if (err == -ENODATA)
		return log_error(EIO, "%s: ended at offset %llu of %llu: it shrank while read",
		    file->name, (unsigned long long)(off + done), (unsigned long long)file->size);
	if (err != 0)
		return log_error(-err, "%s: cannot read at offset %llu: %s", file->name,
		    (unsigned long long)(off + done), strerror(-err));
	return 0;
}

bool file_peek(const struct boot_file *file, uint64_t off, void *to, uint64_t len)
{
	uint64_t done;

	return off <= file->size && len <= file->size - off &&
	       read_all(file, off, to, len, &done) == 0;
}
