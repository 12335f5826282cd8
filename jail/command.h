/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * command - what volt and its command line need from the host. Files keep their names inside,
 * so the command line is passed on as it was typed.
 */
#ifndef JAIL_COMMAND_H
#define JAIL_COMMAND_H

#include <limits.h>
#include <stdint.h>

#include "jail/entries.h"
#include "jail/options.h"

#define COMMAND_PLUGIN_MAX 128

struct command {
	char program[PATH_MAX];            /* volt, absolute */
	char *plugins[COMMAND_PLUGIN_MAX]; /* host files that volt may load; owned */
	uint32_t plugin_count;
};

/* Adds volt, its plugin folder, the files that its options name, and each --file. */
int command_plan(struct command *c, const struct options *o, struct entries *es);

#endif
