/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Several sections, all or none: every one is tried on its instance's copy before the
 * first is put in.
 */
#include <errno.h>

#include "state_internal.h"

size_t state_next(const uint8_t *bytes, size_t n, char id[33])
{
	if (n < STATE_SECTION_MIN || state_get32(bytes) != STATE_TAG)
		return 0;
	const size_t len = state_get32(bytes + 4), id_len = bytes[10];

	if (len < STATE_SECTION_MIN + id_len || len > n || id_len == 0 || id_len > 32)
		return 0;
	memcpy(id, bytes + STATE_HEAD, id_len);
	id[id_len] = '\0';
	return len;
}

size_t state_set_size(const struct state_target *targets, unsigned count)
{
	size_t n = STATE_SET_HEAD;

	for (unsigned i = 0; i < count; i++)
		n += state_size(&targets[i]);
	return n;
}

size_t state_save_set(
    const struct state_target *targets, unsigned count, uint8_t *bytes, size_t size)
{
	size_t n = STATE_SET_HEAD;

	if (size < state_set_size(targets, count))
		return 0;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): no string */
	memcpy(bytes, STATE_SET_MAGIC, 8);
	state_put32(bytes + 8, STATE_SET_FORMAT);
	state_put32(bytes + 12, count);
	for (unsigned i = 0; i < count; i++) {
		const size_t section = state_save(&targets[i], bytes + n, size - n);

		if (section == 0)
			return 0;
		n += section;
	}
	return n;
}

static int refuse(char *why, size_t why_size, const char *what)
{
	snprintf(why, why_size, "%s", what);
	return -EINVAL;
}

static int find_target(const struct state_target *targets, unsigned count, const char *id)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(targets[i].id, id) == 0)
			return (int)i;
	return -1;
}

/* Finds each target's one section. */
static int find_sections(const struct state_target *targets, unsigned count, const uint8_t *bytes,
    size_t n, const uint8_t **sections, char *why, size_t why_size)
{
	size_t at = STATE_SET_HEAD, len;
	char id[33];

	for (uint32_t k = state_get32(bytes + 12); k > 0; k--, at += len) {
		len = state_next(bytes + at, n - at, id);
		if (len == 0)
			return refuse(why, why_size, "the saved state is cut off or damaged");
		const int i = find_target(targets, count, id);

		if (i < 0 || sections[i]) {
			snprintf(why, why_size, "the saved state has %s of instance \"%.32s\"",
			    i < 0 ? "a device that is not here, that" : "two sections", id);
			return -EINVAL;
		}
		sections[i] = bytes + at;
	}
	return at == n ? 0 : refuse(why, why_size, "bytes follow the last section");
}

static int find_missing(const struct state_target *targets, unsigned count,
    const uint8_t **sections, char *why, size_t why_size)
{
	for (unsigned i = 0; i < count; i++)
		if (!sections[i]) {
			snprintf(why, why_size, "the saved state has nothing of instance \"%s\"",
			    targets[i].id);
			return -EINVAL;
		}
	return 0;
}

int state_load_set(const struct state_target *targets, unsigned count, const uint8_t *bytes,
    size_t n, char *why, size_t why_size)
{
	const uint8_t *sections[STATE_SET_MAX] = {NULL};
	int err;

	if (count > STATE_SET_MAX)
		return refuse(why, why_size, "there are more instances than a saved state holds");
	if (n < STATE_SET_HEAD || memcmp(bytes, STATE_SET_MAGIC, 8) != 0)
		return refuse(why, why_size, "this is not a saved state");
	if (state_get32(bytes + 8) != STATE_SET_FORMAT)
		return refuse(why, why_size, "the saved state has a format that is not known here");
	err = find_sections(targets, count, bytes, n, sections, why, why_size);
	if (err)
		return err;
	err = find_missing(targets, count, sections, why, why_size);
	if (err)
		return err;
	for (unsigned i = 0; i < count; i++) {
		err = state_try(
		    &targets[i], sections[i], state_get32(sections[i] + 4), why, why_size);
		if (err)
			return err;
	}
	for (unsigned i = 0; i < count; i++)
		state_commit(&targets[i]);
	return 0;
}
