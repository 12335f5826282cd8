/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * state_internal - what the files behind state.h share.
 *
 * state.c        checking tables, measuring, saving
 * state_load.c   one section back into its instance
 * state_set.c    several sections, all or none
 * state_corrupt.c  hostile bytes for tests
 */
#ifndef SDK_COMMON_STATE_INTERNAL_H
#define SDK_COMMON_STATE_INTERNAL_H

#include <string.h>

#include <sdk/common/state.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "elements are copied as they lie in memory, which must be little-endian"
#endif

#define STATE_SECTION_MIN (STATE_HEAD + 4u) /* the head and the CRC */

static inline uint32_t state_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint16_t state_get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void state_put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void state_put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* state_load() in two steps: onto the target's copy, and from there into the instance. */
int state_try(
    const struct state_target *t, const uint8_t *bytes, size_t n, char *why, size_t why_size);
void state_commit(const struct state_target *t);

/* An element's value, wherever it lies. */
uint64_t state_element(const uint8_t *at, uint16_t type);
/* True if `n` bytes are a name as <volt/state.h> wants it. */
bool state_is_name(const char *name, size_t n);

#endif
