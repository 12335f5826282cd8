/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * agent_child - the command of one connection: its arguments, its streams, its process.
 */
#ifndef VOLT_INIT_AGENT_CHILD_H
#define VOLT_INIT_AGENT_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct agent_child {
	pid_t pid; /* leader of a session; 0: none */
	bool pty;
	int input, output, errors; /* none of them blocks; -1: closed */
	int signals;               /* readable when a child ends */
};

/* Starts what the payload of AGENT_RUN says, `n` bytes, whose strings it uses. NULL, or why not. */
const char *agent_child_start(struct agent_child *c, uint8_t *request, uint32_t n);

#endif
