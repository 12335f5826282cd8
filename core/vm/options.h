/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * options - what the command line can say. Each option is one row: its name, its help and its
 * setter. (And a paragraph in volt.1, which a test looks for.)
 */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/boot/request.h"
#include "core/vm/log_prefix.h"
#include "core/vm/share.h"

#define OPTIONS_PLUGIN_MAX 64
#define OPTIONS_FILTER_MAX 32
#define OPTIONS_CPU_MAX    64

struct cpuid_mask;

struct options {
	const char *plugins[OPTIONS_PLUGIN_MAX]; /* specs, in the order typed */
	uint32_t plugin_count;
	const char *filters[OPTIONS_FILTER_MAX]; /* specs, the guest's side first */
	uint32_t filter_count;
	struct share shares[SHARE_MAX];
	uint32_t share_count;
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
	bool memory_given, cpus_given;
	const struct cpuid_mask *cpu; /* features of the guest; NULL: all that the host has */
	bool snapshot;                /* the VM can be saved */
	const char *restore;          /* folder of a snapshot; NULL: boot */
	int restore_wait;             /* socket that tells when to go on; 0: at once */
	const char *identity;         /* KEY=VALUE,...; NULL: nothing */
	bool hugepages, no_seccomp, no_landlock, no_sandbox;
	bool seccomp_log, seccomp_report;
	bool explain, json; /* print the sealed machine instead of running it */
	const char *plugin_dir, *log_file, *trace_file, *allowlist;
	const char *name, *end_file, *ready_socket;
	enum log_time log_time;
};

enum { OPTION_PRINTS_NOTHING, OPTION_PRINTS_HELP, OPTION_PRINTS_VERSION };

struct option_row {
	const char *name, *value, *help; /* value NULL: it takes none */
	/* 0, -errno, or an exit code of its own, which is logged; `text` is "" without a value.
	 * NULL: it prints something. */
	int (*set)(struct options *o, const struct option_row *row, const char *text);
	const char *feature; /* that it needs; NULL: none that can be left out */
	uint16_t field;      /* of struct options, for setters that several rows share */
	uint8_t print;       /* OPTION_PRINTS_* */
};

/* In the order of --help; the last has no name. */
extern const struct option_row option_rows[];

#endif
