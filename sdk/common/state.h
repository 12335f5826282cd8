/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * state - saving and restoring instances by their volt.state/1 tables: the core's, the
 * fake host's and the checker's one implementation of it.
 *
 * A section holds one instance. All numbers are little-endian.
 *
 *   0   4  "VSEC"
 *   4   4  bytes of the whole section
 *   8   2  version of the state
 *   10  1  length of the instance's id, 1..32
 *   11  1  length of the plugin's name, 1..32
 *   12  4  number of fields
 *   16     id, name; then each field:
 *       1  length of the field's name, 1..63
 *       1  kind, VOLT_F_*
 *       2  0
 *       4  number of elements
 *          name; elements, without gaps
 *   end-4  CRC-32C (Castagnoli) of all that comes before
 *
 * A set is "VOLTSTAT", a format number, the number of sections (four bytes each), and the
 * sections. Nothing here allocates, logs or keeps anything, so it may run under the seal.
 */
#ifndef SDK_COMMON_STATE_H
#define SDK_COMMON_STATE_H

#include <volt/state.h>

#define STATE_TAG        0x43455356u /* "VSEC" */
#define STATE_HEAD       16u
#define STATE_FIELD_HEAD 8u
#define STATE_SET_MAGIC  "VOLTSTAT"
#define STATE_SET_FORMAT 1u
#define STATE_SET_HEAD   16u
#define STATE_SET_MAX    256u

/* An instance, and where it is tried out before anything of it changes. */
struct state_target {
	const char *id, *plugin;
	const struct volt_state *table; /* passed state_check_table() */
	void *self;
	void *scratch; /* instance_size bytes; used by loading only */
	uint32_t instance_size;
};

/* Is the table what <volt/state.h> asks for? 0, or -EINVAL with the reason in `why`. */
int state_check_table(
    const struct volt_state *s, uint32_t instance_size, char *why, size_t why_size);
/* Row `i` of a checked table. */
const struct volt_field *state_field(const struct volt_state *s, unsigned i);

/* Bytes of the section. */
size_t state_size(const struct state_target *t);
/* Writes the section of an instance that is paused. Returns its bytes, or 0 if `size` is
 * less than state_size(). Calls nothing of the plugin. */
size_t state_save(const struct state_target *t, uint8_t *bytes, size_t size);
/* Puts a section into the instance, or leaves it as it was: 0, or -EINVAL (damaged, or
 * another device's, or refused by validate) or -ENOTSUP (a version that this plugin does
 * not read), with the reason in `why`. Resume is the caller's to call. */
int state_load(
    const struct state_target *t, const uint8_t *bytes, size_t n, char *why, size_t why_size);

size_t state_set_size(const struct state_target *targets, unsigned count);
size_t state_save_set(
    const struct state_target *targets, unsigned count, uint8_t *bytes, size_t size);
/* All sections or none: every target must have exactly one, and at most STATE_SET_MAX of
 * them. */
int state_load_set(const struct state_target *targets, unsigned count, const uint8_t *bytes,
    size_t n, char *why, size_t why_size);

/* Of the first section in `bytes`: its length, and its id in `id`. 0: there is none that
 * is whole. The CRC is not looked at. */
size_t state_next(const uint8_t *bytes, size_t n, char id[33]);
/* Makes the section's length and CRC right again, for tests that corrupt what lies between. */
void state_mend(uint8_t *bytes, size_t n);
/* Corrupts a section of n bytes within `room`, as an attacker would who knows the format;
 * `random` is the state of the generator and never 0. Returns the new length. Most results
 * have a right CRC. */
size_t state_corrupt(uint8_t *bytes, size_t n, size_t room, uint64_t *random);

uint32_t state_crc(const uint8_t *bytes, size_t n);

#endif
