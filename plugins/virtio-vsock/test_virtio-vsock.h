/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_virtio-vsock - a guest and programs of the host, for the tests of virtio-vsock.
 */
#ifndef TEST_VIRTIO_VSOCK_H
#define TEST_VIRTIO_VSOCK_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <volt/fake_driver.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#include "vsock.h"

#define RAM      0x100000u
#define RAM_SIZE 0x40000u
#define CID      7u
#define ROOM     1024u        /* payload of one buffer of the guest */
#define ALLOC    (256u << 10) /* what the guest says that it takes */

/* A packet as the test reads it. */
struct seen {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len, flags, buf_alloc, fwd_cnt;
	uint16_t type, op;
	const uint8_t *bytes;
};

/* A packet as the guest makes it. */
struct made {
	uint64_t src_cid, dst_cid;
	uint32_t guest_port, host_port, len, flags, buf_alloc, fwd_cnt;
	uint16_t type, op;
	const void *bytes; /* `given` of them, whatever `len` says */
	uint32_t given;
};

extern struct fake_host *host;
extern struct fake_driver *driver;

int run_hostile_tests(void); /* how many failed */

void begin(const char *params, unsigned buffers);
int teardown(void **state);
void settle(void); /* until nothing is new */
void offer(unsigned buffers);

struct made packet(uint16_t op, uint32_t guest_port, uint32_t host_port);
void guest_sends(const struct made *m);
void guest_says(uint16_t op, uint32_t guest_port, uint32_t host_port);
void guest_writes(uint32_t guest_port, uint32_t host_port, const void *bytes, uint32_t n);
bool guest_gets(struct seen *p); /* and gives its buffer back */
struct seen expect(uint16_t op, uint32_t guest_port);
void expect_silence(void);

/* A connection to port 52 of the guest, and one to port 80 of the host. */
int open_to_guest(uint32_t *host_port);
int open_to_host(uint32_t guest_port);

void far_writes(int fd, const void *bytes, size_t n);
void expect_far(int fd, const void *bytes, size_t n);
void expect_peer_closed(int fd);

#endif
