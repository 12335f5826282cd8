/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Hostile states, made out of good ones: for the tests of plugins and of state.c itself.
 */
#include "state_internal.h"

/* xorshift64* (Vigna 2014). */
static uint64_t draw(uint64_t *random, uint64_t below)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return (*random * 0x2545f4914f6cdd1dull >> 16) % below;
}

void state_mend(uint8_t *bytes, size_t n)
{
	if (n < STATE_SECTION_MIN)
		return;
	state_put32(bytes + 4, (uint32_t)n);
	state_put32(bytes + n - 4, state_crc(bytes, n - 4));
}

/* Where the n-th field starts; 0: the section does not get so far. */
static size_t field_start(const uint8_t *bytes, size_t n, uint64_t number)
{
	size_t at = STATE_HEAD + bytes[10] + (size_t)bytes[11];

	for (;; number--) {
		if (at > n - 4 || n - 4 - at < STATE_FIELD_HEAD)
			return 0;
		if (number == 0)
			return at;
		if (bytes[at + 1] < VOLT_F_U8 || bytes[at + 1] > VOLT_F_BOOL)
			return 0;
		at += STATE_FIELD_HEAD + bytes[at] +
		      (size_t)state_get32(bytes + at + 4) * VOLT_F_SIZE(bytes[at + 1]);
	}
}

static void corrupt_byte(uint8_t *bytes, size_t n, uint64_t *random)
{
	static const uint8_t edges[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff};
	uint8_t *at = &bytes[draw(random, n)];

	switch (draw(random, 4)) {
	case 0:
		*at = edges[draw(random, sizeof(edges))];
		break;
	case 1:
		*at ^= (uint8_t)(1u << draw(random, 8));
		break;
	case 2:
		*at = (uint8_t)(*at + draw(random, 5) - 2);
		break;
	default:
		*at = (uint8_t)draw(random, 256);
	}
}

/* A value of a field, which only limits and validate can refuse. */
static void corrupt_value(uint8_t *bytes, size_t n, uint64_t *random)
{
	const uint32_t fields = state_get32(bytes + 12);
	const size_t at = field_start(bytes, n, draw(random, fields > 0 ? fields : 1));

	/* It may have been corrupted before. */
	if (at == 0 || bytes[at + 1] < VOLT_F_U8 || bytes[at + 1] > VOLT_F_BOOL)
		return;
	const size_t values = at + STATE_FIELD_HEAD + bytes[at];
	const size_t size = (size_t)state_get32(bytes + at + 4) * VOLT_F_SIZE(bytes[at + 1]);
	if (size > 0 && values < n - 4 && size <= n - 4 - values)
		corrupt_byte(bytes + values, size, random);
}

/* A field's head, or one of the numbers in the section's. */
static void corrupt_number(uint8_t *bytes, size_t n, uint64_t *random)
{
	static const uint32_t edges[] = {0, 1, 0x7fffffff, 0x80000000, UINT32_MAX};
	size_t at = field_start(bytes, n, draw(random, 1 + state_get32(bytes + 12) % 64));

	if (at == 0 || draw(random, 4) == 0)
		at = 8;
	state_put32(bytes + at + 4,
	    draw(random, 2) ? edges[draw(random, 5)] : state_get32(bytes + at + 4) + 1);
}

/* Copies a stretch over another one: fields that come twice, or out of the middle. */
static void splice(uint8_t *bytes, size_t n, uint64_t *random)
{
	const size_t len = 1 + draw(random, n / 2), from = draw(random, n - len + 1),
		     to = draw(random, n - len + 1);

	memmove(bytes + to, bytes + from, len);
}

static size_t resize(uint8_t *bytes, size_t n, size_t room, uint64_t *random)
{
	const size_t wanted = draw(random, 2) ? draw(random, n) : n + draw(random, 64);

	if (wanted > room)
		return n;
	if (wanted > n)
		memset(bytes + n, (int)draw(random, 256), wanted - n);
	return wanted;
}

size_t state_corrupt(uint8_t *bytes, size_t n, size_t room, uint64_t *random)
{
	for (uint64_t k = 1 + draw(random, 4); k > 0 && n > STATE_SECTION_MIN; k--) {
		switch (draw(random, 8)) {
		case 0:
			corrupt_byte(bytes, n, random);
			break;
		case 1:
			corrupt_number(bytes, n, random);
			break;
		case 2:
			splice(bytes, n, random);
			break;
		case 3:
			n = resize(bytes, n, room, random);
			break;
		default:
			corrupt_value(bytes, n, random);
		}
	}
	if (draw(random, 8) != 0)
		state_mend(bytes, n);
	return n;
}
