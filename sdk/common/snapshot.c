/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "sdk/common/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "sdk/common/state.h"

/* Places of the header's fields. All numbers are little-endian, as this machine's are. */
enum {
	HEAD_VERSION = 8,
	HEAD_ROW_SIZE = 10,
	HEAD_ROWS = 12,
	HEAD_TABLE = 16,
	HEAD_RAM = 24,
	HEAD_PAGE = 32,
	HEAD_UUID = 36,
	HEAD_FLAGS = 52,
	HEAD_TABLE_CRC = 56,
	HEAD_CRC = 60,
};

/* And of a row's. */
enum {
	ROW_VERSION = 4,
	ROW_FLAGS = 6,
	ROW_CRC = 8,
	ROW_INDEX = 12,
	ROW_OFFSET = 16,
	ROW_LENGTH = 24,
	ROW_NAME = 32,
};

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* -------------------------------------------------------------------- reading */

void snapshot_row(const struct snapshot *s, uint32_t number, struct snapshot_row *row)
{
	const uint8_t *p = s->bytes + SNAPSHOT_HEAD + (size_t)number * SNAPSHOT_ROW;

	*row = (struct snapshot_row){.kind = get32(p),
	    .version = get16(p + ROW_VERSION),
	    .flags = get16(p + ROW_FLAGS),
	    .crc = get32(p + ROW_CRC),
	    .index = get32(p + ROW_INDEX),
	    .offset = get64(p + ROW_OFFSET),
	    .length = get64(p + ROW_LENGTH)};
	memcpy(row->name, p + ROW_NAME, 32);
}

static const char *find_head_fault(const uint8_t *bytes, size_t size)
{
	if (size < SNAPSHOT_HEAD || memcmp(bytes, SNAPSHOT_MAGIC, 8) != 0)
		return "it is not a snapshot's state file";
	if (get32(bytes + HEAD_CRC) != state_crc(bytes, HEAD_CRC))
		return "its header is damaged";
	if (get16(bytes + HEAD_VERSION) != SNAPSHOT_VERSION ||
	    get16(bytes + HEAD_ROW_SIZE) != SNAPSHOT_ROW ||
	    get64(bytes + HEAD_TABLE) != SNAPSHOT_HEAD ||
	    get32(bytes + HEAD_PAGE) != SNAPSHOT_PAGE || get32(bytes + HEAD_FLAGS) != 0)
		return "its header is of a version that this volt does not read";
	if (get64(bytes + HEAD_RAM) % SNAPSHOT_PAGE != 0)
		return "its memory is not whole pages";
	const uint32_t rows = get32(bytes + HEAD_ROWS);
	if (rows > SNAPSHOT_ROWS_MAX || (size - SNAPSHOT_HEAD) / SNAPSHOT_ROW < rows)
		return "its table of sections leaves the file";
	if (get32(bytes + HEAD_TABLE_CRC) !=
	    state_crc(bytes + SNAPSHOT_HEAD, (size_t)rows * SNAPSHOT_ROW))
		return "its table of sections is damaged";
	return NULL;
}

/* In the order of the rows, so that no two share a byte. */
static const char *find_row_fault(const struct snapshot *s)
{
	uint64_t at = SNAPSHOT_HEAD + (uint64_t)s->rows * SNAPSHOT_ROW;

	for (uint32_t i = 0; i < s->rows; i++) {
		struct snapshot_row row;

		snapshot_row(s, i, &row);
		if (row.offset < at || row.offset % 8 != 0 || row.offset > s->size ||
		    row.length > s->size - row.offset)
			return "a section leaves the file, or lies over another";
		at = row.offset + row.length;
	}
	return NULL;
}

bool snapshot_read(
    struct snapshot *s, const uint8_t *bytes, size_t size, char *why, size_t why_size)
{
	const char *fault =
	    size > SNAPSHOT_BYTES_MAX ? "it is larger than 16 MiB" : find_head_fault(bytes, size);

