/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <stdio.h>
#include <string.h>

#include "sdk/common/state.h"
#include "tools/snapshot/snapshot.h"

/* It may come from anywhere, and goes to a terminal: without control characters. */
static void print_safely(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)bytes[i];

		putchar(c == '\n' || (c >= 0x20 && c < 0x7f) ? c : '?');
	}
}

static void print_kind(uint32_t kind)
{
	char text[4];

	memcpy(text, &kind, sizeof(text));
	print_safely(text, sizeof(text));
}

static void print_text(const struct snapshot *s, uint32_t kind)
{
	struct snapshot_row row;
	const int number = snapshot_find(s, kind, 0, NULL);

	if (number < 0)
		return;
	snapshot_row(s, (uint32_t)number, &row);
	print_safely((const char *)s->bytes + row.offset, row.length);
}

/* Names of a device's fields: sdk/common/state.h has the layout. */
static void print_fields(const uint8_t *bytes, size_t n)
{
	static const uint8_t sizes[] = {0, 1, 2, 4, 8, 1};
	size_t at = STATE_HEAD;

	if (n < STATE_HEAD)
		return;
	at += bytes[10] + (size_t)bytes[11];
	while (at + STATE_FIELD_HEAD < n) {
		const uint8_t *field = bytes + at;
		uint32_t count;

		memcpy(&count, field + 4, sizeof(count));
		if (field[1] >= sizeof(sizes) || at + STATE_FIELD_HEAD + field[0] > n)
			return;
		printf("      ");
		print_safely((const char *)field + STATE_FIELD_HEAD, field[0]);
		printf(count == 1 ? "\n" : "[%u]\n", count);
		at += STATE_FIELD_HEAD + field[0] + (size_t)count * sizes[field[1]];
	}
}

static void print_sections(const struct snapshot *s)
{
	puts("sections:");
	for (uint32_t i = 0; i < s->rows; i++) {
		struct snapshot_row row;

		snapshot_row(s, i, &row);
		printf("  ");
		print_kind(row.kind);
		printf(" %-3u version %-3u %8llu bytes  ", row.index, row.version,
		    (unsigned long long)row.length);
		print_safely(row.name, strlen(row.name));
		putchar('\n');
		if (row.kind == SNAPSHOT_DEV)
			print_fields(s->bytes + row.offset, row.length);
	}
}

/* A name of a section, as text of printable characters. */
static const char *safe_name(const char *name, char text[33])
{
	size_t n = 0;

	for (; n < 32 && name[n] != '\0'; n++)
		text[n] =
		    (unsigned char)name[n] >= 0x20 && (unsigned char)name[n] < 0x7f ? name[n] : '?';
	text[n] = '\0';
	return text;
}

static void say_damaged(const struct old_folder *f, const struct snapshot_row *row)
{
	char kind[5] = "", kind_text[33], name_text[33];

	memcpy(kind, &row->kind, sizeof(row->kind));
	snap_say(SNAP_FAILED, "%s/state: section %s %u %s is damaged", f->path,
	    safe_name(kind, kind_text), row->index, safe_name(row->name, name_text));
}

static uint64_t bytes_of(const struct snapshot_ram *ram)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < ram->ranges; i++)
		n += snapshot_range(ram, i).length;
	return n;
}

static void print_wset(const struct snapshot *s)
{
	struct snapshot_ram wset;
	char why[128];

	if (!snapshot_read_wset(s, &wset, why, sizeof(why)))
		printf("read ahead: %s\n", why);
	else if (wset.list)
		printf("read ahead %llu KiB in %llu ranges\n",
		    (unsigned long long)(bytes_of(&wset) >> 10), (unsigned long long)wset.ranges);
}

int verb_show(const struct snap_options *o)
{
	struct old_folder f;
	char uuid[37];

	if (!o->words[0] || o->words[1])
		return snap_say(SNAP_USAGE, "show: give one snapshot's folder");
	const int code = folder_open(&f, o->words[0]);
	if (code != SNAP_DONE)
		return code;
	uuid_print(f.file.uuid, uuid);
	printf("uuid %s\n", uuid);
	if (f.ram.kind == SNAPSHOT_RAM_DIFF) {
		uuid_print(f.ram.base, uuid);
		printf("diff of %s\n", uuid);
	}
	printf("saved %llu KiB of memory in %llu ranges\n",
	    (unsigned long long)(bytes_of(&f.ram) >> 10), (unsigned long long)f.ram.ranges);
	print_wset(&f.file);
	print_text(&f.file, SNAPSHOT_META);
	print_text(&f.file, SNAPSHOT_CONF);
	print_sections(&f.file);
	folder_close(&f);
	return SNAP_DONE;
}

int verb_verify(const struct snap_options *o)
{
	struct old_folder f;
	int code;

	if (!o->words[0] || o->words[1])
		return snap_say(SNAP_USAGE, "verify: give one snapshot's folder");
	code = folder_open(&f, o->words[0]);
	if (code != SNAP_DONE)
		return code;
	for (uint32_t i = 0; i < f.file.rows; i++) {
		struct snapshot_row row;

		snapshot_row(&f.file, i, &row);
		if (snapshot_section(&f.file, &row))
			continue;
		say_damaged(&f, &row);
		code = SNAP_FAILED;
	}
	if (f.memory_size < f.file.ram)
		code = snap_say(
		    SNAP_FAILED, "%s/memory: it is shorter than the guest's memory", f.path);
	if (code == SNAP_DONE && !o->quiet)
		printf("%s: state and size of the memory are in order\n", f.path);
	folder_close(&f);
	return code;
}
