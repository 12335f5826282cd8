/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/kernel/say.h"
#include "tools/kernel/unpack.h"
#include "tools/kernel/xz.h"

#define MAGIC "!<arch>\n"
#define CHUNK 65536u

bool package_has_magic(int fd)
{
	char start[sizeof(MAGIC) - 1];

	return pread(fd, start, sizeof(start), 0) == (ssize_t)sizeof(start) &&
	       memcmp(start, MAGIC, sizeof(start)) == 0;
}

struct reader {
	const char *name; /* of the package */
	struct archive *outer, *inner;
	struct stage *stage;
	struct package *package;
	uint64_t inspected;
	uint8_t chunk[CHUNK];

	struct xz xz;
	const void *first; /* of data.tar, read already */
	la_ssize_t first_size;
};

static int damaged(const struct reader *r, struct archive *a)
{
	const char *text = archive_error_string(a);

	return log_error(
	    EINVAL, "%s: the package is damaged: %s", r->name, text ? text : "no reason");
}

/* ----------------------------------------------------------------- the members */

/* The text after `start`, or NULL. */
static const char *after(const char *path, const char *start)
{
	size_t len = strlen(start);

	return strncmp(path, start, len) == 0 ? path + len : NULL;
}

/* All parts of the package must be of one version. */
static int take_version(struct reader *r, const char *text, size_t len)
{
	char *version = r->package->version;

	if (len == 0 || len >= sizeof(r->package->version))
		return log_error(
		    EINVAL, "%s: its version has %zu letters, which is too long", r->name, len);
	if (version[0] != '\0' && (strlen(version) != len || strncmp(version, text, len) != 0))
		return log_error(EINVAL, "%s: the package has two versions of Linux, %s and %.*s",
		    r->name, version, (int)len, text);
	memcpy(version, text, len);
	version[len] = '\0';
	return 0;
}

/* Where a member goes: 1 with `to` filled, 0 to leave it out, or -errno, which is logged. */
static int place(struct reader *r, const char *path, char to[STAGE_PATH_MAX])
{
	static const struct {
		const char *start, *name;
	} rows[] = {
	    {"boot/vmlinuz-", "kernel"},
	    {"boot/vmlinux-", "kernel"},
	    {"boot/config-", "config"},
	    {"boot/System.map-", "System.map"},
	};

	path += strspn(path, "./");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *version = after(path, rows[i].start);

		if (!version || strchr(version, '/'))
			continue;
		snprintf(to, STAGE_PATH_MAX, "%s", rows[i].name);
		int err = take_version(r, version, strlen(version));
		return err ? err : 1;
	}
	const char *rest = after(path, "usr/");
	rest = after(rest ? rest : path, "lib/modules/");
	if (!rest)
		return 0;
	size_t len = strcspn(rest, "/");
	if (rest[len] == '\0' || rest[len + 1] == '\0')
		return 0; /* the folder itself */
	int err = take_version(r, rest, len);
	if (err)
		return err;
	if ((size_t)snprintf(to, STAGE_PATH_MAX, "modules/%s", rest + len + 1) >= STAGE_PATH_MAX)
		return log_error(EINVAL, "%s: the path %.80s... is too long", r->name, path);
	return 1;
}

static int spend(struct reader *r, uint64_t bytes)
{
	uint64_t limit = r->stage->limits.inspected;

	r->inspected += bytes;
	if (r->inspected <= limit)
		return 0;
	return log_error(
	    EFBIG, "%s: the package unpacks to more than %s", r->name, say_size(limit));
}

static int copy_chunks(struct reader *r, struct stage_writer *w, const char *to)
{
	for (;;) {
		const la_ssize_t n = archive_read_data(r->inner, r->chunk, sizeof(r->chunk));

		if (n < 0)
			return damaged(r, r->inner);
		if (n == 0)
			return 0;
		int err = spend(r, (uint64_t)n);
		if (err)
			return err;
		err = stage_write(w, r->chunk, (size_t)n);
		if (err == -EFBIG)
			return log_error(
			    EFBIG, "%s: %s is larger than a kernel's files are", r->name, to);
		if (err)
			return log_error(-err, "%s: %s", to, strerror(-err));
	}
}

static int copy_member(struct reader *r, const char *to)
{
	struct stage_writer w;
	const int err = stage_begin(r->stage, &w, to);

	return err ? err : stage_end(&w, copy_chunks(r, &w, to));
}

static int take_member(struct reader *r, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	char to[STAGE_PATH_MAX];

	if (!path)
		return log_error(EINVAL, "%s: the package has a file without a name", r->name);
	int64_t size = archive_entry_size(entry);
	/* A member costs time even if it is empty, and its bytes even if they are skipped. */
	int err = spend(r, 512 + (size > 0 ? (uint64_t)size : 0));
	int kept = !err ? place(r, path, to) : err;
	if (kept <= 0)
		return kept;
	if (archive_entry_filetype(entry) == AE_IFDIR)
		return 0;
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)) {
		if (strncmp(to, "modules/", 8) != 0)
			return log_error(EINVAL, "%s: %.80s is not a regular file", r->name, path);
		r->package->left_out++;
		return 0;
	}
	err = copy_member(r, to);
	if (err)
		return err;
	if (strncmp(to, "modules/", 8) == 0)
		r->package->modules++;
	return 0;
}