	if (!fault) {
		*s = (struct snapshot){.bytes = bytes,
		    .size = size,
		    .rows = get32(bytes + HEAD_ROWS),
		    .ram = get64(bytes + HEAD_RAM)};
		memcpy(s->uuid, bytes + HEAD_UUID, sizeof(s->uuid));
		fault = find_row_fault(s);
	}
	if (fault)
		snprintf(why, why_size, "%s", fault);
	return !fault;
}

int snapshot_find(const struct snapshot *s, uint32_t kind, uint32_t index, const char *name)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		struct snapshot_row row;

		snapshot_row(s, i, &row);
		if (row.kind == kind && (name ? strcmp(row.name, name) == 0 : row.index == index))
			return (int)i;
	}
	return -1;
}

const uint8_t *snapshot_section(const struct snapshot *s, const struct snapshot_row *row)
{
	const uint8_t *bytes = s->bytes + row->offset;

	return state_crc(bytes, row->length) == row->crc ? bytes : NULL;
}

struct snapshot_range snapshot_range(const struct snapshot_ram *ram, uint64_t number)
{
	const uint8_t *p = ram->list + number * SNAPSHOT_RAM_RANGE;

	return (struct snapshot_range){.offset = get64(p), .length = get64(p + 8)};
}

static const char *find_range_fault(const struct snapshot *s, const struct snapshot_ram *ram)
{
	uint64_t at = 0;

	for (uint64_t i = 0; i < ram->ranges; i++) {
		const struct snapshot_range r = snapshot_range(ram, i);

		if (r.offset < at || r.offset > s->ram || r.length == 0 ||
		    r.length > s->ram - r.offset || (r.offset | r.length) % SNAPSHOT_PAGE != 0)
			return "a range of its memory lies outside of it, or over another";
		at = r.offset + r.length;
	}
	return NULL;
}

static const char *find_ram(const struct snapshot *s, struct snapshot_ram *ram)
{
	const int number = snapshot_find(s, SNAPSHOT_RAM, 0, NULL);
	struct snapshot_row row;

	if (number < 0)
		return "it does not say where the memory is";
	snapshot_row(s, (uint32_t)number, &row);
	const uint8_t *p = snapshot_section(s, &row);
	if (!p)
		return "the list of its memory is damaged";
	if (row.length < SNAPSHOT_RAM_HEAD)
		return "the list of its memory is malformed";
	*ram = (struct snapshot_ram){
	    .kind = get32(p), .ranges = get64(p + 24), .list = p + SNAPSHOT_RAM_HEAD};
	memcpy(ram->base, p + 8, sizeof(ram->base));
	if (ram->kind > SNAPSHOT_RAM_DIFF ||
	    (row.length - SNAPSHOT_RAM_HEAD) / SNAPSHOT_RAM_RANGE != ram->ranges ||
	    (row.length - SNAPSHOT_RAM_HEAD) % SNAPSHOT_RAM_RANGE != 0)
		return "the list of its memory is malformed";
	return find_range_fault(s, ram);
}

bool snapshot_read_ram(
    const struct snapshot *s, struct snapshot_ram *ram, char *why, size_t why_size)
{
	const char *fault = find_ram(s, ram);

	if (fault)
		snprintf(why, why_size, "%s", fault);
	return !fault;
}

static const char *find_wset_fault(const struct snapshot *s, const struct snapshot_ram *wset)
{
	uint64_t left = s->ram;

	for (uint64_t i = 0; i < wset->ranges; i++) {
		const struct snapshot_range r = snapshot_range(wset, i);

		if (r.length == 0 || r.length > left || r.offset > s->ram - r.length ||
		    (r.offset | r.length) % SNAPSHOT_PAGE != 0)
			return "a range to read ahead lies outside of its memory";
		left -= r.length;
	}
	return NULL;
}

