/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/uring.h - reads and writes that do not wait for each other: "volt.uring/1".
 *
 * Stability: draft. A ring is the kernel's io_uring, made before the seal and held to the files
 * and operations that were asked for, so that a plugin needs no system call of its own for it.
 * It serves one worker: a completion posts that worker, and only its job calls submit and
 * reap. For a file in the page cache preadv() is faster; a ring is for VOLT_PARAM_DISK with
 * `direct`, and for many requests at a time.
 */
#ifndef VOLT_DRAFT_URING_H
#define VOLT_DRAFT_URING_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_URING "volt.uring/1"

/* Operations; VOLT_URING_BIT() of them make the mask of make(). */
#define VOLT_URING_READV     1u /* into the buffers, from `offset` of the file on */
#define VOLT_URING_WRITEV    2u /* out of them */
#define VOLT_URING_FDATASYNC 3u /* what was completed before it is on the medium */
#define VOLT_URING_FALLOCATE 4u /* `mode` as fallocate(2), `length` bytes from `offset` on */
#define VOLT_URING_BIT(op)   (1u << (op))

/* One operation. */
struct volt_uring_request {
	uint64_t token;     /* the caller's own, handed back with the result */
	uint64_t offset;    /* bytes */
	uint64_t length;    /* of FALLOCATE, in bytes; else 0 */
	const void *iov;    /* struct iovec; it and its buffers stay until completion */
	uint32_t iov_count; /* 0..1024 */
	int32_t fd;         /* a descriptor that make() was given */
	uint32_t mode;      /* of FALLOCATE, as fallocate(2); else 0 */
	uint8_t op;         /* VOLT_URING_* */
	uint8_t reserved[3];
};

/* How one ended. */
struct volt_uring_result {
	uint64_t token; /* as it was given */
	int32_t result; /* bytes, or a negative errno */
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
	 * in the VM; -EOPNOTSUPP: the host's kernel has no io_uring, or forbids it: then the
	 * plugin works without; -EPERM after the seal. */
	int (*make)(const struct volt_host *h, const struct volt_uring_ring *want, uint32_t *ring);
	/* [worker] Hands over up to n requests, which lie `stride` bytes apart, by one system call.
	 * Returns how many were taken: fewer if `entries` are in flight. */
	uint32_t (*submit)(const struct volt_host *h, uint32_t ring,
	    const struct volt_uring_request *requests, uint32_t stride, uint32_t n);
	/* [worker] Takes up to n results, without a system call. Returns how many. */
	uint32_t (*reap)(const struct volt_host *h, uint32_t ring,
	    struct volt_uring_result *results, uint32_t stride, uint32_t n);
};

#ifdef __cplusplus
}
#endif

#endif
