/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A worker that waits for a socket as well as for posts; see plugins/watcher.c. */
#include "guest.h"

#define BYTES  0x740
#define RING   0x744
#define BYTE   0x748
#define CLOSED 0x74c
#define RUN    0x750
#define RUNS   0x754

#define ROUNDS 100

static bool becomes(uint16_t port, uint32_t value)
{
	for (unsigned i = 0; i < 10000; i++) {
		if (in32(port) == value)
			return true;
		pause_a_while();
	}
	return false;
}

/* The tester sends a byte for each that it gets, and closes when all have come. */
static void echo(void)
{
	ready();
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		out32(BYTE, round);
		if (round % 2 == 0)
			out32(RING, 1);
		else
			out32(RUN, 1);
		check(becomes(BYTES, round), "no byte came for the one that was sent");
	}
	check(in32(RUN) == 0, "run() returned before a run");
	check(becomes(CLOSED, 1), "the end of the socket was not told");
}

/* Neither a post nor a ring: files alone. */
static void listen(void)
{
	ready();
	check(becomes(CLOSED, 1), "the end of the socket was not told");
	put_hex(in32(BYTES));
	put("\n");
}

const struct guest_case guest_cases[] = {
    {"echo", echo},
    {"listen", listen},
    {NULL, NULL},
};
