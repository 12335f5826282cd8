/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * check - what the files of `volt-plugin check` share.
 *
 *   run.c      the cases in order, each in a process of its own; what became of it
 *   report.c   text and JSON
 *   start.c    hosts for cases, verdicts, the step that runs
 *   config.c   values for parameters
 *   drive.c    random accesses, time, input: actions that can be replayed
 *   trace.c    what a plugin did about them, step by step; the first difference
 *   memory.c   the guest's memory
 *   mock.c   the device below a filter
 *   hooks.c    counts and fails the plugin's own allocations
 *   process_snapshot.c   what the process holds: descriptors, threads, handlers, memory
 *   confined.c     callbacks on threads that live under the plugin's declared needs
 *   case_*.c   the cases
 */
#ifndef TOOLS_PLUGIN_CHECK_H
#define TOOLS_PLUGIN_CHECK_H

#include <limits.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include <volt/fake_host.h>

#include "memory.h"
#include "mock.h"

enum check_state { CHECK_UNDECIDED, CHECK_PASSED, CHECK_FAILED, CHECK_SKIPPED };

#define CHECK_WHY 640

struct check_result {
	enum check_state state;
	char why[CHECK_WHY];
	unsigned ms;
};

/* Memory that a case and the tool both see: it outlives a crash. */
struct check_shared {
	struct check_result result;
	char step[200];         /* what runs now */
	uint64_t step_since_ns; /* CLOCK_MONOTONIC */
	int forbidden_call;     /* a system call that the filter met, or -1 */
	const char *forbidden_role;
};

#define CHECK_FILE_PATH 32

struct check {
	char path[PATH_MAX]; /* the plugin's file */
	bool by_name;        /* which was looked up in the plugin folder */
	const char *params;  /* typed with --params, or "" */
	uint64_t seed;
	unsigned rounds;
	unsigned limit_s; /* for one call into the plugin */
	bool in_process;

	struct check_shared *shared;
	int input_fd;                     /* what FILE parameters get */
	char input_path[CHECK_FILE_PATH]; /* its name */
	const struct volt_plugin *plugin; /* in the case's process */
	char *base;                       /* parameters that init accepts */
	struct mock mocks[MOCK_MAX];      /* a filter's devices */
	struct memory memory[MOCK_MAX];   /* and the guest's */
	jmp_buf *leave;                   /* where a verdict goes with in_process */
};

#ifdef VOLT_SANITIZED
#define CHECK_SANITIZED true
#else
#define CHECK_SANITIZED false
#endif

#define CHECK_KIND_ANY    0u
#define CHECK_KIND(kind)  (1u << (kind))
#define CHECK_KIND_DRIVEN (CHECK_KIND(VOLT_KIND_DEVICE) | CHECK_KIND(VOLT_KIND_FILTER))

struct check_case {
	const char *name;
	const char *what; /* said of a pass */
	void (*run)(struct check *c);
	const char *after[4]; /* cases that must have passed, up to NULL */
	uint32_t kinds;       /* CHECK_KIND() of each that it is for, or CHECK_KIND_ANY */
	bool unloaded;        /* looks at the file alone */
};

extern const struct check_case check_cases[];
extern const unsigned check_case_count;

/* run.c: runs one case and says what became of it. */
void check_run_case(struct check *c, const struct check_case *k, struct check_result *out);

/* report.c */
struct check_report {
	const struct check *check;
	bool json;
	const struct check_result *results; /* as check_cases */
	const bool *chosen;
};
void report_head(const struct check_report *r);
void report_case(const struct check_report *r, unsigned i);
/* The number of failed cases. */
unsigned report_end(const struct check_report *r);

/* ---------------------------------------------------------------- start.c */

/* The verdict: ends the case. One clause, no full stop. */
VOLT_PRINTF(2, 3)
_Noreturn void check_fail(struct check *c, const char *fmt, ...);
VOLT_PRINTF(2, 3)
_Noreturn void check_skip(struct check *c, const char *fmt, ...);
/* What runs from now on; told when it crashes or never ends. */
VOLT_PRINTF(2, 3)
void check_step(struct check *c, const char *fmt, ...);
uint64_t check_clock_ns(void);

/* A host that is wired with the base parameters, a filter's on a device; fails the case if
 * init or attach does. */
struct fake_host *check_wired(struct check *c);
/* The same, and running. */
struct fake_host *check_running(struct check *c);
/* Ends either. */
void check_end(struct check *c, struct fake_host *f);
/* The guest's memory of `f`, or NULL. */
struct memory *check_memory(struct check *c, const struct fake_host *f);
/* What `f`, a filter's, was put on. */
const struct mock *check_mock(const struct check *c, const struct fake_host *f);

/* --------------------------------------------------------------- config.c */

/* Makes c->base: what was typed, with a value for each required parameter that was not. */
void config_make_base(struct check *c);
/* The base with `key` set to `value`, or without it if that is NULL. The caller frees. */
char *config_with(const struct check *c, const char *key, const char *value);
const struct volt_param *config_row(const struct volt_plugin *p, unsigned i);

#endif
