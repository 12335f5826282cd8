/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * options - the command line, as a table that also prints the help.
 */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/boot/request.h"
#include "core/vm/log_prefix.h"

#define OPTIONS_PLUGIN_MAX 64
#define OPTIONS_FILTER_MAX 32
#define OPTIONS_CPU_MAX    64

struct options {
	const char *plugins[OPTIONS_PLUGIN_MAX]; /* specs, in the order typed */
	uint32_t plugin_count;
	const char *filters[OPTIONS_FILTER_MAX]; /* specs, the guest's side first */
	uint32_t filter_count;
	const char *kernel, *initrd;
	enum boot_choice boot;
	enum boot_files kernel_memory;
	struct options_module {
		char *file;         /* allocated */
		const char *string; /* or NULL */
	} modules[BOOT_MODULE_MAX];
	uint32_t module_count;
	const char *cmdline; /* replaces the default; NULL: default */
	const char *append;  /* added to either; NULL: nothing */
	uint64_t memory;     /* bytes, page multiple */
	uint32_t cpus;
	bool hugepages, no_seccomp, no_landlock, no_sandbox;
	bool seccomp_log, seccomp_report;
	bool explain, json; /* print the sealed machine instead of running it */
	const char *plugin_dir, *log_file, *trace_file, *allowlist;
	const char *name, *end_file;
	enum log_time log_time;
};

/* The first plugin or filter that is given as NAME,help or as help alone, or NULL. */
const char *options_help_spec(const struct options *o);

#define OPTIONS_GO_ON (-1)

/* Parses. OPTIONS_GO_ON, or the exit code to end with: help was printed (0), or an
 * error was said in the log. */
int options_parse(struct options *o, int argc, char **argv);

#endif
