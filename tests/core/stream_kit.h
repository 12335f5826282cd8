/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * stream_kit - a device at the near end of a stream that remembers what reached it, and
 * what tests do as the peer.
 */
#ifndef TESTS_CORE_STREAM_KIT_H
#define TESTS_CORE_STREAM_KIT_H

#include "tests/core/kit.h"

struct near {
	struct callee owner;
	struct stream *stream;
	uint8_t rx[262144];
	size_t rx_count;
	size_t largest;  /* most bytes of one rx */
	size_t refill;   /* room that rx gives itself; 0: none */
	char events[16]; /* 'c'onnected, 'd'isconnected, 'b'reak, 'r'oom */
	unsigned event_count;
	bool unlocked; /* a callback came without the instance's lock */
};

extern struct machine *m;
extern struct near near;

/* A machine, and a folder for files, for each test. */
int stream_setup(void **state);
int stream_teardown(void **state);

/* Opens `text` as the near device's stream, attached, and as it is when the guest starts. */
void stream_start(const char *text);
/* As stream_start("stdio") with these two in the place of standard input and output. */
void stream_start_stdio(int in, int out);
size_t tx(const char *text);
/* Runs the loop until so much has come, or so many events; false: not within a second. */
bool wait_rx(size_t count);
bool wait_events(unsigned count);
/* Reads all that there is at a peer. */
size_t far_read(int fd, void *to, size_t n);
int far_connect(const char *path);

#endif
