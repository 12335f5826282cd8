/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: io_uring_setup(2), io_uring_register(2), io_uring_enter(2). */
#include "core/event/ring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/event/callee.h"

#define ENTRIES_MAX 1024u
#define OPS         (VOLT_URING_BIT(VOLT_URING_READV) | VOLT_URING_BIT(VOLT_URING_WRITEV))

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8 /* linux/fs.h */
#endif

static int register_with(int fd, unsigned op, const void *arg, unsigned n)
{
	return syscall(SYS_io_uring_register, fd, op, arg, n) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------- making */

/* Once the ring is enabled nothing can be registered with it any more: no such operation is among
 * those that are allowed. */
static int restrict_ring(const struct ring *r, int fd)
{
	struct io_uring_restriction rows[4] = {
	    {.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
	    {.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_FIXED_FILE},
	};
	unsigned n = 2;

	if (r->ops & VOLT_URING_BIT(VOLT_URING_READV))
		rows[n++] = (struct io_uring_restriction){
		    .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READV};
	if (r->ops & VOLT_URING_BIT(VOLT_URING_WRITEV))
		rows[n++] = (struct io_uring_restriction){
		    .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITEV};
	return register_with(fd, IORING_REGISTER_RESTRICTIONS, rows, n);
}

static int confine(const struct ring *r, int fd)
{
	int err = register_with(fd, IORING_REGISTER_FILES, r->fds, r->fd_count);

	if (err)
		return err;
	err = restrict_ring(r, fd);
	return err ? err : register_with(fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/* Disabled until the restrictions hold. Its descriptor, or -errno. */
static int make(const struct ring *r, struct io_uring_params *p)
{
	*p = (struct io_uring_params){.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP};
	const int fd = (int)syscall(SYS_io_uring_setup, r->entries, p);

	if (fd < 0)
		return -errno;
	const int err = p->features & IORING_FEAT_SINGLE_MMAP ? confine(r, fd) : -ENOSYS;

	if (!err)
		return fd;
	close(fd);
	return err;
}

/* A process that is made later must not have it. */
static void *map(int fd, size_t size, uint64_t what)
{
	void *p =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)what);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_DONTFORK);
	return p;
}

static uint32_t *at(void *ring, uint32_t offset)
{
	return (uint32_t *)(void *)((uint8_t *)ring + offset);
}

static int map_rings(struct ring *r, const struct io_uring_params *p)
{
	const size_t sq = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	const size_t cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	void *both = map(r->fd, sq > cq ? sq : cq, IORING_OFF_SQ_RING);

	r->sqes = map(r->fd, p->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	if (!both || !r->sqes)
		return -ENOMEM;
	r->sq_head = at(both, p->sq_off.head);
	r->sq_tail = at(both, p->sq_off.tail);
	r->sq_array = at(both, p->sq_off.array);
	r->cq_head = at(both, p->cq_off.head);
	r->cq_tail = at(both, p->cq_off.tail);
	r->cqes = (void *)at(both, p->cq_off.cqes);
	r->sq_mask = *at(both, p->sq_off.ring_mask);
	r->cq_mask = *at(both, p->cq_off.ring_mask);
	return 0;
}

static const char *why_not(int err)
{
	if (err == -ENOSYS)
		return "this kernel has none, or a container's filter hides it";
	if (err == -EPERM || err == -EACCES)
		return "kernel.io_uring_disabled (sysctl) or a container's filter forbids it";
	return strerror(-err);
}

static bool is_sound(const struct volt_uring_ring *w)
{
	return w && w->size >= sizeof(*w) && w->entries >= 1 && w->entries <= ENTRIES_MAX &&
	       w->ops && !(w->ops & ~OPS) && w->fds && w->fd_count >= 1 &&
	       w->fd_count <= RING_FILE_MAX && w->reserved == 0;
}

int ring_init(struct ring *r, const struct callee *owner, const struct volt_uring_ring *want,
    const char **why)
{
	struct io_uring_params p;

	if (!is_sound(want))
		return -EINVAL;
	*r = (struct ring){.owner = owner,
	    .worker = want->worker,
	    .entries = want->entries,
	    .ops = want->ops,
	    .fd_count = want->fd_count,
	    .fd = -1};
	memcpy(r->fds, want->fds, want->fd_count * sizeof(r->fds[0]));
	/* A plugin's init must leave no descriptor open, so this one is to try. */
	const int fd = make(r, &p);

	if (fd < 0) {
		*why = why_not(fd);
		return -EOPNOTSUPP;
	}
	close(fd);
	return 0;
}

int ring_arm(struct ring *r)
{
	struct io_uring_params p;

	r->fd = make(r, &p);
	const int err = r->fd < 0 ? r->fd : map_rings(r, &p);

	return err ? log_host_error(-err, "%s: cannot make a ring: %s", r->owner->id, why_not(err))
		   : 0;
}

void ring_declare(const struct ring *r, struct ledger *l)
{
	const struct volt_arg_test wait = {.arg = 3,
	    .op = VOLT_TEST_MASKED_EQ,
	    .mask = ~(uint64_t)IORING_ENTER_GETEVENTS,
	    .value = 0};
	const struct ledger_block file = ledger_file(l, r->fd, r->owner->id, "ring");

	ledger_allow(l, file, LEDGER_WORKER(r->worker), "io_uring_enter", &wait,
	    "reads and writes, many at a time");
}

/* --------------------------------------------------------------- submitting */

static uint32_t file_index(const struct ring *r, int32_t fd)
{
	uint32_t i = 0;

	while (i < r->fd_count && r->fds[i] != fd)
		i++;
	return i;
}

/* What is not allowed the kernel refuses: here nothing is checked but what it cannot see. */
static void fill(const struct ring *r, struct io_uring_sqe *s, const struct volt_uring_request *q)
{
	*s = (struct io_uring_sqe){
	    .opcode = q->op == VOLT_URING_READV ? IORING_OP_READV : IORING_OP_WRITEV,
	    .flags = IOSQE_FIXED_FILE,
	    .fd = (int32_t)file_index(r, q->fd),
	    .off = q->offset,
	    .addr = (uintptr_t)q->iov,
	    .len = q->iov_count,
	    .rw_flags = RWF_NOWAIT, /* else a helper thread of the kernel's may go on with it */
	    .user_data = q->token,
	};
}

static uint32_t enqueue(
    struct ring *r, const struct volt_uring_request *q, uint32_t stride, uint32_t n)
{
	const uint32_t tail = *r->sq_tail;

	if (n > r->entries - r->in_flight)
		n = r->entries - r->in_flight;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t slot = (tail + i) & r->sq_mask;

		fill(r, &r->sqes[slot], q);
		r->sq_array[slot] = slot;
		q = (const void *)((const uint8_t *)q + stride);
	}
	__atomic_store_n(r->sq_tail, tail + n, __ATOMIC_RELEASE);
	return n;
}

static uint32_t count_results(const struct ring *r)
{
	return __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) - *r->cq_head;
}

