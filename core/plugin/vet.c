/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What is read from a plugin's file goes into a memfd that nothing can change any more, and
 * only those bytes are looked at and loaded. A file of root's needs no copy.
 */
#include "core/plugin/vet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/plugin/vet_elf.h"
#include "core/plugin/vet_path.h"

/* Linux 6.3; not in the headers of Debian 12. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

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

/* A hint at the likely cause of an error of memfd_create(2) or of its file. */
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

static int fill_sealed(int fd, const uint8_t *image, uint64_t size, const char **verb)
{
	*verb = "write";
	const int err = write_bytes(fd, image, size);
	if (err)
		return err;
	*verb = "seal";
	return fcntl(fd, F_ADD_SEALS, SEALS) != 0 ? -errno : 0;
}

static int keep_sealed(const char *path, const uint8_t *image, uint64_t size)
{
	const char *verb = "make";
	const int fd = create_memfd();
	const int err = fd < 0 ? -errno : fill_sealed(fd, image, size, &verb);

	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return log_host_error(-err, "plugin %s: cannot %s its memfd (memfd_create): %s%s", path,
	    verb, strerror(-err), memfd_hint(-err));
}

/* Only root can change the file, who can change volt too: no copy is needed, and all VMs of a
 * host share its pages. */
static bool is_final(const struct stat *st)
{
	return st->st_uid == 0;
}

/* The bytes are looked at where nobody else can reach them, and those are what is kept: less
 * work than to map the copy, and twice as fast as sendfile() for files of this size. */
static int check_image(
    const char *path, int fd, const struct stat *st, uint8_t *image, struct vet_result *out)
{
	const uint64_t size = (uint64_t)st->st_size;
	char why[200] = "";
	int err = read_bytes(path, fd, image, size);

	if (err)
		return err;
	err = vet_image(image, size, out, why, sizeof(why));
	if (err)
		return log_error(-err, "plugin %s: %s", path, why);
	out->device = st->st_dev;
	out->inode = st->st_ino;
	out->is_copy = !is_final(st);
	out->image_fd = out->is_copy ? keep_sealed(path, image, size) : fd;
	return out->image_fd < 0 ? out->image_fd : 0;
}

static int check_and_keep(const char *path, int fd, const struct stat *st, struct vet_result *out)
{
	uint8_t *image = malloc((uint64_t)st->st_size + 1);

	if (!image)
		return log_error(ENOMEM, "plugin %s: no memory for it", path);
	const int err = check_image(path, fd, st, image, out);
	free(image);
	return err;
}

int vet_open(const char *path, struct vet_result *out)
{
	struct stat st = {0};
	int fd, err;

	*out = (struct vet_result){.image_fd = -1};
	fd = vet_open_file(path, &st);
	if (fd < 0)
		return fd;
	err = st.st_size > 0 ? check_and_keep(path, fd, &st, out)
			     : log_error(EINVAL, "plugin %s: it is empty", path);
	if (out->image_fd != fd)
		close(fd);
	return err;
}

int vet_load(struct vet_image *v)
{
	*v->result = (struct vet_result){.image_fd = -1};
	int err = vet_headers(v);
	if (err)
		return err;
	err = vet_note(v);
	if (err)
		return err;
	err = vet_dynamic(v);
	if (err)
		return err;
	err = vet_symbols(v);
	return err ? err : vet_relocs(v);
}

int vet_image(
    const uint8_t *image, uint64_t size, struct vet_result *out, char *why, unsigned why_size)
{
	struct vet_image v = {
	    .bytes = image, .size = size, .result = out, .why = why, .why_size = why_size};

	return vet_load(&v);
}
