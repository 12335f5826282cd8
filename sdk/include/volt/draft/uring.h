/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/uring.h - many reads and writes by one system call: "volt.uring/1".
 *
 * Stability: draft. A ring is the kernel's io_uring, made before the seal and held to the files
 * and operations that were asked for, so that a plugin needs no system call of its own for it.
 * It serves one worker: only its job calls submit and reap.
 *
 * No thread of the kernel's works for a ring, as none of volt's filters would hold it: an
 * operation that cannot go on at once, or be handed to the device at once, ends with -EAGAIN, and
 * the plugin makes the call itself. So a ring is for VOLT_PARAM_DISK with `direct`; for a file in
 * the page cache preadv() and pwritev() are as fast or faster.
 *
 * A VM has rings only if its operator asks for them, by the word VOLT_URING_WORD among the
 * parameters of some plugin: the plugin has a parameter of type ENUM for it.
 */
#ifndef VOLT_DRAFT_URING_H
#define VOLT_DRAFT_URING_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_URING "volt.uring/1"

#define VOLT_URING_WORD "io=ring" /* a parameter and its value */

/* Operations; VOLT_URING_BIT() of them make the mask of make(). */
#define VOLT_URING_READV   1u /* into the buffers, from `offset` of the file on */
#define VOLT_URING_WRITEV  2u /* out of them */
#define VOLT_URING_BIT(op) (1u << (op))

/* One operation. */
struct volt_uring_request {
	uint64_t token;     /* the caller's own, handed back with the result */
	uint64_t offset;    /* bytes */
	const void *iov;    /* struct iovec; it and its buffers stay until completion */
	uint32_t iov_count; /* 0..1024 */
	int32_t fd;         /* a descriptor that make() was given */
	uint8_t op;         /* VOLT_URING_* */
	uint8_t reserved[7];
};

/* How one ended. */
struct volt_uring_result {
	uint64_t token; /* as it was given */
	int32_t result; /* bytes, or a negative errno; -EAGAIN: to be done without the ring */
	uint32_t reserved;
};

/* What a ring shall be. */
struct volt_uring_ring {
	uint32_t size;
	uint32_t entries;   /* requests in flight, 1..1024 */
	uint32_t ops;       /* mask of VOLT_URING_BIT(); others are refused by the kernel */
	uint32_t worker;    /* one of the instance's own */
	const int32_t *fds; /* descriptors of its parameters, at most 8; copied */
	uint32_t fd_count;  /* of fds, 1..8 */
	uint32_t reserved;
};

/* What the host gives. */
struct volt_uring {
	uint32_t size, reserved;
	/* [wire] Makes a ring; *ring gets its handle. 0; -EINVAL: malformed; -ENOSPC: more than 16
	 * in the VM; -EOPNOTSUPP: the host's kernel has no io_uring, or forbids it, or nobody
	 * asked for rings: the log says which, and the plugin works without; -EPERM after the
	 * seal. */
	int (*make)(const struct volt_host *h, const struct volt_uring_ring *want, uint32_t *ring);
	/* [worker] Hands over up to n requests, which lie `stride` bytes apart, and returns when
	 * `wait` results are there to be taken, or all that are in flight: by one system call, if
	 * no signal comes. Returns how many were taken: fewer if `entries` are in flight or the
	 * kernel has no memory; none if it is not the instance's ring. */
	uint32_t (*submit)(const struct volt_host *h, uint32_t ring,
	    const struct volt_uring_request *requests, uint32_t stride, uint32_t n, uint32_t wait);
	/* [worker] Takes up to n results, in the order of completion, without a system call.
	 * Returns how many. */
	uint32_t (*reap)(const struct volt_host *h, uint32_t ring,
	    struct volt_uring_result *results, uint32_t stride, uint32_t n);
};

#ifdef __cplusplus
}
#endif

#endif
