/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The statistics queue: one buffer that the driver fills and the device keeps until it wants
 * newer ones, when it gives it back (5.5.6.3). So the buffer stays in the queue, untaken.
 */
#include "balloon.h"

#define ENTRY     10u /* a tag of 16 bits, a value of 64, packed */
#define ENTRY_MAX 64u

static void store_entry(struct balloon *b, const uint8_t *entry)
{
	const uint16_t tag = volt_le16(entry);

	if (tag >= BALLOON_STATS)
		return; /* of a newer driver */
	__atomic_store_n(&b->stat[tag], volt_le64(entry + 2), __ATOMIC_RELAXED);
	__atomic_fetch_or(&b->stat_known, UINT64_C(1) << tag, __ATOMIC_RELAXED);
}

static void read_entries(struct balloon *b, struct volt_chain *c)
{
	uint8_t entry[ENTRY];

	for (unsigned i = 0; i < ENTRY_MAX && volt_chain_read(c, entry, ENTRY) == ENTRY; i++)
		store_entry(b, entry);
	if (__atomic_load_n(&b->stat_known, __ATOMIC_RELAXED))
		__atomic_store_n(&b->stat_ns, b->loop->now(b->v.h), __ATOMIC_RELEASE);
}

/* What has just been read is as new as anybody who asked before can want it. */
bool stats_request(struct balloon *b, struct volt_queue *q, struct volt_chain *c)
{
	const bool wanted = __atomic_exchange_n(&b->stats_wanted, false, __ATOMIC_ACQ_REL);

	if (!b->stats_read) {
		read_entries(b, c);
		b->stats_read = true;
		return false;
	}
	if (!wanted)
		return false;
	b->stats_read = false;
	volt_chain_done(q, c, 0);
	return true;
}

void stats_reset(struct balloon *b)
{
	b->stats_read = false;
	__atomic_store_n(&b->stats_wanted, false, __ATOMIC_RELAXED);
	__atomic_store_n(&b->stat_known, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&b->stat_ns, 0, __ATOMIC_RELAXED);
}
