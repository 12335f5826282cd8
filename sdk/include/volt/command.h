/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/command.h - commands that an operator gives to a device of a running VM: extension
 * "volt.command/1", and events that a device reports: "volt.event/1".
 *
 * Stability: candidate. A plugin publishes its commands as it publishes its parameters: a
 * table with names, types and help. The core checks the arguments of a call against the table,
 * so that the plugin gets values that fit, as init does. Which program sends the commands, and
 * by which protocol, is the business of a plugin that uses volt.manage/1 (volt/manage.h).
 */
#ifndef VOLT_COMMAND_H
#define VOLT_COMMAND_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_COMMAND "volt.command/1"
#define VOLT_EXT_EVENT   "volt.event/1"

/* A command may give its results as any number of rows: see next_row(). */
#define VOLT_COMMAND_ROWS 1u

/* Most arguments of one command, and most results. */
#define VOLT_COMMAND_ARGS_MAX    16u
#define VOLT_COMMAND_RESULTS_MAX 32u

/* One value that a command gives back. */
struct volt_result {
	const char *name;  /* [a-z][a-z0-9-]*; no other result of the command has it */
	const char *help;  /* one line, no full stop */
	uint32_t type;     /* VOLT_PARAM_BOOL, _UINT, _SIZE or _STRING */
	uint32_t reserved; /* 0 */
};

/* One command. */
struct volt_command {
	const char *name; /* [a-z][a-z0-9-]*; no other command of the plugin has it */
	const char *help; /* one line, no full stop */
	/* Types BOOL, UINT, SIZE, ENUM and STRING; NULL if no rows. An argument whose `def` is
	 * NULL is required. */
	const struct volt_param *args;
	const struct volt_result *results;    /* NULL if no rows */
	uint16_t arg_stride, arg_count;       /* bytes of a row of args, and rows */
	uint16_t result_stride, result_count; /* of results */
	uint32_t flags;                       /* VOLT_COMMAND_* */
	uint32_t reserved;                    /* 0 */
};

/* Where the results of one call go. It is the host's and lives until run() returns. */
struct volt_reply {
	uint32_t size, reserved;
	void *core; /* the host's own; not for plugins */
	/* [loop] Sets result number `result` of the row: BOOL (0 or 1), UINT, SIZE. A result that
	 * is not set is left out of the answer. Set twice in a row, both are sent. */
	void (*number)(const struct volt_reply *r, uint32_t result, uint64_t value);
	/* [loop] Sets a result of type STRING. `value` is UTF-8 and copied. */
	void (*text)(const struct volt_reply *r, uint32_t result, const char *value);
	/* [loop] Ends a row of results. Only for a command with VOLT_COMMAND_ROWS. */
	void (*next_row)(const struct volt_reply *r);
	/* [loop] Says why run() fails; `err` is a positive errno. Returns -err. Use
	 * volt_reply_fail(). */
	int (*fail)(const struct volt_reply *r, int32_t err, const char *why);
};

/* What the plugin offers as VOLT_EXT_COMMAND. */
struct volt_commands {
	uint32_t size;
	uint16_t stride, count;              /* bytes of a row of commands, and rows */
	const struct volt_command *commands; /* static and const */
	/* [loop] Runs command number `command` of the table. `a` has one value for each row of
	 * its args, valid during the call. Returns 0, or a negative errno: what volt_reply_fail()
	 * returned. Required. It must not block and makes no system call but those that the
	 * plugin's needs name for VOLT_ROLE_LOOP. */
	int (*run)(
	    void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *r);
};

/* What the host gives as VOLT_EXT_EVENT. */
struct volt_event {
	uint32_t size, reserved;
	/* [any] Reports an event of this instance to those who listen by volt.manage/1. `name`
	 * is static, [a-z][a-z0-9-]*; `text` is one line of at most 127 bytes, copied, or NULL.
	 * Events are few: the host keeps 64 that wait to be delivered and counts those that it
	 * drops. */
	void (*report)(const struct volt_host *h, const char *name, const char *text);
};

/* A command's table of arguments and of results, each an array. */
#define VOLT_COMMAND_ARGS(rows_) \
	.args = (rows_), .arg_stride = sizeof((rows_)[0]), \
	.arg_count = sizeof(rows_) / sizeof((rows_)[0])
#define VOLT_COMMAND_RESULTS(rows_) \
	.results = (rows_), .result_stride = sizeof((rows_)[0]), \
	.result_count = sizeof(rows_) / sizeof((rows_)[0])

/* [loop] Says in one sentence why a command fails; `err` is a positive errno. Returns -err. */
VOLT_PRINTF(3, 4)
static inline int volt_reply_fail(const struct volt_reply *r, int err, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return (r->fail)(r, err, msg);
}

#ifdef __cplusplus
}
#endif

#endif
