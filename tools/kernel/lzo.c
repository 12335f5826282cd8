/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/lzo.h"

#include <errno.h>
#include <lzo/lzo1x.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Flags of a file. */
#define ADLER32_D    0x0001u /* a sum of each block unpacked */
#define ADLER32_C    0x0002u /* and packed */
#define EXTRA_FIELD  0x0040u
#define CRC32_D      0x0100u
#define CRC32_C      0x0200u
#define MULTIPART    0x0400u
#define HAS_FILTER   0x0800u
#define HEADER_CRC32 0x1000u

#define VERSION_FILTER 0x0940u     /* from here on: a level, a high half of the time */
#define BLOCK_MAX      (64u << 20) /* of lzop itself; its blocks are of 256 KiB */

static const uint8_t magic[] = {0x89, 'L', 'Z', 'O', 0, 0x0d, 0x0a, 0x1a, 0x0a};

struct reader {
	const uint8_t *at;
	size_t left;
	bool short_of; /* more was asked for than there is: all reads are 0 from now on */
	uint32_t flags;
};

static uint32_t take(struct reader *r, unsigned bytes)
{
	uint32_t value = 0;

	if (r->left < bytes || r->short_of) {
		r->short_of = true;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | r->at[i];
	r->at += bytes;
	r->left -= bytes;
	return value;
}

static void skip(struct reader *r, uint32_t bytes)
{
	if (r->left < bytes)
		r->short_of = true;
	if (r->short_of)
		return;
	r->at += bytes;
	r->left -= bytes;
}

static const char *read_header(struct reader *r)
{
	if (r->left < sizeof(magic) || memcmp(r->at, magic, sizeof(magic)) != 0)
		return "is damaged: no lzop file";
	skip(r, sizeof(magic));
	uint32_t version = take(r, 2);
	skip(r, 2 + (version >= VERSION_FILTER ? 2 : 0)); /* of the library; needed to extract */
	uint32_t method = take(r, 1);
	skip(r, version >= VERSION_FILTER ? 1 : 0); /* level */
	r->flags = take(r, 4);
	skip(r, r->flags & HAS_FILTER ? 4 : 0);
	skip(r, 4 + 4 + (version >= VERSION_FILTER ? 4 : 0)); /* mode, time */
	skip(r, take(r, 1));                                  /* name */
	skip(r, 4);                                           /* sum of the header */
	if (r->flags & EXTRA_FIELD) {
		skip(r, take(r, 4));
		skip(r, 4);
	}
	if (r->short_of)
		return "is damaged: its header is cut short";
	if (method < 1 || method > 3 || (r->flags & (MULTIPART | HAS_FILTER)))
		return "is of a kind of lzop file that Linux does not read";
	return NULL;
}

/* One block into `room`; *size 0: the end. */
static const char *read_block(struct reader *r, uint8_t **room, uint32_t *size)
{
	*size = take(r, 4);
	if (*size == 0)
		return r->short_of ? "is damaged: its end is missing" : NULL;
	uint32_t packed = take(r, 4);
	if (packed > *size || *size > BLOCK_MAX)
		return "is damaged: a block has an impossible size";
	uint32_t sum = r->flags & ADLER32_D ? take(r, 4) : 0;
	skip(r, r->flags & CRC32_D ? 4 : 0);
	/* A block that did not get smaller is there as it was, with the first sum alone. */
	if (packed < *size)
		skip(r, (r->flags & ADLER32_C ? 4 : 0) + (r->flags & CRC32_C ? 4 : 0));
	if (r->short_of || r->left < packed)
		return "is damaged: a block is cut short";
	uint8_t *bytes = realloc(*room, *size);
	if (!bytes)
		return "no memory";
	*room = bytes;
	lzo_uint got = *size;
	if (packed == *size)
		memcpy(bytes, r->at, packed);
	else if (lzo1x_decompress_safe(r->at, packed, bytes, &got, NULL) != LZO_E_OK ||
		 got != *size)
		return "is damaged: a block does not unpack";
	skip(r, packed);
	if ((r->flags & ADLER32_D) && lzo_adler32(1, bytes, *size) != sum)
		return "is damaged: a block has another sum";
	return NULL;
}

/* Returns the sink's error; one of the file itself is in `wrong`. */
static int pour(struct reader *r, uint8_t **room, unpack_sink sink, void *arg, const char **wrong)
{
	for (;;) {
		uint32_t n;

		*wrong = read_block(r, room, &n);
		if (*wrong || n == 0)
			return 0;
		const int err = sink(arg, *room, n);
		if (err)
			return err;
	}
}

int lzo_unpack(
    const uint8_t *file, size_t size, unpack_sink sink, void *arg, char *why, size_t why_size)
{
	struct reader r = {.at = file, .left = size};
	const char *wrong = lzo_init() == LZO_E_OK ? read_header(&r) : "needs another liblzo2";
	uint8_t *room = NULL;
	const int err = wrong ? 0 : pour(&r, &room, sink, arg, &wrong);

	free(room);
	if (err)
		wrong = strerror(-err);
	if (wrong)
		snprintf(why, why_size, "%s", wrong);
	return err ? err : wrong ? -EINVAL : 0;
}
