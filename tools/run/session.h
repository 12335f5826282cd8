/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * session - from the start of the VM to the end of the command in it: streams, signals, terminal.
 */
#ifndef TOOLS_RUN_SESSION_H
#define TOOLS_RUN_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/run/place.h"

struct session_request {
	const char *socket; /* of the plugin virtio-vsock */
	pid_t volt;         /* the process */
	int console;        /* what volt and the guest's console print */
	bool verbose;       /* show that */
	int output;    /* a file for the output, and there is no input; 0: the standard streams */
	bool terminal; /* the command has one */
	uint8_t run[16384]; /* the payload of the agent's RUN */
	size_t run_size;
	struct place *place;
};

/* Makes the payload. False: it has more words or bytes than the agent takes. */
bool session_set_command(struct session_request *r, const char *folder, const char *const *words,
    const char *const *env, unsigned env_count);

/* Blocks the signals that the session handles; to be called before anything is started. */
void session_block_signals(void);

/* Runs the command: its status; 128 and the number of a signal that ended this before the command
 * ran; or RUN_FAILED, which it has said. The VM may still run. */
int session_run(const struct session_request *r);

#endif
