/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * reporter - reports what the seccomp filter killed, or in log mode would have killed.
 *
 * The filter's verdict stays KILL_PROCESS, so volt itself cannot speak. But the kernel
 * writes an audit record (type 1326) of every such verdict into its log, with the
 * thread's name and the system call; and each thread notes in a shared page which
 * instance it is calling. The helper, which outlives volt, reads both.
 */
#ifndef CORE_REPORTER_H
#define CORE_REPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/config.h"

struct ledger;

/* The VM's names for what a record has as numbers; the helper has a copy of its memory. */
struct reporter_names {
	uint32_t threads; /* at most; thread 0 is the loop's */
	const void *arg;
	/* Of the thread that calls itself `comm`: its number; 0 if there is none. */
	uint32_t (*thread)(const void *arg, const char *comm);
	/* Of instance `number` from 1: its id; for any other number the core's. */
	const char *(*instance)(const void *arg, uint32_t number);
	/* Of a system call; NULL: not known. */
	const char *(*call)(const void *arg, int number);
};

/* What a record says of volt's death. */
struct reporter_death {
	char thread[17];
	const char *instance, *call; /* call: NULL: not known */
	int number;
};

struct reporter_record {
	char comm[17];
	int syscall;
};

#if VOLT_HAS_AUDIT

/* Where this thread notes which instance it calls (its number from 1; 0: none) in the lower
 * half, and which it called last in the upper; NULL before reporter_register(). */
extern __thread uint32_t *reporter_note;

/* Notes a call into instance `number`; returns the instance whose call it interrupts. Both only
 * with a note to write to. */
static inline uint32_t reporter_enter(uint32_t number)
{
	uint32_t caller = *reporter_note & 0xffff;

	*reporter_note = number << 16 | number;
	return caller;
}

static inline void reporter_leave(uint32_t caller)
{
	*reporter_note = (*reporter_note & 0xffff0000) | caller;
}

/* Opens the kernel's log at its end, while the right to read it is still there. 0, or
 * -errno, which is logged only if `required`. */
int reporter_open(bool required);
int reporter_fd(void); /* -1: not open */
void reporter_declare(struct ledger *l);
void reporter_close(void);

/* Makes the page. Before helper_start(). 0 or -errno, which is logged. */
int reporter_init(const struct reporter_names *names);
/* [any] Registers this thread's slot in the shared page, by its index in the policy's table. */
void reporter_register(uint32_t thread);

/* In the helper. Reads what is new in the kernel's log and reports records of process
 * `pid`; returns how many there were. */
unsigned reporter_report(int fd, pid_t pid, bool died);

/* In the helper: what reporter_report() found of volt's death; NULL: nothing. */
const struct reporter_death *reporter_death(void);

/* Takes a record apart: true if it is a seccomp record of process `pid`. */
bool reporter_parse(const char *line, pid_t pid, struct reporter_record *out);

#else /* without the reporter of what a filter killed */

#define reporter_note ((uint32_t *)0)

static inline uint32_t reporter_enter(uint32_t number)
{
	return 0;
}

static inline void reporter_leave(uint32_t caller)
{
}

static inline int reporter_open(bool required)
{
	return 0; /* nobody can ask for it */
}

static inline int reporter_fd(void)
{
	return -1;
}

static inline void reporter_declare(struct ledger *l)
{
}

static inline void reporter_close(void)
{
}

static inline int reporter_init(const struct reporter_names *names)
{
	return 0;
}

static inline void reporter_register(uint32_t thread)
{
}

static inline const struct reporter_death *reporter_death(void)
{
	return NULL;
}

static inline unsigned reporter_report(int fd, pid_t pid, bool died)
{
	return 0;
}

#endif

#endif
