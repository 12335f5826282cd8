/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/manage.h - the commands and events of the whole VM, from the host: extension
 * "volt.manage/1".
 *
 * Stability: candidate. This is for plugins that let an operator, or his programs, talk to a
 * running VM: they list the commands of all instances, call them and receive events. The core
 * publishes its own commands as those of an instance named "vm". A plugin that has commands
 * needs volt/command.h and nothing of this.
 *
 * Results come while call() runs; the end of a call may come later, after that of others. So the
 * plugin names each call by a ticket, a number of its own choice that comes back with all of them.
 */
#ifndef VOLT_MANAGE_H
#define VOLT_MANAGE_H

#include <volt/command.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_MANAGE "volt.manage/1"

/* An instance that has commands. */
struct volt_target {
	uint32_t size, reserved;
	const char *id;                       /* the instance's; "vm": the core's own */
	const char *plugin;                   /* the name of its plugin; "core" for "vm" */
	const struct volt_commands *commands; /* its table; run() is not to be called */
};

/* One argument of a call, as text. */
struct volt_call_arg {
	const char *name;  /* as in the command's table */
	const char *value; /* as a parameter's text would be typed */
};

/* What the plugin is called for. */
struct volt_manage_ops {
	uint32_t size, reserved;
	/* [loop] A result of the call `ticket` that is not a text, before call() returns. `result`
	 * is the row of its command's table. Required. */
	void (*number)(
	    void *self, uint64_t ticket, const struct volt_result *result, uint64_t value);
	/* [loop] A result of type STRING, likewise. `value` is valid during the call. Required. */
	void (*text)(
	    void *self, uint64_t ticket, const struct volt_result *result, const char *value);
	/* [loop] A row of results is complete: of a command with VOLT_COMMAND_ROWS. Required. */
	void (*next_row)(void *self, uint64_t ticket);
	/* [loop] The call is over: once for each. `err` is 0 or a positive errno; `why` says why
	 * it failed, "" if it did not. Required. */
	void (*done)(void *self, uint64_t ticket, int32_t err, const char *why);
	/* [loop] An event of the instance `source`. `text` is "" if it has none. Required. */
	void (*event)(void *self, const char *source, const char *name, const char *text);
	/* [loop] Bytes of the call `ticket`, which is not answered yet: `n` of them, at least 1,
	 * valid during the call. What they mean, the command says; those of further calls follow
	 * them. The plugin takes all or none. 0; -EAGAIN: it has no room now, and is asked again;
	 * -EPIPE: whoever made the call has gone. NULL: a command that sends bytes fails. */
	int (*bytes)(void *self, uint64_t ticket, const uint8_t *bytes, size_t n);
};

/* What the host gives. */
struct volt_manage {
	uint32_t size, reserved;
	/* [wire] Registers the callbacks; *ops is static. From then on the VM can be paused, and a
	 * pause does not hold this instance: its streams and timers go on. 0; -EINVAL: a slot is
	 * NULL; -ENOSPC: more than 4 plugins have done so; -EBUSY: this one has; -EPERM after the
	 * seal. */
	int (*attach)(const struct volt_host *h, const struct volt_manage_ops *ops);
	/* [loop] The instances that have commands, by number from 0 ("vm"); NULL beyond the
	 * last. It lives as long as the VM. */
	const struct volt_target *(*target)(const struct volt_host *h, uint32_t number);
	/* [loop] Runs command `command` of instance `target`. The callbacks may come before it
	 * returns, within the callback of the plugin that calls it; done() always comes. The
	 * names and values are not kept. An unknown target or command, or an argument that does
	 * not fit, ends in done() with ENOENT or EINVAL. At most 16 calls may be unanswered: a
	 * further one that would not be answered at once ends in EAGAIN. */
	void (*call)(const struct volt_host *h, uint64_t ticket, const char *target,
	    const char *command, const struct volt_call_arg *args, uint32_t arg_count);
};

#ifdef __cplusplus
}
#endif

#endif
