/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What test_share.py does in a guest to a shared folder.
 *
 *	share_tool load FILE SEED COUNT   so many random steps on a file, checked against memory
 *	share_tool change FOLDER          tries every call that changes something; tells which
 *succeeds
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FILE_MAX (256u << 10)
#define STEP_MAX (24u << 10)

static struct {
	const char *path;
	char other[512];
	int fd;
	uint64_t random;
	size_t size;
	uint8_t bytes[FILE_MAX]; /* as the file must be; zeroes from `size` on */
} load;

static void die(const char *what, unsigned long step)
{
	printf("load: step %lu: %s: %s\n", step, what, strerror(errno));
	exit(1);
}

/* xorshift64 */
static uint32_t draw(uint32_t below)
{
	load.random ^= load.random << 13;
	load.random ^= load.random >> 7;
	load.random ^= load.random << 17;
	return (uint32_t)(load.random >> 33) % below;
}

static void write_some(unsigned long step)
{
	static uint8_t part[STEP_MAX];
	const size_t n = 1 + draw(STEP_MAX), at = draw(FILE_MAX - STEP_MAX);

	for (size_t i = 0; i < n; i++)
		part[i] = (uint8_t)draw(256);
	if (pwrite(load.fd, part, n, (off_t)at) != (ssize_t)n)
		die("pwrite", step);
	memcpy(load.bytes + at, part, n);
	if (at + n > load.size)
		load.size = at + n;
}

static void cut(unsigned long step)
{
	const size_t size = draw(FILE_MAX);

	if (ftruncate(load.fd, (off_t)size) != 0)
		die("ftruncate", step);
	if (size < load.size)
		memset(load.bytes + size, 0, load.size - size);
	load.size = size;
}

static void read_some(unsigned long step)
{
	static uint8_t part[STEP_MAX];
	const size_t at = draw(FILE_MAX), n = 1 + draw(STEP_MAX);
	const size_t left = at < load.size ? load.size - at : 0, wanted = n < left ? n : left;

	if (pread(load.fd, part, n, (off_t)at) != (ssize_t)wanted)
		die("pread has another length", step);
	if (memcmp(part, load.bytes + at, wanted) != 0)
		die("pread has other bytes", step);
}

static void map(unsigned long step)
{
	if (load.size == 0)
		return;
	uint8_t *at = mmap(NULL, load.size, PROT_READ | PROT_WRITE, MAP_SHARED, load.fd, 0);
	if (at == MAP_FAILED)
		die("mmap", step);
	if (memcmp(at, load.bytes, load.size) != 0)
		die("the mapping has other bytes", step);
	const size_t byte = draw((uint32_t)load.size);
	at[byte] = load.bytes[byte] = (uint8_t)step;
	if (msync(at, load.size, MS_SYNC) != 0 || munmap(at, load.size) != 0)
		die("msync", step);
}

static void open_anew(unsigned long step)
{
	struct stat st;

	if (rename(load.path, load.other) != 0 || rename(load.other, load.path) != 0)
		die("rename", step);
	if (fsync(load.fd) != 0 || close(load.fd) != 0)
		die("close", step);
	load.fd = open(load.path, O_RDWR);
	if (load.fd < 0 || fstat(load.fd, &st) != 0)
		die("open", step);
	if ((size_t)st.st_size != load.size)
		die("another size", step);
}

static int run_load(const char *path, uint64_t seed, unsigned long count)
{
	static void (*const steps[])(unsigned long) = {
	    write_some, write_some, read_some, read_some, cut, map, open_anew};

	load.path = path;
	load.random = seed * 2 + 1;
	snprintf(load.other, sizeof(load.other), "%s.other", path);
	load.fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (load.fd < 0)
		die("open", 0);
	for (unsigned long i = 0; i < count; i++)
		steps[draw(sizeof(steps) / sizeof(steps[0]))](i);
	open_anew(count);
	printf("load: %lu steps, the file has %zu bytes\n", count, load.size);
	return 0;
}

/* ---------------------------------------------------------------------- changes */

static void tell(const char *what, bool done)
{
	if (done)
		printf("CHANGED by %s\n", what);
	else if (errno != EROFS)
		printf("%s: %s\n", what, strerror(errno));
}

static void change(const char *folder)
{
	char file[512], fresh[512];
	int fd;

	snprintf(file, sizeof(file), "%s/file", folder);
	snprintf(fresh, sizeof(fresh), "%s/fresh", folder);
	fd = open(file, O_WRONLY);
	tell("write", fd >= 0 && write(fd, "x", 1) == 1);
	tell("create", open(fresh, O_RDWR | O_CREAT, 0644) >= 0);
	tell("truncate", truncate(file, 0) == 0);
	tell("chmod", chmod(file, 0777) == 0);
	tell("chown", chown(file, 0, 0) == 0);
	tell("utimensat", utimensat(AT_FDCWD, file, NULL, 0) == 0);
	tell("mkdir", mkdir(fresh, 0755) == 0);
	tell("mknod", mknod(fresh, S_IFIFO | 0644, 0) == 0);
	tell("symlink", symlink("file", fresh) == 0);
	tell("link", link(file, fresh) == 0);
	tell("rename", rename(file, fresh) == 0);
	tell("unlink", unlink(file) == 0);
	tell("setxattr", setxattr(file, "user.a", "b", 1, 0) == 0);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "load") == 0)
		return run_load(argv[2], strtoull(argv[3], NULL, 0), strtoul(argv[4], NULL, 0));
	if (argc != 3 || strcmp(argv[1], "change") != 0)
		return 2;
	change(argv[2]);
	printf("remount: %s\n",
	    mount(NULL, argv[2], NULL, MS_REMOUNT, NULL) == 0 ? "read and write" : strerror(errno));
	change(argv[2]);
	return 0;
}
