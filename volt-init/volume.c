/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * Sources: Linux fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, include/uapi/linux/btrfs_tree.h,
 * fs/erofs/erofs_fs.h, fs/squashfs/squashfs_fs.h (superblocks); UEFI 2.10, 5.2.1 and
 * 5.3 (partition tables).
 */
#include "volume.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "text.h"

static const struct kind {
	const char *type, *magic;
	unsigned char magic_len, uuid_len;
	unsigned short label_len;
	unsigned at, magic_at, uuid_at, label_at; /* the last three from `at` */
} kinds[] = {
    {"ext4", "\x53\xef", 2, 16, 16, 1024, 0x38, 0x68, 0x78},
    {"xfs", "XFSB", 4, 16, 12, 0, 0, 32, 108},
    {"btrfs", "_BHRfS_M", 8, 16, 256, 65536, 0x40, 0x20, 0x12b},
    {"erofs", "\xe2\xe1\xf5\xe0", 4, 16, 16, 1024, 0, 48, 64},
    {"squashfs", "hsqs", 4, 0, 0, 0, 0, 0, 0},
};

static bool read_at(int fd, uint64_t at, void *to, size_t len)
{
	return pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

static uint32_t le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const unsigned char *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* Sixteen bytes in the order that `order` tells. */
static void write_uuid(const unsigned char *bytes, const unsigned char order[16], char *uuid)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*uuid++ = '-';
		*uuid++ = digits[bytes[order[i]] >> 4];
		*uuid++ = digits[bytes[order[i]] & 15];
	}
	*uuid = '\0';
}

static bool read_kind(int fd, const struct kind *kind, struct volume *v)
{
	static const unsigned char plain[16] = {
	    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	unsigned char bytes[16];

	if (!read_at(fd, kind->at + kind->magic_at, bytes, kind->magic_len) ||
	    memcmp(bytes, kind->magic, kind->magic_len))
		return false;
	memset(v, 0, sizeof(*v));
	v->type = kind->type;
	if (kind->uuid_len && read_at(fd, kind->at + kind->uuid_at, bytes, sizeof(bytes)))
		write_uuid(bytes, plain, v->uuid);
	if (kind->label_len && !read_at(fd, kind->at + kind->label_at, v->label, kind->label_len))
		v->label[0] = '\0';
	return true;
}

bool volume_read(int fd, struct volume *v)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (read_kind(fd, &kinds[i], v))
			return true;
	}
	return false;
}

bool volume_has_uuid(const struct volume *v, const char *uuid)
{
	return v->uuid[0] && !strcasecmp(v->uuid, uuid);
}

bool volume_has_label(const struct volume *v, const char *label)
{
	return v->label[0] && !strcmp(v->label, label);
}

/* UEFI 2.10, 5.3: the header is in the second block, whatever a block's size is. Its first three
 * numbers of a UUID have their bytes in the other order. */
static bool read_gpt(int fd, unsigned number, char *uuid)
{
	static const unsigned char mixed[16] = {
	    3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	unsigned char header[92], id[16];

	for (uint64_t block = 512; block <= 4096; block *= 8) {
		if (!read_at(fd, block, header, sizeof(header)) || memcmp(header, "EFI PART", 8))
			continue;
		const uint64_t table = le64(header + 72);
		const uint32_t count = le32(header + 80), size = le32(header + 84);
		if (number > count || size < 128 || size > 4096 || table > INT64_MAX / 8192 ||
		    !read_at(
			fd, table * block + (uint64_t)(number - 1) * size + 16, id, sizeof(id)))
			return false;
		write_uuid(id, mixed, uuid);
		return true;
	}
	return false;
}

bool volume_read_partition(int fd, unsigned number, char uuid[VOLUME_UUID])
{
	unsigned char tail[72]; /* from the signature to the end of the first block */

	if (number == 0 || number > 0xffff)
		return false;
	if (read_gpt(fd, number, uuid))
		return true;
	if (!read_at(fd, 440, tail, sizeof(tail)) || tail[70] != 0x55 || tail[71] != 0xaa)
		return false;
	text_format(uuid, VOLUME_UUID, "%08x-%02x", le32(tail), number);
	return true;
}
