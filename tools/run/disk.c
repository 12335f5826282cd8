/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/disk.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/run/tool.h"

#define BLOCK      4096u
#define INODE      256u
#define SPARE      1024u /* inodes for new files, beside one for each of these: */
#define PER_INODE  (16u << 10)
#define LEAST      (4ull << 20) /* of a file system */
#define PER_GROUP  (1ull << 20) /* what ext4 keeps for itself of each 128 MiB, at most */
#define GROUP_SIZE (128ull << 20)

static void count(const FTSENT *e, struct disk_measure *m)
{
	if (e->fts_info == FTS_DP || e->fts_level < 0)
		return;
	m->files++;
	m->bytes += BLOCK; /* of a folder, of a long link, of a tree of extents */
	if (e->fts_info == FTS_F)
		m->bytes += ((uint64_t)e->fts_statp->st_size + BLOCK - 1) / BLOCK * BLOCK;
}

int disk_measure(const char *folder, const struct disk_measure *most, struct disk_measure *found)
{
	char path[4096];
	char *const roots[] = {path, NULL};
	const FTSENT *e;
	int err = 0;

	*found = (struct disk_measure){0};
	snprintf(path, sizeof(path), "%s", folder);
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!walk)
		return -errno;
	while (!err && (e = fts_read(walk))) {
		if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
			err = -e->fts_errno;
		count(e, found);
		if (found->bytes > most->bytes || found->files > most->files)
			err = -EFBIG;
	}
	fts_close(walk);
	return err;
}

static uint64_t choose_inodes(const struct disk_plan *p, const struct disk_measure *m)
{
	return m->files + SPARE + (p->size ? p->size : p->free_bytes) / PER_INODE;
}

/* In KiB, as mke2fs takes it. Where nobody writes, the file's holes cost nothing. */
static uint64_t choose_size(const struct disk_plan *p, const struct disk_measure *m)
{
	uint64_t bytes = m->bytes + choose_inodes(p, m) * INODE + p->free_bytes;

	if (p->size)
		return p->size / 1024;
	bytes += (bytes / GROUP_SIZE + 2) * PER_GROUP + LEAST;
	return (bytes + BLOCK - 1) / BLOCK * (BLOCK / 1024);
}

int disk_make(const struct disk_plan *p, const struct disk_measure *m, char *why, unsigned why_size)
{
	static struct tool_result result;
	char size[32], inodes[32];

	snprintf(size, sizeof(size), "%lluk", (unsigned long long)choose_size(p, m));
	snprintf(inodes, sizeof(inodes), "%llu", (unsigned long long)choose_inodes(p, m));
	const char *const words[] = {"fakeroot", "-i", p->fakeroot, "--", "mke2fs", "-q", "-F",
	    "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0", "-O",
	    p->journal ? "has_journal" : "^has_journal,^resize_inode", "-E",
	    "root_owner=0:0,lazy_itable_init=1,nodiscard", "-L", p->label ? p->label : "volt-root",
	    "-N", inodes, "-d", p->folder, p->image, size, NULL};
	const int err = tool_run(&result, p->fakeroot ? words : words + 4, false);

	if (err)
		snprintf(why, why_size, "%s%s", tool_reason(&result, err),
		    err == -ENOENT ? ": mke2fs is in the package e2fsprogs, fakeroot in fakeroot"
				   : "");
	return err;
}
