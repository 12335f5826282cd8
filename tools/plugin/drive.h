/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * drive - what guests, time and peers do to a device, at random but by a seed: the
 * same seed gives the same actions, as long as the plugin answers them alike.
 */
#ifndef TOOLS_PLUGIN_DRIVE_H
#define TOOLS_PLUGIN_DRIVE_H

#include "check.h"

enum action_kind {
	ACTION_READ,
	ACTION_WRITE,
	ACTION_TIME,
	ACTION_FEED,
	ACTION_LIMIT,
	ACTION_EVENT,
	ACTION_WORK,
	ACTION_ATTENTION,
	ACTION_PIN,
	ACTION_EOI,
	ACTION_MEMORY,
	ACTION_RING,
	ACTION_THROUGH, /* an access through a filter */
	ACTION_RESET,
	ACTION_RUN, /* not random: reset and start */
};

struct action {
	enum action_kind kind;
	uint8_t space;
	bool write;         /* ACTION_THROUGH */
	uint32_t n, target; /* bytes; stream, pin, vector or layer */
	uint32_t vcpu;
	uint64_t addr, val;
	uint8_t bytes[32];
};

/* What can be seen of a plugin beside what a read gives. */
enum seen {
	SEEN_LINES,
	SEEN_TIMERS,
	SEEN_OUTPUT,
	SEEN_ROOM,
	SEEN_REQUESTS,
	SEEN_WORKERS,
	SEEN_PINS,
	SEEN_COUNTERS,
	SEEN_LOG,
	SEEN_BELOW,
	SEEN_MESSAGES,
	SEEN_MEMORY,
	SEEN_ROWS
};
#define SEEN_BIT(s) (1u << (s))
#define SEEN_ALL    (SEEN_BIT(SEEN_ROWS) - 1)

struct trace_step {
	char text[96];
	uint64_t value;
	uint64_t seen[SEEN_ROWS];
};

struct trace {
	struct trace_step *steps;
	unsigned count, capacity;
};

struct drive {
	struct check *c;
	struct fake_host *f;
	uint64_t random;
	bool tame; /* no reset, no EOI, nobody leaves: for traces of hosts with another past */
	unsigned done;
	struct trace *trace; /* or NULL */
	/* totals when the drive began */
	unsigned rises[24], requests[VOLT_REQUEST_ATTENTION + 1], posts[8], fires[24], logged;
	unsigned messages;
	uint64_t told; /* the newest address of memory that the plugin was told */
	uint64_t counters[64];
	/* The newest write to a range, which may have chosen what the port behind it reaches. */
	struct action index;
	/* Carries the action out; drive_apply() unless a case sets another. */
	uint64_t (*apply)(struct drive *d, const struct action *a);
	void *arg; /* apply's */
};

void drive_begin(struct drive *d, struct check *c, struct fake_host *f, uint64_t seed);
/* One random action. */
void drive_step(struct drive *d);
void drive_run(struct drive *d, unsigned rounds);
/* One given action. */
void drive_do(struct drive *d, const struct action *a);
/* Reads all registers, each byte of the first 256 of a range, at each size. */
void drive_scan(struct drive *d);
/* Brings what is outside of the plugin back to how it began: lines low, peers there. */
void drive_calm(struct drive *d);
uint64_t drive_apply(struct drive *d, const struct action *a);
uint64_t drive_random(struct drive *d);

/* trace.c */
void trace_add(struct trace *t, struct drive *d, const char *text, uint64_t value);
/* True if both are the same in what `seen` (SEEN_BIT) says; else `why` tells where. */
bool trace_same(
    const struct trace *a, const struct trace *b, unsigned seen, char *why, size_t why_size);
void trace_finish(struct trace *t);
void trace_take_totals(struct drive *d);

#endif
