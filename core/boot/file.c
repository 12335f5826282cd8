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

int file_read(const struct boot_file *file, uint64_t off, void *to, uint64_t len)
{
	uint8_t *at = to;

	for (uint64_t done = 0; done < len;) {
		uint64_t want = len - done < CHUNK ? len - done : CHUNK;
		ssize_t n = pread(file->fd, at + done, (size_t)want, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return log_error(errno, "%s: cannot read at offset %llu: %s", file->name,
			    (unsigned long long)(off + done), strerror(errno));
		if (n == 0)
			return log_error(EIO,
			    "%s: ended at offset %llu of %llu: it shrank while read", file->name,
			    (unsigned long long)(off + done), (unsigned long long)file->size);
		done += (uint64_t)n;
	}
	return 0;
}
