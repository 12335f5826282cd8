/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/snapshot/snapshot.h"

#define CHUNK (1u << 20)

static int copy_range(int from, int to, struct snapshot_range r)
{
	static uint8_t buffer[CHUNK];

	while (r.length > 0) {
		const size_t want = r.length < CHUNK ? r.length : CHUNK;
		const ssize_t n = pread(from, buffer, want, (off_t)r.offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		const int err = file_put(to, buffer, (size_t)n, r.offset);
		if (err)
			return err;
		r.offset += (uint64_t)n;
		r.length -= (uint64_t)n;
	}
	return 0;
}

static int copy_ranges(const struct old_folder *from, int to)
{
	int err = 0;

	for (uint64_t i = 0; i < from->ram.ranges; i++) {
		err = copy_range(from->memory, to, snapshot_range(&from->ram, i));
		if (err)
			return err;
	}
	return 0;
}

int memory_copy(const struct old_folder *from, int to)
{
	if (ioctl(to, FICLONE, from->memory) == 0)
		return 0;
	return ftruncate(to, (off_t)from->file.ram) == 0 ? copy_ranges(from, to) : -errno;
}

/* The base's memory, and the diff's over it. */
static int copy_both(const struct old_folder *base, const struct old_folder *diff, int to)
{
	const int err = memory_copy(base, to);

	return err ? err : copy_ranges(diff, to);
}

static struct snapshot_range take_first(
    const struct snapshot_ram *a, uint64_t *i, const struct snapshot_ram *b, uint64_t *k)
{
	if (*k == b->ranges ||
	    (*i < a->ranges && snapshot_range(a, *i).offset <= snapshot_range(b, *k).offset))
		return snapshot_range(a, (*i)++);
	return snapshot_range(b, (*k)++);
}

/* What lies in either. */
static int unite(const struct snapshot_ram *a, const struct snapshot_ram *b, struct ranges *out)
{
	uint64_t i = 0, k = 0, end = 0;
	int err = 0;

	while (!err && (i < a->ranges || k < b->ranges)) {
		const struct snapshot_range r = take_first(a, &i, b, &k);
		const uint64_t last = r.offset + r.length;
		const uint64_t start = r.offset > end ? r.offset : end;

		if (last > start)
			err = ranges_add(out, start, last - start);
		end = last > end ? last : end;
	}
	return err;
}

static int check_pair(const struct old_folder *base, const struct old_folder *diff)
{
	char uuid[37];

	if (base->ram.kind != SNAPSHOT_RAM_FULL)
		return snap_say(
		    SNAP_FAILED, "%s: is a diff; merge it with its own base first", base->path);
	if (diff->ram.kind != SNAPSHOT_RAM_DIFF)
		return snap_say(SNAP_FAILED, "%s: is not a diff snapshot", diff->path);
	uuid_print(diff->ram.base, uuid);
	if (memcmp(diff->ram.base, base->file.uuid, 16) != 0 || diff->file.ram != base->file.ram)
		return snap_say(SNAP_FAILED, "%s: is not the base of %s, which is %s", base->path,
		    diff->path, uuid);
	if (base->memory_size < base->file.ram || diff->memory_size < diff->file.ram)
		return snap_say(SNAP_FAILED, "the snapshot's memory is shorter than its guest's");
	return SNAP_DONE;
}

static int unite_into(const struct new_folder *to, const struct old_folder *base,
    const struct old_folder *diff, struct ranges *ranges, uint8_t **bytes, size_t *n)
{
	const uint8_t none[16] = {0};
	int err = copy_both(base, diff, to->memory);

	if (err)
		return err;
	err = unite(&base->ram, &diff->ram, ranges);
	if (err)
		return err;
	return state_rewrite(
	    &diff->file, ranges, SNAPSHOT_RAM_FULL, none, "merged=yes\n", bytes, n);
}

static int merge(const struct old_folder *base, const struct old_folder *diff, const char *path)
{
	struct new_folder to;
	struct ranges ranges = {0};
	uint8_t *bytes = NULL;
	size_t n = 0;

	int code = folder_begin(&to, path);
	if (code != SNAP_DONE)
		return code;
	const int err = unite_into(&to, base, diff, &ranges, &bytes, &n);
	if (err) {
		code = snap_say(SNAP_OUTPUT, "%s: cannot write it: %s", path, strerror(-err));
		folder_drop(&to);
	} else {
		code = folder_finish(&to, bytes, n);
	}
	free(bytes);
	free(ranges.list);
	return code;
}

int verb_merge(const struct snap_options *o)
{
	struct old_folder base, diff;

	if (!o->words[0] || !o->words[1] || !o->words[2] || o->words[3])
		return snap_say(
		    SNAP_USAGE, "merge: give the base, its diff and a name for the new snapshot");
	int code = folder_open(&base, o->words[0]);
	if (code != SNAP_DONE)
		return code;
	code = folder_open(&diff, o->words[1]);
	if (code == SNAP_DONE) {
		code = check_pair(&base, &diff);
		if (code == SNAP_DONE)
			code = merge(&base, &diff, o->words[2]);
		folder_close(&diff);
	}
	folder_close(&base);
	return code;
}
