/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/snapshot/snapshot.h"

/* ---------------------------------------------------------------- new folders */

static int cannot(const struct new_folder *f, const char *verb, int err)
{
	return snap_say(SNAP_OUTPUT, "%s: cannot %s: %s", f->path, verb, strerror(err));
}

/* Beside it, so that it is on the same file system, and hidden until it is whole. */
int folder_begin(struct new_folder *f, const char *path)
{
	size_t n = strlen(path);

	*f = (struct new_folder){.path = path, .dir = -1, .memory = -1};
	while (n > 1 && path[n - 1] == '/')
		n--;
	const char *slash = memrchr(path, '/', n);
	const int head = slash ? (int)(slash - path) + 1 : 0;
	if (n == 0 || n + 32 >= sizeof(f->temporary))
		return snap_say(SNAP_USAGE, "\"%s\": no name for a folder", path);
	if (access(path, F_OK) == 0)
		return snap_say(SNAP_OUTPUT, "%s: is there already; give another name", path);
	snprintf(f->temporary, sizeof(f->temporary), "%.*s.volt-snapshot-XXXXXX", head, path);
	if (!mkdtemp(f->temporary)) {
		f->temporary[0] = '\0';
		return cannot(f, "make the folder", errno);
	}
	f->dir = open(f->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir >= 0)
		f->memory = openat(f->dir, "memory", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->memory >= 0)
		return SNAP_DONE;
	const int code = cannot(f, "make its files", errno);
	folder_drop(f);
	return code;
}

void folder_drop(struct new_folder *f)
{
	if (f->dir >= 0) {
		unlinkat(f->dir, "memory", 0);
		unlinkat(f->dir, "state", 0);
		close(f->dir);
	}
	if (f->memory >= 0)
		close(f->memory);
	if (f->temporary[0])
		rmdir(f->temporary);
	*f = (struct new_folder){.dir = -1, .memory = -1};
}

