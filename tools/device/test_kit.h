/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_kit - a session with a device that keeps books, for its tests and its fuzzer.
 *
 * The device holds the session to the contract of volt/draft/backend.h: each ring that starts lies
 * in memory, is of a queue that is there, and is not started twice.
 */
#ifndef DEVICE_TEST_KIT_H
#define DEVICE_TEST_KIT_H

#include "tools/device/session.h"

#define KIT_QUEUES  2u
#define KIT_RING    8u
#define KIT_CONFIG  20u
#define KIT_FEATURE UINT64_C(1)
#define KIT_VERSION (UINT64_C(1) << 32)

#define KIT_GPA    0x100000u
#define KIT_USER   UINT64_C(0x7f0000000000)
#define KIT_MEMORY 0x4000u

struct kit {
	struct session s;
	struct channel c;
	struct regions regions;
	int far; /* the front end's end of the socket */
	int memory, epoll, nothing;
	/* What the device was told. */
	uint64_t agreed;
	struct volt_backend_ring ring[KIT_QUEUES];
	bool served[KIT_QUEUES];
	uint16_t seen[KIT_QUEUES]; /* as if it had taken chains */
	uint32_t kicks[KIT_QUEUES], resets, starts, stops;
	uint8_t config[KIT_CONFIG];
	bool broken;
};

void kit_open(struct kit *k);
void kit_close(struct kit *k);
/* Sends a message, and has it handled. */
void kit_send(struct kit *k, uint32_t request, uint32_t flags, const void *body, uint32_t size,
    const int *fds, unsigned count);
/* Handles what is there. */
void kit_turn(struct kit *k);
/* A message that the front end got; false: there is none. */
bool kit_answer(struct kit *k, struct message *m);
/* How many files this process has. */
unsigned kit_files(void);

#endif
