/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * The numbers of the agent's protocol, for both ends: docs/agent.md describes it.
 */
#ifndef VOLT_INIT_PROTOCOL_H
#define VOLT_INIT_PROTOCOL_H

enum {
	AGENT_PORT = 1024,
	AGENT_VERSION = 1,
	AGENT_FRAME_MAX = 16384, /* bytes of one payload, in either direction */
	AGENT_WINDOW = 65536,    /* bytes of input that the host may send ahead */
};

/* Kinds of frames. */
enum {
	AGENT_RUN = 1,
	AGENT_INPUT,
	AGENT_SIGNAL,
	AGENT_SIZE,
	AGENT_CLOCK,
	AGENT_END,
	AGENT_HELLO = 16,
	AGENT_OUTPUT,
	AGENT_ERRORS,
	AGENT_MORE,
	AGENT_EXIT,
	AGENT_REFUSED,
};

/* Flags of AGENT_RUN. */
enum {
	AGENT_PTY = 1,
	AGENT_FILE_IN = 2,
	AGENT_FILE_OUT = 4,
};

#endif
