/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * commands - a plugin's table of commands, and the arguments of a call against it. Shared by
 * the core and the fake host, so that both read alike. Nothing here allocates memory: calls
 * are read under the seal.
 */
#ifndef SDK_COMMON_COMMANDS_H
#define SDK_COMMON_COMMANDS_H

#include <volt/command.h>
#include <volt/manage.h>

#include <sdk/common/params.h>

#define COMMANDS_MAX 32u /* rows in a table */

/* The row, or NULL: `index` is beyond the table. */
const struct volt_command *commands_row(const struct volt_commands *t, uint32_t index);
const struct volt_result *commands_result(const struct volt_command *c, uint32_t index);

/* Checks the table itself: names, types, defaults. 0, or -EINVAL and one clause in `why`. */
int commands_check_table(const struct volt_commands *t, char *why, size_t why_size);

/* Number of the command of that name; -1: none has it. */
int commands_find(const struct volt_commands *t, const char *name);

/* Reads the arguments of a call into `values`, of which there are VOLT_COMMAND_ARGS_MAX. They
 * point to the texts given. 0, or -EINVAL and one clause in `why`. */
int commands_read(const struct volt_command *c, const struct volt_call_arg *args, uint32_t count,
    struct volt_value *values, char *why, size_t why_size);

#endif
