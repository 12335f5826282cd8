/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/tsan.h"

/* Handlers hold a lock for well under a microsecond: mostly it is free again by then. */
#define SPINS 100

static struct {
	struct lock *locks[LOCK_MAX];
	uint32_t count;
	bool full;      /* there was one more than fit */
	int base;       /* the first eventfd; */
	uint32_t armed; /* and how many there are */
} all;

void lock_init(struct lock *l)
{
	l->holders = 0;
	l->event_fd = -1;
	l->counter = false;
	if (all.count < LOCK_MAX)
		all.locks[all.count++] = l;
	else
		all.full = true;
}

void lock_init_counter(struct lock *l)
{
	lock_init(l);
	l->counter = true;
}

int lock_counter_fd(struct lock *l)
{
	if (l->event_fd < 0)
		l->event_fd = eventfd(0, EFD_CLOEXEC);
	return l->event_fd;
}

void lock_finish(struct lock *l)
{
	for (uint32_t i = 0; i < all.count; i++)
		if (all.locks[i] == l)
			all.locks[i] = all.locks[--all.count];
	if (l->event_fd >= 0)
		close(l->event_fd);
}

void lock_post(struct lock *l)
{
	uint64_t one = 1;

	tsan_before(l);
	while (write(l->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
}

void lock_wait(struct lock *l)
{
	uint64_t one;

	while (read(l->event_fd, &one, sizeof(one)) < 0)
		if (errno != EINTR)
			__builtin_trap(); /* going on would let two threads hold the lock */
	tsan_after(l);
}

static bool try_often(struct lock *l)
{
	for (unsigned i = 0; i < SPINS; i++) {
		uint32_t nobody = 0;

		if (__atomic_compare_exchange_n(
			&l->holders, &nobody, 1, 1, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

void lock_take(struct lock *l)
{
	tsan_takes(l);
	/* Queue up: whoever leaves sees that the count was above 1 and posts. */
	if (!try_often(l) && __atomic_fetch_add(&l->holders, 1, __ATOMIC_ACQUIRE) > 0)
		lock_wait(l);
	tsan_has(l);
}

void lock_release(struct lock *l)
{
	tsan_releases(l);
	if (__atomic_fetch_sub(&l->holders, 1, __ATOMIC_RELEASE) > 1)
		lock_post(l);
	tsan_released(l);
}

/* The eventfd of one lock, as number `want`; or -errno. Where a lower number was free it stays
 * taken in *spare, so that the next one's is the next free one and need not be moved. */
static int arm(struct lock *l, int want, int *spare)
{
	const int fd = l->counter ? lock_counter_fd(l) : eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fd == want)
		return fd;
	*spare = fd;
	const int moved = fcntl(fd, F_DUPFD_CLOEXEC, want);
	if (moved == want)
		return moved;
	return moved < 0 && errno != EINVAL ? -errno : -EMFILE; /* EINVAL: beyond the limit */
}

int locks_arm(int base)
{
	int spares[LOCK_MAX], err = 0;
	uint32_t spare_count = 0;

	if (all.full)
		return -ENOSPC;
	for (uint32_t i = 0; !err && i < all.count; i++) {
		int spare = -1;
		const int fd = arm(all.locks[i], base + (int)i, &spare);

		if (spare >= 0)
			spares[spare_count++] = spare;
		err = fd < 0 ? fd : 0;
		all.locks[i]->event_fd = fd;
	}
	while (spare_count > 0)
		close(spares[--spare_count]);
	all.base = base;
	all.armed = all.count;
	return err;
}

void locks_declare(struct ledger *l)
{
	const struct volt_arg_test eight = ledger_is(2, sizeof(uint64_t));
	const struct ledger_block locks = ledger_files(l, all.base, all.armed, "core", "lock");

	ledger_allow(l, locks, LEDGER_ALL, "read", &eight, "waits for a lock");
	ledger_allow(l, locks, LEDGER_ALL, "write", &eight, "wakes who waits for a lock");
}