static const char *find_wset(const struct snapshot *s, struct snapshot_ram *wset)
{
	const int number = snapshot_find(s, SNAPSHOT_WSET, 0, NULL);
	struct snapshot_row row;

	*wset = (struct snapshot_ram){0};
	if (number < 0)
		return NULL;
	snapshot_row(s, (uint32_t)number, &row);
	const uint8_t *p = snapshot_section(s, &row);
	if (!p)
		return "the list of what is read ahead is damaged";
	if (row.length < SNAPSHOT_WSET_HEAD)
		return "the list of what is read ahead is malformed";
	wset->ranges = get64(p);
	wset->list = p + SNAPSHOT_WSET_HEAD;
	if (wset->ranges > SNAPSHOT_WSET_MAX ||
	    row.length != SNAPSHOT_WSET_HEAD + wset->ranges * SNAPSHOT_RAM_RANGE)
		return "the list of what is read ahead is malformed";
	return find_wset_fault(s, wset);
}

bool snapshot_read_wset(
    const struct snapshot *s, struct snapshot_ram *wset, char *why, size_t why_size)
{
	const char *fault = find_wset(s, wset);

	if (fault)
		snprintf(why, why_size, "%s", fault);
	return !fault;
}

/* ------------------------------------------------------------------- building */

void snapshot_begin(struct snapshot_out *out, uint8_t *bytes, size_t room, uint32_t rows)
{
	const size_t start = SNAPSHOT_HEAD + (size_t)rows * SNAPSHOT_ROW;

	*out = (struct snapshot_out){.bytes = bytes,
	    .room = room,
	    .size = start,
	    .room_rows = rows,
	    .overflowed = start > room || rows > SNAPSHOT_ROWS_MAX};
	if (!out->overflowed)
		memset(bytes, 0, start);
}

uint8_t *snapshot_next(struct snapshot_out *out, size_t *room)
{
	*room = out->overflowed ? 0 : out->room - out->size;
	return out->bytes + out->size;
}

void snapshot_put(struct snapshot_out *out, uint32_t kind, uint16_t version, uint32_t index,
    const char *name, size_t length)
{
	const size_t whole = (length + 7) & ~(size_t)7;
	uint8_t *const row = out->bytes + SNAPSHOT_HEAD + (size_t)out->rows * SNAPSHOT_ROW;

	if (out->overflowed || out->rows == out->room_rows || whole > out->room - out->size) {
		out->overflowed = true;
		return;
	}
	put32(row, kind);
	put16(row + ROW_VERSION, version);
	put16(row + ROW_FLAGS, kind == SNAPSHOT_WSET ? 0 : SNAPSHOT_NEEDED);
	put32(row + ROW_CRC, state_crc(out->bytes + out->size, length));
	put32(row + ROW_INDEX, index);
	put64(row + ROW_OFFSET, out->size);
	put64(row + ROW_LENGTH, length);
	memcpy(row + ROW_NAME, name, strnlen(name, 32));
	memset(out->bytes + out->size + length, 0, whole - length);
	out->size += whole;
	out->rows++;
}

size_t snapshot_end(struct snapshot_out *out, uint64_t ram, const uint8_t uuid[16])
{
	uint8_t *const head = out->bytes;

	if (out->overflowed || out->rows != out->room_rows || out->size > SNAPSHOT_BYTES_MAX)
		return 0;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): no string */
	memcpy(head, SNAPSHOT_MAGIC, 8);
	put16(head + HEAD_VERSION, SNAPSHOT_VERSION);
	put16(head + HEAD_ROW_SIZE, SNAPSHOT_ROW);
	put32(head + HEAD_ROWS, out->rows);
	put64(head + HEAD_TABLE, SNAPSHOT_HEAD);
	put64(head + HEAD_RAM, ram);
	put32(head + HEAD_PAGE, SNAPSHOT_PAGE);
	memcpy(head + HEAD_UUID, uuid, 16);
	put32(head + HEAD_TABLE_CRC,
	    state_crc(head + SNAPSHOT_HEAD, (size_t)out->rows * SNAPSHOT_ROW));
	put32(head + HEAD_CRC, state_crc(head, HEAD_CRC));
	return out->size;
}
