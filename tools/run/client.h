/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * client - the host's end of a connection to the guest's agent: docs/agent.md. Nothing here waits.
 */
#ifndef TOOLS_RUN_CLIENT_H
#define TOOLS_RUN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "volt-init/protocol.h"

#define CLIENT_HEAD 8
#define CLIENT_ROOM (2 * (CLIENT_HEAD + AGENT_FRAME_MAX))

struct client {
	int fd;    /* -1: none */
	bool open; /* the plugin virtio-vsock has said OK */
	size_t in_used, out_begin, out_end;
	uint8_t in[CLIENT_ROOM], out[CLIENT_ROOM];
};

struct client_frame {
	uint32_t kind, size;
	const uint8_t *bytes; /* until client_drop() */
};

/* Begins a connection through the socket of the plugin virtio-vsock. 0, or -errno: try later. */
int client_dial(struct client *c, const char *path, uint32_t port);
void client_hang_up(struct client *c);

/* Reads what has come. 0; -EAGAIN: nothing; -ECONNRESET: the end; -errno. */
int client_read(struct client *c);
/* The first whole frame that was read. 0; -EAGAIN: there is none yet; -EPROTO. */
int client_take(struct client *c, struct client_frame *f);
/* Forgets that frame. */
void client_drop(struct client *c, const struct client_frame *f);

/* Puts a frame in line. False: there is no room, until client_write() has made some. */
bool client_put(struct client *c, uint32_t kind, const void *bytes, size_t n);
/* Sends what is in line, as far as that is possible now. 0 or -errno. */
int client_write(struct client *c);

static inline bool client_has_output(const struct client *c)
{
	return c->out_end > c->out_begin;
}

static inline uint32_t client_get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void client_put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

#endif
