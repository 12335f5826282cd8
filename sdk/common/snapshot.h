/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * snapshot - the state file of a snapshot: a header, a table of rows and the sections that the
 * rows describe. docs/snapshot-format.md has every field. The header and the row never change.
 *
 * volt builds one under the seal and reads one before it; volt-snapshot does both. A file that
 * is read may be hostile: snapshot_read() checks that all of it lies where it says, and that no
 * two sections share a byte. Nothing here allocates, logs or keeps anything.
 */
#ifndef SDK_COMMON_SNAPSHOT_H
#define SDK_COMMON_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_MAGIC     "VOLTSNAP"
#define SNAPSHOT_VERSION   1u
#define SNAPSHOT_HEAD      64u
#define SNAPSHOT_ROW       64u
#define SNAPSHOT_ROWS_MAX  1024u
#define SNAPSHOT_BYTES_MAX (16u << 20) /* of the whole file */
#define SNAPSHOT_PAGE      4096u

#define SNAPSHOT_KIND(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define SNAPSHOT_META SNAPSHOT_KIND('m', 'e', 't', 'a')
#define SNAPSHOT_CONF SNAPSHOT_KIND('c', 'o', 'n', 'f')
#define SNAPSHOT_KVM  SNAPSHOT_KIND('k', 'v', 'm', ' ')
#define SNAPSHOT_CPU  SNAPSHOT_KIND('c', 'p', 'u', ' ')
#define SNAPSHOT_DEV  SNAPSHOT_KIND('d', 'e', 'v', ' ')
#define SNAPSHOT_RAM  SNAPSHOT_KIND('r', 'a', 'm', ' ')
#define SNAPSHOT_WSET SNAPSHOT_KIND('w', 's', 'e', 't')

#define SNAPSHOT_NEEDED 1u /* of a row: who does not know its kind must refuse the file */

/* A row of the table, in the host's order. */
struct snapshot_row {
	uint32_t kind;
	uint16_t version, flags;
	uint32_t crc, index;
	uint64_t offset, length;
	char name[33]; /* with its NUL */
};

/* A file in memory, taken apart. */
struct snapshot {
	const uint8_t *bytes;
	size_t size;
	uint32_t rows;
	uint64_t ram;
	uint8_t uuid[16];
};

/* Checks `size` bytes: header, table, and that sections lie in the file, behind each other. Checks
 * no section's sum. True, or false with the reason in `why`. */
bool snapshot_read(
    struct snapshot *s, const uint8_t *bytes, size_t size, char *why, size_t why_size);
void snapshot_row(const struct snapshot *s, uint32_t number, struct snapshot_row *row);
/* The row of that kind and index, or name if it is not NULL. Its number, or -1. */
int snapshot_find(const struct snapshot *s, uint32_t kind, uint32_t index, const char *name);
/* The row's section, or NULL if its sum is wrong. */
const uint8_t *snapshot_section(const struct snapshot *s, const struct snapshot_row *row);

/* Of the section `ram `: which parts of the memory file are not holes. */
#define SNAPSHOT_RAM_HEAD  32u /* u32 kind of it, u32 0, u8[16] base's UUID, u64 ranges */
#define SNAPSHOT_RAM_RANGE 16u /* u64 offset, u64 length */
#define SNAPSHOT_RAM_FULL  0u
#define SNAPSHOT_RAM_DIFF  1u

struct snapshot_ram {
	uint32_t kind; /* SNAPSHOT_RAM_* */
	uint8_t base[16];
	uint64_t ranges;
	const uint8_t *list;
};

struct snapshot_range {
	uint64_t offset, length;
};

/* Finds and checks the section: ranges are whole pages of the memory, ascending, without a common
 * byte. True, or false with the reason in `why`. */
bool snapshot_read_ram(
    const struct snapshot *s, struct snapshot_ram *ram, char *why, size_t why_size);
struct snapshot_range snapshot_range(const struct snapshot_ram *ram, uint64_t number);

/* Of the section `wset`: what a guest touches first after a restore, in that order. */
#define SNAPSHOT_WSET_HEAD 8u    /* u64 ranges; then they, as in `ram ` */
#define SNAPSHOT_WSET_MAX  4096u /* ranges */

/* Finds and checks the section: ranges are whole pages of the memory, and together no more than it
 * has. `list` is NULL where there is none. True, or false with the reason in `why`. */
bool snapshot_read_wset(
    const struct snapshot *s, struct snapshot_ram *wset, char *why, size_t why_size);

/* ------------------------------------------------------------------- building */

struct snapshot_out {
	uint8_t *bytes;
	size_t room, size;
	uint32_t rows, room_rows;
	bool overflowed; /* something did not fit */
};

/* Begins a file of at most `rows` rows in `room` bytes, which are aligned to eight. */
void snapshot_begin(struct snapshot_out *out, uint8_t *bytes, size_t room, uint32_t rows);
/* Where the next section's bytes go, and how many fit. */
uint8_t *snapshot_next(struct snapshot_out *out, size_t *room);
/* Ends the section of `length` bytes that lies there. All kinds must be known to who reads the file
 * but `wset`, without which a restore is slower and no other. */
void snapshot_put(struct snapshot_out *out, uint32_t kind, uint16_t version, uint32_t index,
    const char *name, size_t length);
/* Writes table, header and sums. The bytes of the whole, or 0 if something did not fit. */
size_t snapshot_end(struct snapshot_out *out, uint64_t ram, const uint8_t uuid[16]);

/* ---------------------------------------------------------------- the stream */

/* Records of the stream that vm.save sends: this head, then `length` bytes but for ZERO. */
#define SNAPSHOT_RECORD_MEMORY 1u /* bytes of guest memory, at `offset` of the memory file */
#define SNAPSHOT_RECORD_ZERO   2u /* of a diff: so many zeros there, not those of the base */
#define SNAPSHOT_RECORD_STATE  3u /* the state file, without the section `ram ` */
#define SNAPSHOT_RECORD_END    4u /* nothing follows; `length` is 0 */

struct snapshot_record {
	uint32_t kind, reserved;
	uint64_t offset, length;
};

#define SNAPSHOT_RECORD_MAX (1u << 20) /* bytes of memory in one record */

#endif
