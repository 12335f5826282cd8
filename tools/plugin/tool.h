/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * tool - what the commands of volt-plugin share.
 */
#ifndef TOOLS_PLUGIN_TOOL_H
#define TOOLS_PLUGIN_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/plugin.h>

enum tool_exit {
	TOOL_OK = 0,
	TOOL_FAILED = 1, /* a check failed, or a plugin was refused */
	TOOL_MISUSE = 2, /* unknown option, no such plugin */
};

struct tool_options {
	const char *plugin; /* NAME or FILE; NULL for list */
	const char *plugin_dir;
	const char *only, *params;
	uint64_t seed;
	uint64_t rounds, limit_s;
	bool json, in_process, seeded;
};

/* The folder that names are looked up in. */
const char *tool_plugin_dir(const struct tool_options *o);

int list_run(const struct tool_options *o);
int describe_run(const struct tool_options *o);
int check_run(const struct tool_options *o);

struct json_object;
/* "device", "sandbox" or "filter". */
const char *tool_kind_name(uint32_t kind);
/* What a plugin says of itself. */
struct json_object *describe_object(const struct volt_plugin *p);

/* The exit status: `status`, or TOOL_MISUSE, which is logged, if standard output is lost. */
int tool_finish(int status);

/* Runs a command in a child process that may only read files and write to what is open. Its exit
 * status, or TOOL_FAILED, which is logged, if a signal ended it. */
int confine_run(int (*run)(const struct tool_options *o), const struct tool_options *o);

#endif
