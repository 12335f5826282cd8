/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * address - the card's own address: given, or made of who the VM is.
 *
 * An address is a number here, its first byte the lowest.
 */
#include <errno.h>
#include <string.h>

#include "net.h"

#define GROUP UINT64_C(1) /* IEEE 802: of several cards */
#define LOCAL UINT64_C(2) /* not a manufacturer's */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool net_read_address(const char *text, uint64_t *address)
{
	uint64_t read = 0;

	for (unsigned i = 0; i < 6; i++, text += 3) {
		const int high = hex_digit(text[0]);
		const int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		read |= (uint64_t)(high << 4 | low) << 8 * i;
	}
	*address = read;
	return net_is_one_card(read);
}

bool net_is_one_card(uint64_t address)
{
	return address && !(address & GROUP) && address >> 48 == 0;
}

uint64_t net_get_address(const uint8_t bytes[6])
{
	return volt_le32(bytes) | (uint64_t)volt_le16(bytes + 4) << 32;
}

/* FNV-1a. */
static uint64_t add_byte(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * UINT64_C(0x100000001b3);
}

uint64_t net_make_address(const void *who, size_t n, uint32_t line)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		hash = add_byte(hash, ((const uint8_t *)who)[i]);
	hash = add_byte(hash, (uint8_t)line);
	hash ^= hash >> 32;
	return (hash & (UINT64_C(0xffffffffffff) & ~(GROUP | LOCAL))) | LOCAL;
}
