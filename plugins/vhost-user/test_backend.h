/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_backend - a back end that answers as soon as it is asked, and lies when it is told to.
 *
 * There is one thread: a sendmsg() of the plugin is this file's, which hands the message on and
 * then plays the back end, so that the answer is there when the plugin looks for it. Time limits of
 * sockets are short here, for a back end that is silent.
 */
#ifndef TEST_BACKEND_H
#define TEST_BACKEND_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <volt/fake_driver.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#include "vhost.h"

#define RAM       0x100000u
#define RAM_SIZE  0x20000u
#define MESSAGES  64u
#define FEATURE   (UINT64_C(1) << 5) /* one of the device's own */
#define ALL_RINGS (VOLT_VIRTIO_F_INDIRECT | VOLT_VIRTIO_F_EVENT_IDX | VOLT_VIRTIO_F_VERSION_1)

enum lie {
	HONEST,
	OTHER_REQUEST,
	NO_REPLY_FLAG,
	OTHER_VERSION,
	TOO_LONG,
	TOO_SHORT,
	EMPTY,
	HALF_A_HEADER,
	HALF_A_BODY,
	TWICE,
	SILENT,
	GONE,
	REFUSED,
	RANDOM, /* as the bytes of backend.random say */
	LIES,
};

struct backend {
	int fd; /* its end of the connection; -1: it has gone */
	uint64_t features, protocol, queues;
	uint8_t config[CONFIG_MAX];
	uint32_t config_size; /* that it has, at most */
	uint32_t base[VOLT_VIRTIO_QUEUES];
	uint32_t base_index; /* added to the index of an answer to GET_VRING_BASE */
	bool acknowledges;
	enum lie lie;
	uint32_t lie_at;       /* which request it lies about; 0: all */
	int extra_fd;          /* goes with each answer; -1: none */
	const uint8_t *random; /* see RANDOM */
	size_t random_size;
	unsigned count; /* requests that came */
	struct vhost_message got[MESSAGES];
	int fds[MESSAGES][REGIONS_MAX]; /* that came with each; -1: none */
};

extern struct backend backend;

void backend_reset(void); /* an honest one, with everything */
void backend_close(void); /* what it was given */
/* The newest request of that kind; NULL: there was none. *fds: what came with it. */
const struct vhost_message *backend_asked(uint32_t request, const int **fds);
unsigned backend_times(uint32_t request);

#endif
