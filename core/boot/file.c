/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/file.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

/* Below what one read(2) can do, and a signal is answered within a few ms. */
#define CHUNK (16ull << 20)
#define PAGE  4096u

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

/* Where there was fresh memory. False: this file cannot be mapped, nothing has changed. In
 * two steps, as a mapping that fails at a fixed place may leave a hole there. */
static bool map_pages(const struct boot_file *file, uint64_t off, uint8_t *to, uint64_t len)
{
	void *at = mmap(
	    NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file->fd, (off_t)off);

	if (at == MAP_FAILED)
		return false;
	madvise(at, len, MADV_DONTFORK);
	madvise(at, len, MADV_DONTDUMP);
	if (mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to)
		return true;
	munmap(at, len);
	return false;
}

/* A byte that the file still has at its end: all before it is there as well. */
static int check_end(const struct boot_file *file, uint64_t end)
{
	uint8_t last;

	return file_read(file, end - 1, &last, 1);
}

int file_place(const struct boot_file *file, uint64_t off, uint8_t *to, uint64_t len)
{
	uint64_t before = -(uintptr_t)to % PAGE, pages = 0;
	int err = 0;

	if (file->map && (off - (uintptr_t)to) % PAGE == 0 && len > before)
		pages = (len - before) / PAGE * PAGE;
	if (pages == 0 || !map_pages(file, off + before, to + before, pages))
		return file_read(file, off, to, len);
	if (before > 0)
		err = file_read(file, off, to, before);
	if (err == 0)
		err = file_read(
		    file, off + before + pages, to + before + pages, len - before - pages);
	return err != 0 ? err : check_end(file, off + len);
}

bool file_peek(const struct boot_file *file, uint64_t off, void *to, uint64_t len)
{
	uint64_t done;

	return off <= file->size && len <= file->size - off &&
	       read_all(file, off, to, len, &done) == 0;
}
