/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * ring - the kernel's io_uring for a plugin: volt.uring/1.
 *
 * A filter sees only that a thread enters a ring, and not what the ring then does. So the kernel
 * holds the ring itself to its operations and files (IORING_REGISTER_RESTRICTIONS, Linux 5.10),
 * before the seal and for good.
 */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <stdint.h>

#include <volt/draft/uring.h>

#include "core/config.h"

#define RING_MAX      16 /* in a VM */
#define RING_FILE_MAX 8

struct callee;
struct io_uring_cqe;
struct io_uring_sqe;
struct ledger;

struct ring {
	const struct callee *owner;
	uint32_t worker; /* whose job may use it */
	uint32_t entries, ops, fd_count;
	int32_t fds[RING_FILE_MAX];
	int fd;             /* -1: not armed yet */
	uint32_t in_flight; /* [worker] and not reaped */
	/* Mapped; indices that the kernel writes are atomic. */
	uint32_t *sq_head, *sq_tail, *sq_array, *cq_head, *cq_tail;
	uint32_t sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

#if VOLT_HAS_RINGS

/* [wire] Takes what is wanted, and tries whether the kernel has it. 0; -EINVAL; -EOPNOTSUPP, with
 * the reason in *why. */
int ring_init(struct ring *r, const struct callee *owner, const struct volt_uring_ring *want,
    const char **why);
/* Before the seal, on the main thread: makes it. 0 or -errno, which is logged. */
int ring_arm(struct ring *r);
void ring_declare(const struct ring *r, struct ledger *l);

/* [worker] As volt.uring/1 says. */
uint32_t ring_submit(struct ring *r, const struct volt_uring_request *requests, uint32_t stride,
    uint32_t n, uint32_t wait);
uint32_t ring_reap(struct ring *r, struct volt_uring_result *results, uint32_t stride, uint32_t n);

#else /* none of the plugins asks for one */

static inline int ring_arm(struct ring *r)
{
	return 0;
}

static inline void ring_declare(const struct ring *r, struct ledger *l)
{
}

#endif

#endif
