/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <cpuid.h>
#include <errno.h>

#include "state_internal.h"

#define NAME_MAX_LEN 63u
#define ID_MAX_LEN   32u

/* RFC 3720, B.4: CRC-32C, reflected, four bits at a time. */
static uint32_t crc_bytes(uint32_t crc, const uint8_t *bytes, size_t n)
{
	static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	    0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6,
	    0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

/* The same, eight bytes at a time, by the instruction CRC32 of SSE 4.2. */
__attribute__((target("sse4.2"))) static uint32_t crc_words(
    uint32_t crc, const uint8_t *bytes, size_t words)
{
	uint64_t sum = crc, word;

	for (size_t i = 0; i < words; i++) {
		memcpy(&word, bytes + 8 * i, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	return (uint32_t)sum;
}

/* Asked once, and not before it is of use: __builtin_cpu_supports() brings a constructor, which
 * makes each start of a program execute ten CPUID instructions, and in a VM each of them is an
 * exit. */
static bool has_crc_instruction(void)
{
	enum { UNKNOWN, NO, YES };
	static int known;
	unsigned a, b, c = 0, d;
	int has = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (has == UNKNOWN) {
		has = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_2) ? YES : NO;
		__atomic_store_n(&known, has, __ATOMIC_RELAXED);
	}
	return has == YES;
}

uint32_t state_crc(const uint8_t *bytes, size_t n)
{
	const size_t words = has_crc_instruction() ? n / 8 : 0;
	const uint32_t crc = words > 0 ? crc_words(UINT32_MAX, bytes, words) : UINT32_MAX;

	return ~crc_bytes(crc, bytes + 8 * words, n - 8 * words);
}

const struct volt_field *state_field(const struct volt_state *s, unsigned i)
{
	return (const void *)((const char *)s->fields + (size_t)i * s->field_stride);
}

uint64_t state_element(const uint8_t *at, uint16_t type)
{
	uint64_t v = 0;

	memcpy(&v, at, VOLT_F_SIZE(type));
	return v;
}

/* ------------------------------------------------------------------- table */

bool state_is_name(const char *name, size_t n)
{
	if (n == 0 || n > NAME_MAX_LEN || name[0] < 'a' || name[0] > 'z')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
			name[i] == '_' || name[i] == '.'))
			return false;
	return true;
}

static uint64_t type_max(uint16_t type)
{
	if (type == VOLT_F_BOOL)
		return 1;
	return UINT64_MAX >> (64 - 8 * VOLT_F_SIZE(type));
}

static const char *find_field_fault(
    const struct volt_state *s, const struct volt_field *f, uint32_t instance_size)
{
	if (!f->name || !state_is_name(f->name, strlen(f->name)))
		return "its name is not like [a-z][a-z0-9_.]{0,62}";
	if (f->type < VOLT_F_U8 || f->type > VOLT_F_BOOL)
		return "its type is unknown";
	if (f->count == 0 || f->stride < VOLT_F_SIZE(f->type))
		return "it has no element, or they lie over each other";
	/* At most 2^32 + 2^64 - 2^33 + 8: no overflow. */
	if (f->offset + (uint64_t)(f->count - 1) * f->stride + VOLT_F_SIZE(f->type) > instance_size)
		return "it leaves the instance";
	if (f->since > s->version)
		return "it comes from a later version than the table's";
	if (f->min > f->max || f->max > type_max(f->type))
		return "its limits are outside of its type";
	return NULL;
}

/* Does an element of `f` lie in [start, end)? */
static bool touches(const struct volt_field *f, uint64_t start, uint64_t end)
{
	const uint64_t size = VOLT_F_SIZE(f->type);
	uint64_t i = 0;

	/* The first element that ends after `start`. */
	if (start >= f->offset + size)
		i = (start - f->offset - size) / f->stride + 1;
	return i < f->count && f->offset + i * f->stride < end;
}

static bool overlap(const struct volt_field *a, const struct volt_field *b)
{
	const uint64_t size = VOLT_F_SIZE(a->type);

	if (a->stride == size)
		return touches(b, a->offset, a->offset + size * a->count);
	if (b->stride == VOLT_F_SIZE(b->type))
		return overlap(b, a);
	for (uint64_t i = 0; i < a->count; i++)
		if (touches(b, a->offset + i * a->stride, a->offset + i * a->stride + size))
			return true;
	return false;
}

