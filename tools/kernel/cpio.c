/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/cpio.h"

#include <string.h>
#include <sys/stat.h>

#define ALIGN 4u
#define BLOCK 512u

static void put(struct cpio *c, const void *bytes, size_t size)
{
	fwrite(bytes, 1, size, c->out);
	c->size += size;
}

static void pad(struct cpio *c, unsigned align)
{
	static const uint8_t zeros[BLOCK];

	put(c, zeros, (size_t)(-c->size % align));
}

static void put_member(
    struct cpio *c, const char *path, unsigned mode, const void *bytes, size_t size)
{
	const size_t name_size = strlen(path) + 1;
	char head[112];

	/* magic, ino, mode, uid, gid, nlink, mtime, filesize, 2 x dev, 2 x rdev, namesize, check */
	const int n = snprintf(head, sizeof(head),
	    "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", ++c->count, mode, 0, 0,
	    S_ISDIR(mode) ? 2 : 1, 0, size, 0, 0, 0, 0, name_size, 0);
	put(c, head, (size_t)n);
	put(c, path, name_size);
	pad(c, ALIGN);
	put(c, bytes, size);
	pad(c, ALIGN);
}

void cpio_begin(struct cpio *c, FILE *out, uint64_t size)
{
	*c = (struct cpio){.out = out, .size = size};
	pad(c, ALIGN); /* what is before it may end anywhere */
}

void cpio_put_folder(struct cpio *c, const char *path)
{
	put_member(c, path, S_IFDIR | 0755, "", 0);
}

void cpio_put_file(struct cpio *c, const char *path, const void *bytes, size_t size)
{
	put_member(c, path, S_IFREG | 0644, bytes, size);
}

void cpio_end(struct cpio *c)
{
	put_member(c, "TRAILER!!!", 0, "", 0);
	pad(c, BLOCK);
}
