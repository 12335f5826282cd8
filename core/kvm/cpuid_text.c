/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kvm/cpuid_mask.h"

const char *const cpuid_registers[] = {"EAX", "EBX", "ECX", "EDX"};

const struct cpuid_mask_row *cpuid_mask_find(
    const struct cpuid_mask *m, uint32_t leaf, uint32_t subleaf, uint8_t reg)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct cpuid_mask_row *r = &m->rows[i];

		if (r->leaf == leaf && r->subleaf == subleaf && r->reg == reg)
			return r;
	}
	return NULL;
}

bool cpuid_mask_add(struct cpuid_mask *m, const struct cpuid_mask_row *row)
{
	const struct cpuid_mask_row *r = cpuid_mask_find(m, row->leaf, row->subleaf, row->reg);

	if (r) {
		m->rows[r - m->rows].bits |= row->bits;
		return true;
	}
	if (m->count == CPUID_MASK_MAX)
		return false;
	m->rows[m->count++] = *row;
	return true;
}

/* A hexadecimal number and the blanks in front of it. False: there is none of 32 bits. */
static bool take_number(const char **at, uint32_t *value)
{
	char *end;

	*at += strspn(*at, " ");
	if (!strchr("0123456789abcdefABCDEF", **at) || **at == '\0')
		return false;
	const unsigned long v = strtoul(*at, &end, 16);
	if (v > UINT32_MAX)
		return false;
	*at = end;
	*value = (uint32_t)v;
	return true;
}

static bool take_word(const char **at, const char *word)
{
	const size_t n = strlen(word);

	*at += strspn(*at, " ");
	if (strncmp(*at, word, n) != 0 || (*at)[n] != ' ')
		return false;
	*at += n;
	return true;
}

static bool parse_line(const char *line, struct cpuid_mask_row *row)
{
	if (!take_word(&line, "cpuid") || !take_number(&line, &row->leaf) ||
	    !take_number(&line, &row->subleaf))
		return false;
	for (row->reg = 0; row->reg < 4; row->reg++)
		if (take_word(&line, cpuid_registers[row->reg]))
			return take_number(&line, &row->bits) && line[strspn(line, " ")] == '\0';
	return false;
}

uint32_t cpuid_mask_parse(struct cpuid_mask *m, const char *text)
{
	uint32_t number = 1;

	m->count = 0;
	for (const char *end; *text; text = end + (*end == '\n'), number++) {
		struct cpuid_mask_row row;
		char line[128];

		end = text + strcspn(text, "\n");
		if (text == end || *text == '#')
			continue;
		const int n = snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		if (n >= (int)sizeof(line) || !parse_line(line, &row) || !cpuid_mask_add(m, &row))
			return number;
	}
	return m->count > 0 ? 0 : number;
}
