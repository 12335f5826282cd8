/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/blocks.h"

#include <errno.h>
#include <string.h>

size_t blocks_size(size_t n)
{
	return BLOCKS_HEAD + ((n + 7) & ~(size_t)7);
}

void *blocks_put(struct blocks_out *out, uint32_t tag, size_t n)
{
	const size_t whole = blocks_size(n);
	uint8_t *at = out->bytes + out->size;
	const uint32_t length = (uint32_t)n;

	if (out->overflowed || whole > out->room - out->size) {
		out->overflowed = true;
		return NULL;
	}
	memset(at, 0, whole);
	memcpy(at, &tag, sizeof(tag));
	memcpy(at + 4, &length, sizeof(length));
	out->size += whole;
	return at + BLOCKS_HEAD;
}

int blocks_read(struct blocks *b, const uint8_t *bytes, size_t n)
{
	b->count = 0;
	while (n > 0) {
		struct block block = {0};

		if (n < BLOCKS_HEAD || b->count == BLOCKS_MAX)
			return -EINVAL;
		memcpy(&block.tag, bytes, sizeof(block.tag));
		memcpy(&block.length, bytes + 4, sizeof(block.length));
		if (block.length > n || blocks_size(block.length) > n || blocks_find(b, block.tag))
			return -EINVAL;
		block.bytes = bytes + BLOCKS_HEAD;
		b->list[b->count++] = block;
		bytes += blocks_size(block.length);
		n -= blocks_size(block.length);
	}
	return 0;
}

const struct block *blocks_find(const struct blocks *b, uint32_t tag)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (b->list[i].tag == tag)
			return &b->list[i];
	return NULL;
}
