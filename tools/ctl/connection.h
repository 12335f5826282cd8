/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * connection - a client of the control plugin: requests and answers as JSON objects.
 */
#ifndef CTL_CONNECTION_H
#define CTL_CONNECTION_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

struct connection {
	int fd;
	char *bytes; /* received, and not read yet */
	size_t size, room;
};

/* 0, or -errno. `seconds`: how long a read or a write may take; 0: for ever. */
int connection_open(struct connection *c, const char *path, unsigned seconds);
void connection_close(struct connection *c);
/* Waits as long as it takes from now on. 0 or -errno. */
int connection_be_patient(struct connection *c);

/* Sends a request with the id 1. `params` may be NULL. 0 or -errno. */
int connection_send(struct connection *c, const char *method, struct json_object *params);
/* Reads the next line as JSON; the caller puts *message. 0; -errno; -ECONNRESET: the VM has gone;
 * -EPROTO: not JSON. */
int connection_read(struct connection *c, struct json_object **message);
/* Reads exactly `n` bytes that follow a line. 0 or -errno. */
int connection_read_bytes(struct connection *c, uint8_t *bytes, size_t n);

#endif
