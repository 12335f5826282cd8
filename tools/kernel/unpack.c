/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tools/kernel/xz.h"

#define CHUNK           65536u
#define ZSTD_MEMORY_MAX (128u << 20)

static const struct format {
	const char *name, *magic;
	unsigned magic_size;
	int filter; /* of libarchive; LZMA and xz are read without it */
	bool size_follows;
} formats[] = {
    {"gzip", "\x1f\x8b", 2, ARCHIVE_FILTER_GZIP, false},
    {"bzip2", "BZ", 2, ARCHIVE_FILTER_BZIP2, true},
    {"lzma", "\x5d\0", 2, ARCHIVE_FILTER_LZMA, true},
    {"xz",
	"\xfd"
	"7zXZ",
	5, ARCHIVE_FILTER_XZ, true},
    {"lzo", "\x89LZO", 4, ARCHIVE_FILTER_LZOP, true},
    {"lz4", "\x02\x21\x4c\x18", 4, ARCHIVE_FILTER_LZ4, true},
    {"zstd", "\x28\xb5\x2f\xfd", 4, ARCHIVE_FILTER_ZSTD, true},
    {"none",
	"\x7f"
	"ELF",
	4, ARCHIVE_FILTER_NONE, false},
};

static const struct format *find_format(const uint8_t *payload, size_t size)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (size >= formats[i].magic_size &&
		    memcmp(payload, formats[i].magic, formats[i].magic_size) == 0)
			return &formats[i];
	return NULL;
}

const char *unpack_name(const uint8_t *payload, size_t size)
{
	const struct format *f = find_format(payload, size);

	return f ? f->name : NULL;
}

/* Counts what goes on to the caller's sink. */
struct meter {
	unpack_sink sink;
	void *arg;
	uint64_t count;
};

static int meter_take(void *arg, const void *bytes, size_t size)
{
	struct meter *m = arg;

	m->count += size;
	return m->sink(m->arg, bytes, size);
}

/* ----------------------------------------------------------------- libarchive */

static int refuse_archive(struct archive *a, char *why, size_t why_size)
{
	const char *text = archive_error_string(a);

	if (!text)
		text = "no reason";
	snprintf(why, why_size, "is damaged: %s", text);
	return -EINVAL;
}

/* The filter is named, so that nothing is guessed and none is applied twice. */
static int open_stream(struct archive *a, int filter, const uint8_t *stream, size_t size)
{
	struct archive_entry *entry;

	if (archive_read_support_format_raw(a) < ARCHIVE_WARN ||
	    archive_read_append_filter(a, filter) < ARCHIVE_WARN ||
	    archive_read_open_memory(a, stream, size) < ARCHIVE_WARN ||
	    archive_read_next_header(a, &entry) < ARCHIVE_WARN)
		return -EINVAL;
	return 0;
}

static int pump(struct archive *a, struct meter *to, char *why, size_t why_size)
{
	static uint8_t chunk[CHUNK];

	for (;;) {
		la_ssize_t n = archive_read_data(a, chunk, sizeof(chunk));

		if (n == 0)
			return 0;
		if (n < 0)
			return refuse_archive(a, why, why_size);
		const int err = meter_take(to, chunk, (size_t)n);
		if (err)
			return sink_refused(err, why, why_size);
	}
}

static int filter_stream(
    int filter, const uint8_t *stream, size_t size, struct meter *to, char *why, size_t why_size)
{
	struct archive *a = archive_read_new();

	if (!a) {
		snprintf(why, why_size, "no memory");
		return -ENOMEM;
	}
	const int err = open_stream(a, filter, stream, size) ? refuse_archive(a, why, why_size)
							     : pump(a, to, why, why_size);

	archive_read_free(a);
	return err;
}

int unpack_gzip(
    const uint8_t *stream, size_t size, unpack_sink sink, void *arg, char *why, size_t why_size)
{
	struct meter to = {sink, arg, 0};

	return filter_stream(ARCHIVE_FILTER_GZIP, stream, size, &to, why, why_size);
}

/* ----------------------------------------------------------------- payloads */