/* ---------------------------------------------------------------- the archives */

static int refuse_inner(struct archive *inner, const char *text)
{
	archive_set_error(inner, EINVAL, "%s", text ? text : "no reason");
	return -1;
}

static la_ssize_t read_outer(struct archive *inner, void *arg, const void **bytes)
{
	static uint8_t chunk[CHUNK];
	struct reader *r = arg;
	la_ssize_t n = archive_read_data(r->outer, chunk, sizeof(chunk));

	if (n < 0)
		return refuse_inner(inner, archive_error_string(r->outer));
	*bytes = chunk;
	return n;
}

/* 1 if it gave more, 0 at the end of data.tar, -1 on an error. */
static int give_xz(struct archive *inner, struct reader *r)
{
	const void *packed = NULL;
	const la_ssize_t n = read_outer(inner, r, &packed);

	if (n < 0)
		return -1;
	xz_give(&r->xz, packed, (size_t)n);
	return n > 0;
}

/* xz and LZMA, for which libarchive has no bound on memory. */
static la_ssize_t read_xz(struct archive *inner, void *arg, const void **bytes)
{
	static uint8_t chunk[CHUNK];
	struct reader *r = arg;
	char why[256];
	int n = 0;

	while (n == 0 && !r->xz.finished) {
		const int more = xz_wants_input(&r->xz) ? give_xz(inner, r) : 1;

		if (more < 0)
			return -1;
		n = xz_take(&r->xz, more == 0, chunk, sizeof(chunk), why, sizeof(why));
		if (n < 0)
			return refuse_inner(inner, why);
	}
	*bytes = chunk;
	return n;
}

static la_ssize_t read_plain(struct archive *inner, void *arg, const void **bytes)
{
	struct reader *r = arg;
	const la_ssize_t n = r->first_size;

	if (n == 0)
		return read_outer(inner, r, bytes);
	r->first_size = 0;
	*bytes = r->first;
	return n;
}

/* Reads the first bytes of data.tar, and chooses by them who unpacks. */
static int open_data(struct reader *r)
{
	const void *bytes = NULL;
	const la_ssize_t n = read_outer(r->inner, r, &bytes);

	if (n < 0)
		return -EINVAL;
	const char *name = unpack_name(bytes, (size_t)n);
	if (!name || (strcmp(name, "xz") != 0 && strcmp(name, "lzma") != 0)) {
		r->first = bytes;
		r->first_size = n;
		return archive_read_open(r->inner, r, NULL, read_plain, NULL) < ARCHIVE_WARN
			   ? -EINVAL
			   : 0;
	}
	if (xz_begin(&r->xz, strcmp(name, "lzma") == 0) != 0)
		return refuse_inner(r->inner, "no memory");
	xz_give(&r->xz, bytes, (size_t)n);
	return archive_read_open(r->inner, r, NULL, read_xz, NULL) < ARCHIVE_WARN ? -EINVAL : 0;
}

static int read_members(struct reader *r)
{
	struct archive_entry *entry;

	for (;;) {
		int got = archive_read_next_header(r->inner, &entry);

		if (got == ARCHIVE_EOF)
			return 0;
		if (got < ARCHIVE_WARN)
			return damaged(r, r->inner);
		int err = take_member(r, entry);
		if (err)
			return err;
	}
}

static int read_data(struct reader *r)
{
	r->inner = archive_read_new();
	if (!r->inner)
		return log_error(ENOMEM, "%s: no memory", r->name);
	archive_read_support_format_tar(r->inner);
	archive_read_support_filter_gzip(r->inner);
	archive_read_support_filter_zstd(r->inner);
	archive_read_support_filter_bzip2(r->inner);
	const int err = open_data(r) ? damaged(r, r->inner) : read_members(r);

	archive_read_free(r->inner);
	xz_end(&r->xz);
	return err;
}

static int find_data(struct reader *r)
{
	struct archive_entry *entry;

	for (unsigned n = 0; n < 16; n++) { /* there are three */
		int got = archive_read_next_header(r->outer, &entry);

		if (got == ARCHIVE_EOF)
			break;
		if (got < ARCHIVE_WARN)
			return damaged(r, r->outer);
		const char *path = archive_entry_pathname(entry);
		if (path && strncmp(path, "data.tar", 8) == 0)
			return read_data(r);
	}
	return log_error(EINVAL, "%s: not a Debian package: no data.tar in it", r->name);
}

int package_unpack(struct package *p, struct stage *s, int fd, const char *name)
{
	static struct reader r;

	*p = (struct package){0};
	r = (struct reader){.name = name, .stage = s, .package = p, .outer = archive_read_new()};
	if (!r.outer)
		return log_error(ENOMEM, "%s: no memory", name);
	archive_read_support_format_ar(r.outer);
	const bool open =
	    lseek(fd, 0, SEEK_SET) == 0 && archive_read_open_fd(r.outer, fd, CHUNK) >= ARCHIVE_WARN;
	const int err = open ? find_data(&r) : damaged(&r, r.outer);
	archive_read_free(r.outer);
	if (err)
		return err;
	if (!stage_find(s, "kernel"))
		return log_error(EINVAL,
		    "%s: no kernel in the package: no file boot/vmlinuz-VERSION%s", name,
		    p->modules > 0 ? " (modules alone are no use)" : "");
	return 0;
}
