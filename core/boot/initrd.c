/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Sources: Linux Documentation/driver-api/early-userspace/buffer-format.rst, lib/decompress.c
 * and, for file systems that are an initrd as they are, init/do_mounts_rd.c.
 */
#include "core/boot/initrd.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"

#define HEAD 2048u

static const struct {
	uint16_t offset;
	uint8_t size;
	const char *bytes;
} known[] = {
    {0, 6, "070701"},                     /* cpio "newc", and with sums */
    {0, 6, "070702"}, {0, 2, "\x1f\x8b"}, /* gzip */
    {0, 2, "\x1f\x9e"},                   /* an older gzip */
    {0, 3, "BZh"}, {0, 2, "\x5d\x00"},    /* lzma */
    {0, 6,
	"\xfd"
	"7zXZ\0"},
    {0, 4, "\x89LZO"}, {0, 4, "\x02\x21\x4c\x18"},          /* lz4, as Linux has it */
    {0, 4, "\x28\xb5\x2f\xfd"},                             /* zstd */
    {0, 4, "hsqs"},                                         /* squashfs */
    {0, 8, "-rom1fs-"}, {0, 4, "\x45\x3d\xcd\x28"},         /* cramfs */
    {0x200, 4, "\x45\x3d\xcd\x28"}, {0x410, 2, "\x7f\x13"}, /* minix */
    {0x410, 2, "\x8f\x13"}, {0x438, 2, "\x53\xef"},         /* ext2 and its successors */
};

static bool is_known(const uint8_t *head, size_t size)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].offset + known[i].size <= size &&
		    memcmp(head + known[i].offset, known[i].bytes, known[i].size) == 0)
			return true;
	return false;
}

void initrd_warn(int fd, const char *name)
{
	uint8_t head[HEAD];
	ssize_t n = pread(fd, head, sizeof(head), 0);

	/* Zeroes may come before an archive, any number of words. */
	if (n <= 0 || head[0] == 0 || is_known(head, (size_t)n))
		return;
	log_warn("%s: not an initrd that Linux knows: neither a cpio archive (newc), compressed or "
		 "not, nor a file system; the guest starts without it",
	    name);
}
