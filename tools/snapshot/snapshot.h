/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt-snapshot: saves running VMs, and shows, checks, merges what was saved. A program of its own,
 * run by `volt snapshot`, so that the monitor carries none of it.
 *
 *   snapshot.c   options and verbs
 *   save.c       receives a VM and writes it
 *   folder.c     a new folder that gets its name when all is in it, and what is read of one
 *   show.c       show and verify
 *   merge.c      a diff and its base
 *   record.c     which pages a restored guest touches first
 *
 * A snapshot is a folder with two files, `state` and `memory`: docs/snapshot-format.md.
 */
#ifndef TOOLS_SNAPSHOT_H
#define TOOLS_SNAPSHOT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "sdk/common/snapshot.h"

enum {
	SNAP_DONE = 0,
	SNAP_FAILED = 1, /* the VM refused, or the snapshot is not in order */
	SNAP_USAGE = 2,
	SNAP_UNREACHED = 3,
	SNAP_OUTPUT = 4, /* the snapshot, or the answer, could not be written */
};

/* One line on standard error, after "volt snapshot: ". Returns `code`. */
__attribute__((format(printf, 2, 3))) int snap_say(int code, const char *fmt, ...);

/* ---------------------------------------------------------------- new folders */

/* One that is being written, beside the place where it will be. */
struct new_folder {
	const char *path; /* its name at the end */
	char temporary[PATH_MAX];
	int dir, memory; /* descriptors */
};

/* SNAP_DONE, or another code, whose reason is printed. */
int folder_begin(struct new_folder *f, const char *path);
/* Writes `bytes` as the file `state` and gives the folder its name; all of it is on the disk
 * then. */
int folder_finish(struct new_folder *f, const uint8_t *bytes, size_t n);
/* Writes all of `bytes` at that place of a file. 0 or -errno. */
int file_put(int fd, const uint8_t *bytes, size_t n, uint64_t at);
/* Writes it as the file `state` and no more: the folder keeps its temporary name. 0 or -errno. */
int folder_write_state(const struct new_folder *f, const uint8_t *bytes, size_t n);
/* Takes back what was made. */
void folder_drop(struct new_folder *f);

/* A snapshot that is there, its state file in memory. */
struct old_folder {
	const char *path;
	uint8_t *bytes;
	struct snapshot file;
	struct snapshot_ram ram;
	int memory; /* a descriptor; -1: not opened */
	uint64_t memory_size;
};

int folder_open(struct old_folder *f, const char *path);
void folder_close(struct old_folder *f);
/* Puts another file in the place of its `state`, at once: whoever opens it finds either. 0 or
 * -errno. */
int folder_replace_state(const struct old_folder *f, const uint8_t *bytes, size_t n);
/* Copies all of the memory; shares its blocks where the file system can. 0 or -errno. */
int memory_copy(const struct old_folder *from, int to);

/* ---------------------------------------------------------------- state files */

/* What the section `ram ` is made of. */
struct ranges {
	struct snapshot_range *list;
	uint64_t count, room;
};

/* Adds a range behind the others, or makes the last one longer. 0 or -errno. */
int ranges_add(struct ranges *r, uint64_t offset, uint64_t length);
/* Adds one wherever it lies. */
int ranges_append(struct ranges *r, uint64_t offset, uint64_t length);

/* Copies a state file, with the section `ram ` of these ranges in place of its own, `meta` lines
 * behind its own, and a new UUID. *bytes is the caller's to free. 0 or -errno. */
int state_rewrite(const struct snapshot *from, const struct ranges *ranges, uint32_t kind,
    const uint8_t base[16], const char *meta, uint8_t **bytes, size_t *n);
/* Copies a state file with a section `wset` of these ranges in place of its own. It is the same
 * snapshot still, with the same UUID. 0 or -errno. */
int state_put_wset(
    const struct snapshot *from, const struct ranges *wset, uint8_t **bytes, size_t *n);
void uuid_print(const uint8_t uuid[16], char text[37]);

/* -------------------------------------------------------------------- verbs */

struct snap_options {
	bool stop, diff, quiet;
	unsigned timeout;
	unsigned after;    /* ms; 0: not given */
	const char *until; /* or a text */
	const char *note;
	const char *volt; /* the program volt */
	char **words;     /* after the verb; NULL at the end */
};

int verb_save(const struct snap_options *o);
int verb_show(const struct snap_options *o);
int verb_verify(const struct snap_options *o);
int verb_merge(const struct snap_options *o);
int verb_record(const struct snap_options *o);

#endif
