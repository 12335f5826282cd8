/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * stage - a kernel on its way into the store: a folder that nobody looks into yet.
 *
 * Its name begins with a dot, so it is no kernel's, until all of it is written and it is
 * renamed. A lock on it tells others that somebody is at work; one without is litter of a
 * run that was cut short, and the next stage_sweep() removes it.
 */
#ifndef TOOLS_KERNEL_STAGE_H
#define TOOLS_KERNEL_STAGE_H

#include <limits.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAGE_HASH_SIZE 65 /* SHA-256 in hex, with its NUL */
#define STAGE_PATH_MAX  512

/* Names in the store that are nobody's, and end with something of the process. */
#define STAGE_TEMPORARY   ".import-"
#define STAGE_NEW_DEFAULT ".default-"

/* Bounds for what comes out of an untrusted file. */
struct stage_limits {
	uint64_t file;      /* bytes of one file */
	uint64_t total;     /* of all */
	uint32_t count;     /* of files */
	uint32_t depth;     /* of folders */
	uint64_t inspected; /* bytes of an archive's members, taken or not */
};

extern const struct stage_limits stage_limits_default;

struct stage_file {
	char *path; /* within the folder */
	char hash[STAGE_HASH_SIZE];
	uint64_t size;
};

struct stage {
	struct stage_limits limits;
	char folder[PATH_MAX]; /* the store */
	char path[PATH_MAX];   /* of the stage; empty: there is none (any more) */
	int fd;                /* of the stage, locked */
	struct stage_file *files;
	uint32_t count;
	uint64_t total;
};

/* One file that is written. */
struct stage_writer {
	struct stage *stage;
	char path[STAGE_PATH_MAX];
	int fd;
	uint64_t size;
	struct sha256_ctx sum;
};

/* Takes a file of that path back out, if there is one. 0 or -errno, which is logged. */
int stage_drop(struct stage *s, const char *path);
/* Makes a stage in `folder`, which is made if it is not there. 0 or -errno, which is logged. */
int stage_init(struct stage *s, const char *folder);
/* Removes what was not published. Accepts a stage that is all zero. */
void stage_finish(struct stage *s);

/* Begins a file; folders on the way are made. The path must have no "..", no empty part and
 * nothing that is not printable: -EINVAL. There must be no such file: -EEXIST. All said. */
int stage_begin(struct stage *s, struct stage_writer *w, const char *path);
/* An unpack_sink whose `arg` is the writer: 0, -EFBIG above a limit, -EINTR if a signal came
 * (interrupt.h), -errno; not said. */
int stage_write(void *writer, const void *bytes, size_t size);
/* Ends the file; `err` is what went before, and is returned: then the file is not counted. */
int stage_end(struct stage_writer *w, int err);
/* All of a descriptor from where it stands. 0 or -errno, which is logged. */
int stage_copy(struct stage *s, const char *path, int fd);

/* The file of that path, or NULL. */
const struct stage_file *stage_find(const struct stage *s, const char *path);
/* Opens it for reading, or -1. */
int stage_open(const struct stage *s, const char *path);

/* Text of all files' sums in the order of their paths, as sha256sum prints them; to be freed.
 * `hash` is that text's own. NULL: no memory. */
char *stage_manifest(struct stage *s, char hash[STAGE_HASH_SIZE]);

/* Writes a file that the manifest does not have. 0 or -errno, which is logged. */
int stage_put(struct stage *s, const char *path, const char *text);

/* Renames the stage to `name` when all of it is on the disk. 0; -EEXIST, not said, if there
 * is one; or -errno, which is logged. */
int stage_publish(struct stage *s, const char *name);

/* SHA-256 in hex. */
void stage_hash(struct sha256_ctx *sum, char hash[STAGE_HASH_SIZE]);

/* Removes what runs that were cut short left in the store, whose lock is held. */
void stage_sweep(const char *folder);

/* A folder of the program's own, in $TMPDIR or /tmp. 0 or -errno, which is logged. */
int stage_make_temporary(char path[PATH_MAX]);

/* Takes the lock of the store, for as long as the descriptor is open; or -errno, which is logged.
 */
int stage_lock_store(const char *folder);

/* Removes a folder and all in it, following no link. 0 or -errno. */
int stage_remove(const char *path);

/* mkdir -p. 0 or -errno, which is logged. */
int stage_make_folder(const char *path);

#endif
