/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * blocks - a run of tagged blocks, as the sections `cpu ` and `kvm ` of a snapshot hold them.
 *
 * A block is a tag of four characters, the number of its bytes (32 bits, little-endian), the
 * bytes, and zeros up to a multiple of eight. docs/snapshot-format.md lists the tags. The bytes
 * that are read may be hostile.
 */
#ifndef CORE_BLOCKS_H
#define CORE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCKS_MAX  32u
#define BLOCKS_HEAD 8u

#define BLOCK_TAG(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* Where blocks are written; what does not fit sets `overflowed`. */
struct blocks_out {
	uint8_t *bytes;
	size_t size, room;
	bool overflowed;
};

/* Bytes that a block of `n` bytes takes. */
size_t blocks_size(size_t n);
/* Where the `n` bytes of a new block go: zeros, eight bytes aligned if `bytes` is. NULL: no room.
 */
void *blocks_put(struct blocks_out *out, uint32_t tag, size_t n);

struct block {
	uint32_t tag, length;
	const uint8_t *bytes;
};

struct blocks {
	uint32_t count;
	struct block list[BLOCKS_MAX];
};

/* Takes `n` bytes apart. 0; -EINVAL: not a whole run of blocks with distinct tags. */
int blocks_read(struct blocks *b, const uint8_t *bytes, size_t n);
/* NULL: there is none with that tag. */
const struct block *blocks_find(const struct blocks *b, uint32_t tag);

#endif
