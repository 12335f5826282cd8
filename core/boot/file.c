/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/file.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"

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
	if (err)
		return log_error(-err, "%s: cannot read at offset %llu: %s", file->name,
		    (unsigned long long)(off + done), strerror(-err));
	return 0;
}

/* In the place of fresh memory. 1, or 0 if this file cannot be mapped; -errno if the memory could
 * not be put back then, for a mapping that fails may leave a hole. */
static int map_pages(const struct boot_file *file, uint64_t off, uint8_t *to, uint64_t len)
{
	const int rights = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED;
	bool mapped = mmap(to, len, rights, flags, file->fd, (off_t)off) != MAP_FAILED;

	if (!mapped && mmap(to, len, rights, flags | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return log_error(
		    errno, "%s: no guest memory to read it to: %s", file->name, strerror(errno));
	madvise(to, len, MADV_DONTFORK);
	madvise(to, len, MADV_DONTDUMP);
	return mapped;
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
	int err = 0, mapped = 0;

	if (file->map && (off - (uintptr_t)to) % PAGE == 0 && len > before)
		pages = (len - before) / PAGE * PAGE;
	if (pages > 0)
		mapped = map_pages(file, off + before, to + before, pages);
	if (mapped <= 0)
		return mapped < 0 ? mapped : file_read(file, off, to, len);
	if (before > 0)
		err = file_read(file, off, to, before);
	if (err)
		return err;
	err = file_read(file, off + before + pages, to + before + pages, len - before - pages);
	return err ? err : check_end(file, off + len);
}

bool file_peek(const struct boot_file *file, uint64_t off, void *to, uint64_t len)
{
	uint64_t done;

	if (off > file->size || len > file->size - off)
		return false;
	if (off > file->head_size || len > file->head_size - off)
		return read_all(file, off, to, len, &done) == 0;
	memcpy(to, file->head + off, len);
	return true;
}