static const char *find_table_fault(const struct volt_state *s)
{
	if (s->size < offsetof(struct volt_state, validate) + sizeof(s->validate))
		return "its size is smaller than that of ABI 0.2";
	if (s->version == 0 || s->oldest == 0 || s->oldest > s->version || s->reserved != 0)
		return "it needs 1 <= oldest <= version, and reserved 0";
	if (s->field_count > VOLT_FIELD_MAX)
		return "it has more than 256 fields";
	if (s->field_count > 0 && (!s->fields || s->field_stride < sizeof(struct volt_field) ||
				      s->field_stride % _Alignof(struct volt_field) != 0))
		return "its table of fields is malformed";
	return NULL;
}

static const char *find_clash(
    const struct volt_state *s, const struct volt_field *f, unsigned i, const char **other)
{
	for (unsigned k = 0; k < i; k++) {
		const struct volt_field *g = state_field(s, k);

		*other = g->name;
		if (strcmp(f->name, g->name) == 0)
			return "has the same name as";
		if (overlap(f, g))
			return "has bytes in common with";
	}
	return NULL;
}

int state_check_table(
    const struct volt_state *s, uint32_t instance_size, char *why, size_t why_size)
{
	const char *fault = find_table_fault(s), *other = NULL;

	if (fault) {
		snprintf(why, why_size, "%s: %s", VOLT_EXT_STATE, fault);
		return -EINVAL;
	}
	for (unsigned i = 0; i < s->field_count; i++) {
		const struct volt_field *f = state_field(s, i);

		fault = find_field_fault(s, f, instance_size);
		if (fault) {
			snprintf(why, why_size, "%s: field %u (%s): %s", VOLT_EXT_STATE, i,
			    f->name ? f->name : "no name", fault);
			return -EINVAL;
		}
		fault = find_clash(s, f, i, &other);
		if (fault) {
			snprintf(why, why_size, "%s: field %s %s field %s", VOLT_EXT_STATE, f->name,
			    fault, other);
			return -EINVAL;
		}
	}
	return 0;
}

/* ------------------------------------------------------------------ saving */

static size_t id_length(const char *id)
{
	return strnlen(id, ID_MAX_LEN);
}

size_t state_size(const struct state_target *t)
{
	size_t n = STATE_SECTION_MIN + id_length(t->id) + id_length(t->plugin);

	for (unsigned i = 0; i < t->table->field_count; i++) {
		const struct volt_field *f = state_field(t->table, i);

		n += STATE_FIELD_HEAD + strlen(f->name) + (size_t)f->count * VOLT_F_SIZE(f->type);
	}
	return n;
}

static uint8_t *put_text(uint8_t *p, const char *text, size_t n)
{
	memcpy(p, text, n);
	return p + n;
}

static uint8_t *put_field(uint8_t *p, const struct volt_field *f, const uint8_t *self)
{
	const size_t name = strlen(f->name), size = VOLT_F_SIZE(f->type);
	/* Elements without a gap are one copy: a buffer has thousands. */
	const size_t run = f->stride == size ? f->count : 1;

	p[0] = (uint8_t)name;
	p[1] = (uint8_t)f->type;
	state_put16(p + 2, 0);
	state_put32(p + 4, f->count);
	p = put_text(p + STATE_FIELD_HEAD, f->name, name);
	for (size_t i = 0; i < f->count; i += run, p += run * size)
		memcpy(p, self + f->offset + i * f->stride, run * size);
	return p;
}

size_t state_save(const struct state_target *t, uint8_t *bytes, size_t size)
{
	const size_t n = state_size(t), id = id_length(t->id), plugin = id_length(t->plugin);
	uint8_t *p = bytes;

	if (size < n || n > UINT32_MAX)
		return 0;
	state_put32(p, STATE_TAG);
	state_put32(p + 4, (uint32_t)n);
	state_put16(p + 8, t->table->version);
	p[10] = (uint8_t)id;
	p[11] = (uint8_t)plugin;
	state_put32(p + 12, t->table->field_count);
	p = put_text(p + STATE_HEAD, t->id, id);
	p = put_text(p, t->plugin, plugin);
	for (unsigned i = 0; i < t->table->field_count; i++)
		p = put_field(p, state_field(t->table, i), t->self);
	state_put32(p, state_crc(bytes, n - 4));
	return n;
}