int file_put(int fd, const uint8_t *bytes, size_t n, uint64_t at)
{
	while (n > 0) {
		const ssize_t put = pwrite(fd, bytes, n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		bytes += put;
		at += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

static int fill_state(const struct new_folder *f, int fd, const uint8_t *bytes, size_t n)
{
	const int err = file_put(fd, bytes, n, 0);

	if (err)
		return err;
	/* Nobody is to write them again: a running VM has the memory mapped. */
	if (fchmod(fd, 0400) != 0 || fchmod(f->memory, 0400) != 0 || fsync(fd) != 0 ||
	    fsync(f->memory) != 0 || fsync(f->dir) != 0)
		return -errno;
	return 0;
}

int folder_write_state(const struct new_folder *f, const uint8_t *bytes, size_t n)
{
	const int fd = openat(f->dir, "state", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	const int err = fill_state(f, fd, bytes, n);
	close(fd);
	return err;
}

/* The name itself must be on the disk too. */
static int sync_parent(const struct new_folder *f)
{
	const int parent = openat(f->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (parent < 0)
		return -errno;
	const int err = fsync(parent) == 0 ? 0 : -errno;
	close(parent);
	return err;
}

int folder_finish(struct new_folder *f, const uint8_t *bytes, size_t n)
{
	int err = folder_write_state(f, bytes, n);

	if (err || renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path, RENAME_NOREPLACE) != 0) {
		const int code = cannot(f, "write it", err ? -err : errno);

		folder_drop(f);
		return code;
	}
	err = sync_parent(f);
	const int code = err ? cannot(f, "bring its name to the disk", -err) : SNAP_DONE;
	close(f->dir);
	close(f->memory);
	return code;
}

/* ---------------------------------------------------------------- old folders */

static int refuse(const struct old_folder *f, const char *file, const char *why)
{
	return snap_say(SNAP_FAILED, "%s/%s: %s", f->path, file, why);
}

static int read_state(struct old_folder *f, int dir)
{
	const int fd = openat(dir, "state", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char why[128];

	if (fd < 0)
		return refuse(f, "state", strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > SNAPSHOT_BYTES_MAX) {
		close(fd);
		return refuse(f, "state", "it is not a regular file of at most 16 MiB");
	}
	const size_t size = (size_t)st.st_size;
	f->bytes = malloc(size + 8);
	const ssize_t n = f->bytes ? read(fd, f->bytes, size) : -1;
	close(fd);
	if (n != (ssize_t)size)
		return refuse(f, "state", "it cannot be read to its end");
	if (!snapshot_read(&f->file, f->bytes, size, why, sizeof(why)) ||
	    !snapshot_read_ram(&f->file, &f->ram, why, sizeof(why)))
		return refuse(f, "state", why);
	return SNAP_DONE;
}

int folder_open(struct old_folder *f, const char *path)
{
	struct stat st;

	*f = (struct old_folder){.path = path, .memory = -1};
	const int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return snap_say(
		    SNAP_FAILED, "%s: cannot open the folder: %s", path, strerror(errno));
	int code = read_state(f, dir);
	if (code == SNAP_DONE) {
		f->memory = openat(dir, "memory", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (f->memory < 0 || fstat(f->memory, &st) != 0)
			code = refuse(f, "memory", strerror(errno));
		else
			f->memory_size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	}
	close(dir);
	if (code != SNAP_DONE)
		folder_close(f);
	return code;
}

void folder_close(struct old_folder *f)
{
	free(f->bytes);
	if (f->memory >= 0)
		close(f->memory);
	*f = (struct old_folder){.memory = -1};
}

static int fill_for_good(int fd, const uint8_t *bytes, size_t n)
{
	const int err = file_put(fd, bytes, n, 0);

	if (err)
		return err;
	return fchmod(fd, 0400) == 0 && fsync(fd) == 0 ? 0 : -errno;
}

static int write_beside(int dir, const char *name, const uint8_t *bytes, size_t n)
{
	const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	const int err = fill_for_good(fd, bytes, n);
	close(fd);
	return err;
}

static int take_place(int dir, const char *name)
{
	return renameat(dir, name, dir, "state") == 0 && fsync(dir) == 0 ? 0 : -errno;
}

int folder_replace_state(const struct old_folder *f, const uint8_t *bytes, size_t n)
{
	char name[32];
	const int dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	snprintf(name, sizeof(name), ".state-%d", (int)getpid());
	int err = write_beside(dir, name, bytes, n);
	err = err ? err : take_place(dir, name);
	if (err && err != -EEXIST)
		unlinkat(dir, name, 0);
	close(dir);
	return err;
}

/* ---------------------------------------------------------------- state files */

int ranges_append(struct ranges *r, uint64_t offset, uint64_t length)
{
	if (r->count == r->room) {
		const uint64_t room = r->room ? 2 * r->room : 256;
		struct snapshot_range *grown = realloc(r->list, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->list = grown;
		r->room = room;
	}
	r->list[r->count++] = (struct snapshot_range){.offset = offset, .length = length};
	return 0;
}

int ranges_add(struct ranges *r, uint64_t offset, uint64_t length)
{
	if (r->count > 0) {
		struct snapshot_range *last = &r->list[r->count - 1];

		if (offset < last->offset + last->length)
			return -EPROTO;
		if (offset == last->offset + last->length) {
			last->length += length;
			return 0;
		}
	}
	return ranges_append(r, offset, length);
}

static void put_ram(
    struct snapshot_out *out, const struct ranges *ranges, uint32_t kind, const uint8_t base[16])
{
	const size_t n = SNAPSHOT_RAM_HEAD + ranges->count * SNAPSHOT_RAM_RANGE;
	size_t room;
	uint8_t *to = snapshot_next(out, &room);

	if (room < n) {
		out->overflowed = true;
		return;
	}
	memset(to, 0, SNAPSHOT_RAM_HEAD);
	memcpy(to, &kind, sizeof(kind));
	memcpy(to + 8, base, 16);
	memcpy(to + 24, &ranges->count, sizeof(ranges->count));
	if (ranges->count > 0)
		memcpy(to + SNAPSHOT_RAM_HEAD, ranges->list, n - SNAPSHOT_RAM_HEAD);
	snapshot_put(out, SNAPSHOT_RAM, 1, 0, "", n);
}

static void copy_section(struct snapshot_out *out, const struct snapshot *from,
    const struct snapshot_row *row, const char *more)
{
	const size_t added = row->kind == SNAPSHOT_META ? strlen(more) : 0;
	size_t room;
	uint8_t *to = snapshot_next(out, &room);

	if (room < row->length + added) {
		out->overflowed = true;
		return;
	}
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): no string */
	memcpy(to, from->bytes + row->offset, row->length);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): no string */
	memcpy(to + row->length, more, added);
	snapshot_put(out, row->kind, row->version, row->index, row->name, row->length + added);
}

int state_rewrite(const struct snapshot *from, const struct ranges *ranges, uint32_t kind,
    const uint8_t base[16], const char *meta, uint8_t **bytes, size_t *n)
{
	const bool had = snapshot_find(from, SNAPSHOT_RAM, 0, NULL) >= 0;
	const uint32_t rows = from->rows + (had ? 0 : 1);
	const size_t room = from->size + 2 * SNAPSHOT_ROW + SNAPSHOT_RAM_HEAD + strlen(meta) + 64 +
			    ranges->count * SNAPSHOT_RAM_RANGE;
	struct snapshot_out out;
	struct snapshot_row row;
	uint8_t uuid[16];

	*bytes = malloc(room);
	if (!*bytes)
		return -ENOMEM;
	if (getrandom(uuid, sizeof(uuid), 0) != sizeof(uuid))
		return -errno;
	/* RFC 9562, 5.4 */
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	snapshot_begin(&out, *bytes, room, rows);
	for (uint32_t i = 0; i < from->rows; i++) {
		snapshot_row(from, i, &row);
		if (row.kind != SNAPSHOT_RAM)
			copy_section(&out, from, &row, meta);
	}
	put_ram(&out, ranges, kind, base);
	*n = snapshot_end(&out, from->ram, uuid);
	return *n > 0 ? 0 : -E2BIG;
}

static void put_wset(struct snapshot_out *out, const struct ranges *wset)
{
	const size_t n = wset->count * SNAPSHOT_RAM_RANGE;
	size_t room;
	uint8_t *to = snapshot_next(out, &room);

	if (room < SNAPSHOT_WSET_HEAD + n) {
		out->overflowed = true;
		return;
	}
	memcpy(to, &wset->count, SNAPSHOT_WSET_HEAD);
	if (n > 0)
		memcpy(to + SNAPSHOT_WSET_HEAD, wset->list, n);
	snapshot_put(out, SNAPSHOT_WSET, 1, 0, "", SNAPSHOT_WSET_HEAD + n);
}

int state_put_wset(
    const struct snapshot *from, const struct ranges *wset, uint8_t **bytes, size_t *n)
{
	const bool had = snapshot_find(from, SNAPSHOT_WSET, 0, NULL) >= 0;
	const size_t room =
	    from->size + SNAPSHOT_ROW + SNAPSHOT_WSET_HEAD + 64 + wset->count * SNAPSHOT_RAM_RANGE;
	struct snapshot_out out;
	struct snapshot_row row;

	*bytes = malloc(room);
	if (!*bytes)
		return -ENOMEM;
	snapshot_begin(&out, *bytes, room, from->rows + (had ? 0 : 1));
	for (uint32_t i = 0; i < from->rows; i++) {
		snapshot_row(from, i, &row);
		if (row.kind != SNAPSHOT_WSET)
			copy_section(&out, from, &row, "");
	}
	put_wset(&out, wset);
	*n = snapshot_end(&out, from->ram, from->uuid);
	return *n > 0 ? 0 : -E2BIG;
}

void uuid_print(const uint8_t uuid[16], char text[37])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[uuid[i] >> 4];
		*text++ = digits[uuid[i] & 15];
	}
	*text = '\0';
}
