/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/image/image.h"
#include "tools/run/image_store.h"
#include "tools/run/tool.h"

#define EXT4_MAGIC_AT 1080 /* Linux Documentation/filesystems/ext4/super.rst: 1024 + 0x38 */

/* ------------------------------------------------------------------------------ list */

static int is_image(const struct dirent *e)
{
	const size_t n = strlen(e->d_name), suffix = strlen(IMAGE_SUFFIX);

	return e->d_name[0] != '.' && n > suffix &&
	       strcmp(e->d_name + n - suffix, IMAGE_SUFFIX) == 0;
}

static void print_size(uint64_t bytes)
{
	static const char units[] = "KMGT";
	double value = (double)bytes / 1024;
	int unit = 0;

	while (value >= 1024 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	printf("%9.1f%c", value, units[unit]);
}

static void print_image(const struct image_request *r, const char *file)
{
	char path[PATH_MAX], when[32];
	struct stat st;
	struct tm tm;

	snprintf(path, sizeof(path), "%s/%s", r->store, file);
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	localtime_r(&st.st_mtime, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	printf("%-24.*s", (int)(strlen(file) - strlen(IMAGE_SUFFIX)), file);
	print_size((uint64_t)st.st_size);
	print_size((uint64_t)st.st_blocks * 512);
	printf("  %s\n", when);
}

int image_list(const struct image_request *r)
{
	struct dirent **found = NULL;

	if (r->count != 0)
		return image_say(IMAGE_USAGE, "list: takes no word");
	const int n = scandir(r->store, &found, is_image, alphasort);
	if (n < 0 && errno != ENOENT)
		return image_say(IMAGE_FAILED, "%s: %s", r->store, strerror(errno));
	printf("%-24s%10s%10s  %s\n", "NAME", "SIZE", "USED", "CHANGED");
	for (int i = 0; i < n; i++) {
		print_image(r, found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return IMAGE_DONE;
}

/* ---------------------------------------------------------------------------- remove */

/* A VM that has the removed image open keeps using it. */
int image_remove(const struct image_request *r)
{
	int code = r->count ? IMAGE_DONE : image_say(IMAGE_USAGE, "remove: give a name");
	char path[PATH_MAX];

	for (int i = 0; i < r->count; i++) {
		if (!image_path(r, r->words[i], path))
			code = IMAGE_USAGE;
		else if (unlink(path) != 0)
			code = image_say(IMAGE_FAILED, "%s: %s", r->words[i],
			    errno == ENOENT ? "no such image" : strerror(errno));
	}
	return code;
}

/* ---------------------------------------------------------------------------- resize */

/* The lock of virtio-blk: VMs that only read share it. */
static int open_alone(const char *name, const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		image_say(IMAGE_FAILED, "%s: %s", name,
		    errno == ENOENT ? "no such image" : strerror(errno));
		return -1;
	}
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return fd;
	image_say(IMAGE_FAILED, "%s: is in use by a VM", name);
	close(fd);
	return -1;
}

static bool is_ext4(int fd)
{
	unsigned char magic[2] = {0};

	return pread(fd, magic, sizeof(magic), EXT4_MAGIC_AT) == sizeof(magic) &&
	       magic[0] == 0x53 && magic[1] == 0xef;
}

static int run_tool(const char *name, const char *const words[], int accepted)
{
	static struct tool_result result;
	const int err = tool_run(&result, words, false);

	if (err >= 0 && err <= accepted)
		return IMAGE_DONE;
	return image_say(IMAGE_FAILED, "%s: %s: %s%s", name, words[0], tool_reason(&result, err),
	    err == -ENOENT ? ": it is in the package e2fsprogs" : "");
}

static int resize_ext4(const char *name, const char *path, uint64_t size)
{
	char kib[32];

	snprintf(kib, sizeof(kib), "%lluK", (unsigned long long)(size / 1024));
	const char *const check[] = {"e2fsck", "-f", "-p", path, NULL};
	const char *const resize[] = {"resize2fs", path, kib, NULL};
	const int code = run_tool(name, check, 1); /* 1: it has mended something */
	return code == IMAGE_DONE ? run_tool(name, resize, 0) : code;
}

static int set_size(const char *name, const char *path, int fd, uint64_t size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return image_say(IMAGE_FAILED, "%s: %s", name, strerror(errno));
	const bool shrinks = size < (uint64_t)st.st_size;
	if (shrinks && !is_ext4(fd))
		return image_say(IMAGE_FAILED,
		    "%s: is not an ext4 file system, and would lose its end: it can only grow",
		    name);
	/* The file grows before the file system, and shrinks after it. */
	if (!shrinks && ftruncate(fd, (off_t)size) != 0)
		return image_say(IMAGE_FAILED, "%s: %s", name, strerror(errno));
	const int code = is_ext4(fd) ? resize_ext4(name, path, size) : IMAGE_DONE;
	if (code != IMAGE_DONE || !shrinks)
		return code;
	return ftruncate(fd, (off_t)size) == 0
		   ? IMAGE_DONE
		   : image_say(IMAGE_FAILED, "%s: %s", name, strerror(errno));
}

int image_resize(const struct image_request *r)
{
	char path[PATH_MAX];
	uint64_t size;

	if (r->count != 2 || !image_parse_size(r->words[1], &size))
		return image_say(
		    IMAGE_USAGE, "resize: give a name and a size as 4G, a multiple of 4096");
	if (!image_path(r, r->words[0], path))
		return IMAGE_USAGE;
	const int fd = open_alone(r->words[0], path);
	if (fd < 0)
		return IMAGE_FAILED;
	const int code = set_size(r->words[0], path, fd, size);
	close(fd);
	return code;
}