/*
 * The memory that a zstd frame needs, by its head: RFC 8878, 3.1.1.1. libarchive takes no more than
 * ZSTD_MEMORY_MAX, with which Linux packs, but not always tells that this was why. Blocks of
 * bzip2 and lz4 have 8 MiB at most.
 */
static uint64_t zstd_memory(const uint8_t *frame, size_t size)
{
	static const uint8_t id_bytes[] = {0, 1, 2, 4};
	const uint8_t flags = size > 5 ? frame[4] : 0;
	const size_t at = 5 + id_bytes[flags & 3], width = (size_t)1 << (flags >> 6);
	uint64_t content = 0;

	if (size <= 5)
		return 0;
	if (!(flags & 0x20)) {
		const uint64_t base = UINT64_C(1) << (10 + (frame[5] >> 3));

		return base + base / 8 * (frame[5] & 7);
	}
	if (at + width > size)
		return 0;
	memcpy(&content, frame + at, width);
	return content;
}

static int check_memory(
    const struct format *f, const uint8_t *payload, size_t size, char *why, size_t why_size)
{
	const uint64_t needs = f->filter == ARCHIVE_FILTER_ZSTD ? zstd_memory(payload, size) : 0;

	if (needs <= ZSTD_MEMORY_MAX)
		return 0;
	snprintf(why, why_size, "needs %llu MiB of memory to unpack, and may use %u",
	    (unsigned long long)(needs >> 20), ZSTD_MEMORY_MAX >> 20);
	return -ENOMEM;
}

/* libarchive would start a program for it. */
static int refuse_lzo(char *why, size_t why_size)
{
	snprintf(why, why_size,
	    "cannot be unpacked here, as no distribution packs kernels for x86-64 so; volt boots "
	    "the "
	    "bzImage itself");
	return -ENOEXEC;
}

static int unpack_by(const struct format *f, const uint8_t *payload, size_t size, struct meter *to,
    char *why, size_t why_size)
{
	int err = check_memory(f, payload, size, why, why_size);

	if (err)
		return err;
	if (f->filter == ARCHIVE_FILTER_LZOP)
		return refuse_lzo(why, why_size);
	if (f->filter == ARCHIVE_FILTER_XZ || f->filter == ARCHIVE_FILTER_LZMA)
		return xz_unpack(
		    payload, size, f->filter == ARCHIVE_FILTER_LZMA, meter_take, to, why, why_size);
	if (f->filter != ARCHIVE_FILTER_NONE)
		return filter_stream(f->filter, payload, size, to, why, why_size);
	err = meter_take(to, payload, size);
	if (err == -EFBIG)
		snprintf(why, why_size, "unpacks to more than a kernel has");
	return err;
}

int unpack_payload(
    const uint8_t *payload, size_t size, unpack_sink sink, void *arg, char *why, size_t why_size)
{
	const struct format *f = find_format(payload, size);
	struct meter to = {sink, arg, 0};
	char reason[256] = "";
	uint32_t said;

	if (!f || size < 8) {
		snprintf(why, why_size,
		    "the payload of %zu bytes begins with none of the compressions that Linux has",
		    size);
		return -ENOEXEC;
	}
	memcpy(&said, payload + size - sizeof(said), sizeof(said));
	if (f->size_follows)
		size -= sizeof(said);
	int err = unpack_by(f, payload, size, &to, reason, sizeof(reason));
	if (err) {
		snprintf(why, why_size, "the %s payload %s", f->name, reason);
		return err;
	}
	if (f->filter != ARCHIVE_FILTER_NONE && said != (uint32_t)to.count) {
		snprintf(why, why_size,
		    "the %s payload unpacks to %llu bytes, and says to be of %u", f->name,
		    (unsigned long long)to.count, said);
		return -EINVAL;
	}
	return 0;
}

int unpack_stream(
    const uint8_t *stream, size_t size, unpack_sink sink, void *arg, char *why, size_t why_size)
{
	const struct format *f = find_format(stream, size);
	struct meter to = {sink, arg, 0};

	if (!f) {
		snprintf(why, why_size, "begins with none of the compressions that Linux has");
		return -ENOEXEC;
	}
	return unpack_by(f, stream, size, &to, why, why_size);
}
