/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * explain - the sealed machine on one page, without running it.
 */
#ifndef CORE_EXPLAIN_H
#define CORE_EXPLAIN_H

#include <stdbool.h>

#include <volt/plugin.h>

#include "core/base/lock.h"
#include "core/vm/vm.h"
#include "sdk/common/params.h"

/* After policy_build(): prints address map, lines, files, threads and who may call what
 * and why; as JSON if asked. 0, the exit code of output that was cut off, or -errno; said in the
 * log. */
int explain_print(const struct machine *m, bool json);

/* One open file of the machine and what it is for; `fd` -1 ends the list. */
struct explain_file {
	int fd;
	const char *owner, *use;
};

/* The core's own few, vCPUs, locks, two for each line, messages, four for each stream, doorbells,
 * workers, and what every instance has in its parameters. */
#define EXPLAIN_FILE_MAX \
	(16 + OPTIONS_CPU_MAX + LOCK_MAX + 2 * IRQ_LINES + 4 * STREAM_MAX + DOORBELL_MAX + \
	    MSI_MAX + WORKER_MAX + INSTANCE_MAX * PARAMS_MAX)

/* Fills `files` in the order of their numbers; returns how many there are. */
unsigned explain_files(const struct machine *m, struct explain_file *files, unsigned max);

/* Writes one test of a rule, such as "fd 5" or "arg 1 0xae80", into `text`. */
void explain_test(const char *syscall, const struct volt_arg_test *t, char *text, unsigned size);

/* core/vm/explain_json.c */
int explain_print_json(const struct machine *m);

#endif
