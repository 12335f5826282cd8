/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * One section back into its instance. The bytes are not trusted: every length is held
 * against what is left, and nothing reaches the instance before everything was seen.
 */
#include <errno.h>

#include "state_internal.h"

struct reader {
	const struct state_target *target;
	const uint8_t *at;
	size_t left;
	uint16_t version;
	uint8_t seen[VOLT_FIELD_MAX]; /* by row: was in the section */
	char *why;
	size_t why_size;
};

VOLT_PRINTF(3, 4)
static int refuse(struct reader *r, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, r->why_size, fmt, ap);
	va_end(ap);
	return -err;
}

/* The next n bytes, or NULL if there are fewer. */
static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *p = r->at;

	if (n > r->left)
		return NULL;
	r->at += n;
	r->left -= n;
	return p;
}

static bool is_text(const uint8_t *p, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(p, text, n) == 0;
}

/* Head, CRC, and whose it is. Leaves the fields, without the CRC, to be read. */
static int read_head(struct reader *r)
{
	const struct state_target *t = r->target;
	const uint8_t *head = r->at, *id, *plugin;

	if (r->left < STATE_SECTION_MIN)
		return refuse(r, EINVAL, "the state is cut off");
	if (state_get32(head) != STATE_TAG)
		return refuse(r, EINVAL, "this is not the state of a device");
	if (state_get32(head + 4) != r->left)
		return refuse(r, EINVAL, "the state has %zu bytes and says %u", r->left,
		    state_get32(head + 4));
	r->left -= 4;
	if (state_crc(head, r->left) != state_get32(head + r->left))
		return refuse(r, EINVAL, "the state is damaged: its CRC does not match");
	take(r, STATE_HEAD);
	id = take(r, head[10]);
	plugin = take(r, head[11]);
	if (!id || !plugin)
		return refuse(r, EINVAL, "the state is cut off in its names");
	if (!is_text(plugin, head[11], t->plugin))
		return refuse(r, EINVAL, "the state is not one of plugin %s", t->plugin);
	if (!is_text(id, head[10], t->id))
		return refuse(r, EINVAL, "the state is not that of instance %s", t->id);
	r->version = state_get16(head + 8);
	if (r->version < t->table->oldest || r->version > t->table->version)
		return refuse(r, ENOTSUP, "the state has version %u; this plugin reads %u to %u",
		    r->version, t->table->oldest, t->table->version);
	return 0;
}

/* The row's number; -1: there is none of that name in this version. */
static int find_row(const struct reader *r, const char *name, size_t n)
{
	const struct volt_state *s = r->target->table;

	for (unsigned i = 0; i < s->field_count; i++) {
		const struct volt_field *f = state_field(s, i);

		if (strlen(f->name) == n && memcmp(f->name, name, n) == 0)
			return f->since <= r->version ? (int)i : -1;
	}
	return -1;
}

static int read_elements(struct reader *r, const struct volt_field *f)
{
	const size_t size = VOLT_F_SIZE(f->type);
	const bool limited = f->max != 0;
	const uint64_t max = f->type == VOLT_F_BOOL ? 1 : f->max;
	uint8_t *to = (uint8_t *)r->target->scratch + f->offset;
	const uint8_t *from = take(r, (size_t)f->count * size);

	if (!from)
		return refuse(r, EINVAL, "the state is cut off in field %s", f->name);
	for (size_t i = 0; i < f->count; i++, from += size) {
		const uint64_t v = state_element(from, f->type);

		if ((limited && v < f->min) || ((limited || f->type == VOLT_F_BOOL) && v > max))
			return refuse(r, EINVAL, "field %s[%zu] is %llu; it must be %llu to %llu",
			    f->name, i, (unsigned long long)v, (unsigned long long)f->min,
			    (unsigned long long)max);
		memcpy(to + i * f->stride, from, size);
	}
	return 0;
}

static int read_field(struct reader *r)
{
	const uint8_t *head = take(r, STATE_FIELD_HEAD);
	const char *name = head ? (const char *)take(r, head[0]) : NULL;

	if (!name)
		return refuse(r, EINVAL, "the state is cut off between its fields");
	if (!state_is_name(name, head[0]))
		return refuse(r, EINVAL, "a field of the state has no valid name");
	const int row = find_row(r, name, head[0]);
	if (row < 0)
		return refuse(
		    r, EINVAL, "version %u has no field %.*s", r->version, (int)head[0], name);
	const struct volt_field *f = state_field(r->target->table, (unsigned)row);
	if (r->seen[row]++)
		return refuse(r, EINVAL, "field %s is there twice", f->name);
	if (head[1] != f->type || state_get16(head + 2) != 0 || state_get32(head + 4) != f->count)
		return refuse(r, EINVAL,
		    "field %s has type %u and %u elements; it must be %u and %u", f->name, head[1],
		    state_get32(head + 4), f->type, f->count);
	return read_elements(r, f);
}

static int read_fields(struct reader *r, uint32_t count)
{
	const struct volt_state *s = r->target->table;

	for (uint32_t i = 0; i < count; i++) {
		const int err = read_field(r);

		if (err)
			return err;
	}
	if (r->left > 0)
		return refuse(r, EINVAL, "%zu bytes follow the last field", r->left);
	for (unsigned i = 0; i < s->field_count; i++) {
		const struct volt_field *f = state_field(s, i);

		if (!r->seen[i] && f->since <= r->version)
			return refuse(r, EINVAL, "field %s is missing", f->name);
	}
	return 0;
}

/* Copies the fields alone: other bytes that validate() may have changed stay out. Fields that
 * the section does not have are the instance's own in the copy too. */
void state_commit(const struct state_target *t)
{
	for (unsigned i = 0; i < t->table->field_count; i++) {
		const struct volt_field *f = state_field(t->table, i);

		for (size_t k = 0; k < f->count; k++) {
			const size_t at = f->offset + k * f->stride;

			memcpy((uint8_t *)t->self + at, (const uint8_t *)t->scratch + at,
			    VOLT_F_SIZE(f->type));
		}
	}
}

int state_try(
    const struct state_target *t, const uint8_t *bytes, size_t n, char *why, size_t why_size)
{
	struct reader r = {.target = t, .at = bytes, .left = n, .why = why, .why_size = why_size};
	int err = read_head(&r);

	if (err)
		return err;
	memcpy(t->scratch, t->self, t->instance_size);
	err = read_fields(&r, state_get32(bytes + 12));
	if (err)
		return err;
	if (t->table->validate && t->table->validate(t->scratch) != 0)
		return refuse(&r, EINVAL, "%s cannot be in this state", t->plugin);
	return 0;
}

int state_load(
    const struct state_target *t, const uint8_t *bytes, size_t n, char *why, size_t why_size)
{
	const int err = state_try(t, bytes, n, why, why_size);

	if (err)
		return err;
	state_commit(t);
	return 0;
}
