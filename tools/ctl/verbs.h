/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * verbs - the commands about VMs with a name: volt ps, stop, wait and the like.
 *
 * verbs.c     the table, options, help
 * ps.c        the list
 * manage.c    stop, kill, pause, resume, wait
 * show.c      logs, metrics
 * console.c   console
 */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

#include <json-c/json.h>
#include <stdbool.h>

#include "tools/ctl/vms.h"

/* Exit codes of all commands but `volt wait`, which has the VM's. */
enum {
	CTL_DONE = 0,
	CTL_FAILED = 1, /* the VM refused the command */
	CTL_USAGE = 2,
	CTL_UNREACHED = 3,
	CTL_OUTPUT = 4,
};

struct verb_request {
	const char *verb;
	char **names; /* ends in NULL */
	int count;
	bool json, all, follow;
	unsigned timeout; /* seconds */
};

bool verb_knows(const char *word);
/* argv[0] is the verb. Returns an exit code. */
int verb_run(int argc, char **argv);

/* Opens the VM of that name, or prints why not: CTL_DONE or CTL_UNREACHED. */
int verb_open(const struct verb_request *r, struct vm *v, const char *name);
/* As verb_open(), and it must be running. */
int verb_open_running(const struct verb_request *r, struct vm *v, const char *name);

/* Calls a command of the VM. 0 with *result, which the caller puts (NULL: it is not wanted);
 * -EREMOTEIO: the VM refused, and `why` has its words; else -errno. `params`: an object or NULL; it
 * stays the caller's. */
int verb_call(const struct vm *v, const char *method, struct json_object *params, unsigned seconds,
    struct json_object **result, char *why, size_t size);
/* The same, and prints why it failed: an exit code. */
int verb_call_aloud(const struct verb_request *r, const struct vm *v, const char *method,
    struct json_object *params, struct json_object **result);

/* Without characters that drive a terminal. */
void verb_print_safely(const char *text);

int verb_ps(const struct verb_request *r);
int verb_stop(const struct verb_request *r);
int verb_kill(const struct verb_request *r);
int verb_pause(const struct verb_request *r);
int verb_resume(const struct verb_request *r);
int verb_wait(const struct verb_request *r);
int verb_logs(const struct verb_request *r);
int verb_console(const struct verb_request *r);
int verb_metrics(const struct verb_request *r);

#endif