/* How many of `n` the kernel took. It stops behind one that it refuses, whose result is there. */
static uint32_t enter(struct ring *r, uint32_t n, uint32_t wait)
{
	const long taken =
	    syscall(SYS_io_uring_enter, r->fd, n, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);

	if (taken <= 0)
		return 0;
	r->in_flight += (uint32_t)taken;
	return (uint32_t)taken;
}

static uint32_t hand_over(struct ring *r, uint32_t n, uint32_t wait)
{
	uint32_t taken = 0;

	while (taken < n) {
		errno = 0;
		const uint32_t some = enter(r, n - taken, wait);

		if (some == 0 && errno != EINTR)
			break;
		taken += some;
	}
	/* The kernel looks at no entry between two calls, so what it did not take is ours again. */
	__atomic_store_n(
	    r->sq_tail, __atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
	return taken;
}

uint32_t ring_submit(struct ring *r, const struct volt_uring_request *requests, uint32_t stride,
    uint32_t n, uint32_t wait)
{
	n = enqueue(r, requests, stride, n);
	if (wait > r->in_flight + n)
		wait = r->in_flight + n;
	const uint32_t taken = hand_over(r, n, wait);

	if (wait > r->in_flight)
		wait = r->in_flight;
	while (count_results(r) < wait) {
		errno = 0;
		enter(r, 0, wait);
		if (errno && errno != EINTR)
			__builtin_trap(); /* memory of the guest's is in the kernel's hands */
	}
	return taken;
}

uint32_t ring_reap(struct ring *r, struct volt_uring_result *results, uint32_t stride, uint32_t n)
{
	const uint32_t head = *r->cq_head, ready = count_results(r);

	if (n > ready)
		n = ready;
	for (uint32_t i = 0; i < n; i++) {
		const struct io_uring_cqe *c = &r->cqes[(head + i) & r->cq_mask];

		results->token = c->user_data;
		results->result = c->res;
		results = (void *)((uint8_t *)results + stride);
	}
	__atomic_store_n(r->cq_head, head + n, __ATOMIC_RELEASE);
	r->in_flight -= n;
	return n;
}
