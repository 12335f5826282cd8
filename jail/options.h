/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * options - volt-jail's own command line; what comes after "--" is volt's.
 */
#ifndef JAIL_OPTIONS_H
#define JAIL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OPTIONS_FILE_MAX 64
#define OPTIONS_GO_ON    (-1)

struct options {
	uid_t uid;
	gid_t gid;
	const char *cgroup; /* NULL: the caller's own */
	uint64_t memory_max, pids_max;
	uint64_t cpu_max; /* percent of one CPU */
	uint64_t nofile, fsize;
	bool has_uid, has_gid, has_memory_max, has_cpu_max, has_pids_max, has_nofile, has_fsize;
	bool user_namespace;
	const char *base;
	const char *files[OPTIONS_FILE_MAX]; /* HOST[=GUEST][:rw] */
	uint32_t file_count;
	char **command; /* volt and its arguments, NULL at the end */
};

/* Returns OPTIONS_GO_ON or what the program shall exit with. */
int options_parse(struct options *o, int argc, char **argv);

/* Cuts one --file into its parts, which point into `copy`. Returns 0 or -EINVAL. */
int options_split_file(const char *text, char *copy, size_t size, const char **host,
    const char **guest, bool *writable);

#endif
