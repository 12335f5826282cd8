/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: madvise(2). */
#include "core/vm/host_discard.h"

#include <errno.h>
#include <sys/mman.h>

#include "core/base/ledger.h"
#include "core/vm/host_caller.h"
#include "core/vm/host_guest.h"
#include "core/vm/restore.h"
#include "core/vm/vm.h"

#define HUGE (2ull << 20)
/* Bytes of one call: what is mapped as a huge page goes by whole ones. */
#define PIECE HUGE

_Static_assert(PIECE < MEMORY_ALONE, "a call reaches beyond what the window keeps free");

static int host_allow(const struct volt_host *h, uint32_t worker)
{
	struct instance *i = host_calling_instance(h);
	struct machine *m = i->machine;

	if (m->sealed)
		return -EPERM;
	if (!host_worker(i, worker))
		return -EINVAL;
	m->discarders |= UINT64_C(1) << worker;
	m->memory.alone = true;
	return 0;
}

static bool is_allowed(const struct instance *i)
{
	const struct machine *m = i->machine;

	for (uint32_t w = 0; w < m->worker_count; w++)
		if (m->discarders >> w & 1 && m->workers[w].owner == &i->callee)
			return true;
	return false;
}

/* Of memory that is a file, the file keeps the bytes unless they are taken out of it. */
static int advice(const struct machine *m)
{
	return m->memory.shared ? MADV_REMOVE : MADV_DONTNEED;
}

/* Of memory that is the VM's own: offsets [start, end), in pieces that end at multiples of PIECE.
 * The bytes that went. */
static uint64_t give_own(const struct machine *m, uint64_t start, uint64_t end)
{
	uint64_t given = 0;

	if (m->options->hugepages) {
		start = (start + HUGE - 1) & ~(HUGE - 1);
		end &= ~(HUGE - 1);
	}
	while (start < end) {
		const uint64_t next = (start | (PIECE - 1)) + 1,
			       n = (next < end ? next : end) - start;

		if (madvise(m->memory.host + start, n, advice(m)) == 0)
			given += n;
		start += n;
	}
	return given;
}

/* The number of the first range of the snapshot's file that ends behind `at`. */
static uint64_t next_mapped(const struct snapshot_ram *ram, uint64_t at)
{
	uint64_t low = 0, high = ram->ranges;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;
		const struct snapshot_range r = snapshot_range(ram, middle);

		if (r.offset + r.length > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* What is mapped from a file privately would come back with the file's bytes. */
static uint64_t give(const struct machine *m, uint64_t start, uint64_t end)
{
	const struct snapshot_ram *ram = restore_ram(m);
	uint64_t given = 0;

	for (uint64_t n = ram ? next_mapped(ram, start) : 0; ram && n < ram->ranges; n++) {
		const struct snapshot_range r = snapshot_range(ram, n);

		if (r.offset >= end)
			break;
		if (start < r.offset)
			given += give_own(m, start, r.offset);
		start = r.offset + r.length;
	}
	return start < end ? given + give_own(m, start, end) : given;
}

static int host_give(const struct volt_host *h, uint64_t gpa, uint64_t n, uint64_t *given)
{
	const struct instance *i = h->core;
	const struct machine *m = i->machine;

	*given = 0;
	if (!m->sealed || !is_allowed(i))
		return -EPERM;
	if ((gpa | n) % VOLT_DISCARD_PAGE)
		return -EINVAL;
	const uint8_t *at = memory_at(&m->memory, gpa, n);
	if (!at)
		return n ? -EFAULT : 0;
	const uint64_t start = (uint64_t)(at - m->memory.host);
	*given = give(m, start, start + n);
	host_mem.dirty(h, gpa, n);
	return 0;
}

const struct volt_discard host_discard = {
    .size = sizeof(host_discard), .allow = host_allow, .give = host_give};

void discard_declare(const struct machine *m, struct ledger *l)
{
	const struct volt_arg_test where = {.arg = 0,
	    .op = VOLT_TEST_MASKED_EQ,
	    .mask = ~(memory_window(&m->memory) - 1),
	    .value = (uintptr_t)m->memory.host};
	const struct volt_arg_test length = {
	    .arg = 1, .op = VOLT_TEST_MASKED_EQ, .mask = ~(uint64_t)(MEMORY_ALONE - 1)};

	for (uint32_t w = 0; w < m->worker_count; w++) {
		const struct volt_rule rule = {.syscall = "madvise",
		    .asked_by = m->workers[w].owner->id,
		    .reason = "gives the guest's memory back to the host",
		    .test_count = 3,
		    .tests = {where, length, ledger_is(2, (uint64_t)advice(m))}};

		if (m->discarders >> w & 1)
			ledger_call(l, LEDGER_WORKER(w), &rule);
	}
}
