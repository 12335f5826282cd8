/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * queue - split virtqueues (virtio 2.7) with indirect descriptors and event index.
 *
 * The driver may write any of it at any time. So each field is loaded once into a local, which is
 * checked and then used; the positions in the rings are the device's own; and what breaks
 * the rules ends the queue until the driver resets the device.
 */
#include <errno.h>
#include <string.h>

#include "virtio_internal.h"

#define DESC_SIZE     16u /* virtio 2.7.5 */
#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

#define AVAIL_NO_INTERRUPT 1u /* virtio 2.7.6 */
#define USED_NO_NOTIFY     1u /* virtio 2.7.8 */
#define RING_HEAD          4u /* bytes of flags and index, in either ring */
#define USED_ELEMENT       8u

/* Completions are told at least this often while a long run goes on. */
#define BATCH 16u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static bool has(const struct volt_queue *q, uint64_t feature)
{
	return q->v->accepted & feature;
}

static size_t table_bytes(const struct volt_queue *q)
{
	return (size_t)DESC_SIZE * q->size;
}

/* Both with the event word at their ends, used or not (virtio 2.7.2). */
static size_t avail_bytes(const struct volt_queue *q)
{
	return RING_HEAD + (size_t)2 * q->size + 2;
}

static size_t used_bytes(const struct volt_queue *q)
{
	return RING_HEAD + (size_t)USED_ELEMENT * q->size + 2;
}

/* virtio 2.7 and 2.7.2: a power of two, and the alignment of each part. */
bool virtio_queue_is_sound(const struct volt_queue *q)
{
	if (q->size == 0 || q->size > q->max || q->size & (q->size - 1))
		return false;
	return q->desc % 16 == 0 && q->driver % 2 == 0 && q->device % 4 == 0;
}

bool virtio_queue_open(struct volt_queue *q)
{
	const struct volt_mem *mem = q->v->mem;
	const struct volt_host *h = q->v->h;

	if (!virtio_queue_is_sound(q))
		return false;
	q->table = mem->map(h, q->desc, table_bytes(q), false);
	q->avail = mem->map(h, q->driver, avail_bytes(q), false);
	q->given = mem->map(h, q->device, used_bytes(q), true);
	return q->table && q->avail && q->given;
}

void virtio_queue_clear(struct volt_queue *q)
{
	q->desc = q->driver = q->device = 0;
	q->size = q->max;
	__atomic_store_n(&q->vector, VOLT_VIRTIO_NO_VECTOR, __ATOMIC_RELEASE);
	q->seen = q->used = q->signalled = 0;
	q->more = 0;
	q->flying = 0;
	q->ready = q->broken = q->open = false;
	q->table = q->avail = q->given = NULL;
}

/* --------------------------------------------------------- loads and stores */

static uint16_t avail_load(const struct volt_queue *q, size_t off)
{
#ifdef VOLT_VIRTIO_READS /* tests: a fake host's races disturb what read() gives */
	uint16_t v = 0;

	q->v->mem->read(q->v->h, q->driver + off, &v, sizeof(v));
	return volt_le16(&v);
#else
	return volt_le16(q->avail + off);
#endif
}

/* Fields of the descriptor at p, or at gpa, each loaded once. */
static struct desc desc_load(const struct volt_queue *q, const uint8_t *p, uint64_t gpa)
{
#ifdef VOLT_VIRTIO_READS
	uint8_t copy[DESC_SIZE] = {0};

	q->v->mem->read(q->v->h, gpa, copy, sizeof(copy));
	p = copy;
#endif
	return (struct desc){
	    .addr = volt_le64(p),
	    .len = volt_le32(p + 8),
	    .flags = volt_le16(p + 12),
	    .next = volt_le16(p + 14),
	};
}

static void used_store16(struct volt_queue *q, size_t off, uint16_t v)
{
	volt_put_le16(q->given + off, v);
	q->v->mem->dirty(q->v->h, q->device + off, 2);
}

/* Its index, once all entries before it can be seen (virtio 2.7.13.3). */
static uint16_t load_avail_index(const struct volt_queue *q)
{
	const uint16_t index = avail_load(q, 2);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return index;
}

/* ------------------------------------------------------------------- chains */

static bool add_segment(struct volt_queue *q, struct volt_chain *c, const struct desc *d)
{
	const bool writable = d->flags & DESC_WRITE;
	uint32_t *sum = writable ? &c->in_len : &c->out_len;
	const unsigned n = c->out + c->in;

	if (!writable && c->in) /* virtio 2.7.4.2: readable ones come first */
		return false;
	if (d->len == 0) /* says nothing, and is no reason to stop */
		return true;
	if (n == q->v->type->segments || __builtin_add_overflow(*sum, d->len, sum))
		return false;
	void *p = q->v->mem->map(q->v->h, d->addr, d->len, writable);

	if (!p)
		return false;
	c->seg[n] = (struct iovec){p, d->len};
	c->gpa[n] = d->addr;
	c->len[n] = d->len;
	if (writable)
		c->in++;
	else
		c->out++;
	return true;
}

/* One table, the ring's own or an indirect one of `count` entries, from entry `at` on. An
 * INDIRECT descriptor is left to the caller, in *last. */
static bool walk(struct volt_queue *q, struct volt_chain *c, const uint8_t *table, uint64_t gpa,
    uint32_t count, uint32_t at, struct desc *last)
{
	for (uint32_t steps = 0; steps < count; steps++) {
		if (at >= count)
			return false;
		const size_t off = (size_t)DESC_SIZE * at;

		*last = desc_load(q, table + off, gpa + off);
		if (last->flags & DESC_INDIRECT)
			return true;
		if (!add_segment(q, c, last))
			return false;
		if (!(last->flags & DESC_NEXT))
			return true;
		at = last->next;
	}
	return false; /* a loop, or a chain longer than its table */
}

/* virtio 2.7.5.3. Linux and this device know an indirect table only as a whole chain. */
static bool walk_indirect(struct volt_queue *q, struct volt_chain *c, const struct desc *d)
{
	struct desc last;

	if (!has(q, VOLT_VIRTIO_F_INDIRECT) || d->flags & DESC_NEXT || c->out || c->in)
		return false;
	if (d->len == 0 || d->len % DESC_SIZE || d->len / DESC_SIZE > q->size)
		return false;
	const uint8_t *table = q->v->mem->map(q->v->h, d->addr, d->len, false);

	if (!table || !walk(q, c, table, d->addr, d->len / DESC_SIZE, 0, &last))
		return false;
	return !(last.flags & DESC_INDIRECT);
}

static bool load_chain(struct volt_queue *q, struct volt_chain *c)
{
	const size_t slot = q->seen & (q->size - 1u);
	struct desc last;

	c->head = avail_load(q, RING_HEAD + 2 * slot);
	c->out = c->in = 0;
	c->out_len = c->in_len = 0;
	if (!walk(q, c, q->table, q->desc, q->size, c->head, &last))
		return false;
	return last.flags & DESC_INDIRECT ? walk_indirect(q, c, &last) : true;
}

static size_t take(struct iovec *seg, unsigned count, uint8_t *to, const uint8_t *from, size_t n)
{
	size_t done = 0;

	for (unsigned i = 0; i < count && done < n; i++) {
		const size_t part = seg[i].iov_len < n - done ? seg[i].iov_len : n - done;

		if (part == 0)
			continue;
		memcpy(to ? to + done : seg[i].iov_base, to ? seg[i].iov_base : from + done, part);
		seg[i].iov_base = (uint8_t *)seg[i].iov_base + part;
		seg[i].iov_len -= part;
		done += part;
	}
	return done;
}

size_t volt_chain_read(struct volt_chain *c, void *to, size_t n)
{
	return take(c->seg, c->out, to, NULL, n);
}

size_t volt_chain_write(struct volt_chain *c, const void *from, size_t n)
{
	return take(c->seg + c->out, c->in, NULL, from, n);
}

bool volt_chain_write_last(struct volt_queue *q, struct volt_chain *c, uint8_t byte)
{
	for (unsigned i = c->out + c->in; i-- > c->out;) {
		struct iovec *s = &c->seg[i];

		if (s->iov_len == 0)
			continue;
		((uint8_t *)s->iov_base)[--s->iov_len] = byte;
		q->v->mem->dirty(q->v->h, c->gpa[i] + c->len[i] - 1, 1);
		return true;
	}
	return false;
}

static void mark_written(struct volt_queue *q, const struct volt_chain *c, uint32_t written)
{
	for (unsigned i = c->out; i < c->out + c->in && written; i++) {
		const uint32_t n = c->len[i] < written ? c->len[i] : written;

		q->v->mem->dirty(q->v->h, c->gpa[i], n);
		written -= n;
	}
}

/* What was in flight is the driver's again. */
static void free_slot(struct volt_queue *q, const struct volt_chain *c)
{
	if (q->slots)
		q->flying &= ~(1u << c->slot);
}

/* virtio 2.7.8: an element, which the driver does not look at before the index shows it. */
static void put_element(struct volt_queue *q, struct volt_chain *c, uint32_t written)
{
	const uint16_t slot = (uint16_t)(q->used + q->more) & (q->size - 1u);
	const size_t off = RING_HEAD + (size_t)USED_ELEMENT * slot;

	if (written > c->in_len)
		written = c->in_len;
	mark_written(q, c, written);
	volt_put_le32(q->given + off, c->head);
	volt_put_le32(q->given + off + 4, written);
	q->v->mem->dirty(q->v->h, q->device + off, USED_ELEMENT);
	free_slot(q, c);
}

void volt_chain_more(struct volt_queue *q, struct volt_chain *c, uint32_t written)
{
	put_element(q, c, written);
	q->more++;
}

void volt_chain_done(struct volt_queue *q, struct volt_chain *c, uint32_t written)
{
	put_element(q, c, written);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	q->used = (uint16_t)(q->used + q->more + 1);
	q->more = 0;
	used_store16(q, 2, q->used);
}

/* -------------------------------------------------------- interrupts, kicks */

/* virtio 2.7.7 and 2.7.7.2: has the index that the driver named been passed? */
static bool wants_interrupt(const struct volt_queue *q)
{
	if (!has(q, VOLT_VIRTIO_F_EVENT_IDX))
		return !(avail_load(q, 0) & AVAIL_NO_INTERRUPT);
	const uint16_t event = avail_load(q, RING_HEAD + (size_t)2 * q->size);

	return (uint16_t)(q->used - event - 1) < (uint16_t)(q->used - q->signalled);
}

static void signal_driver(struct volt_queue *q)
{
	if (q->signalled == q->used)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the index before the look at the event */
	const bool wanted = wants_interrupt(q);

	q->signalled = q->used;
	if (wanted)
		q->v->transport->raise(q->v, CAUSE_QUEUE, q->number);
}

/* With event index an old event is one that has passed: no kick (virtio 2.7.10). */
static void set_kicks(struct volt_queue *q, bool on)
{
	if (has(q, VOLT_VIRTIO_F_EVENT_IDX)) {
		if (on)
			used_store16(q, RING_HEAD + (size_t)USED_ELEMENT * q->size, q->seen);
		return;
	}
	used_store16(q, 0, on ? 0 : USED_NO_NOTIFY);
}

/* How many chains wait; or the queue is broken. */
static bool count_waiting(struct volt_queue *q, uint16_t *waiting)
{
	*waiting = (uint16_t)(load_avail_index(q) - q->seen);
	return *waiting <= q->size;
}

/* Where the next chain goes, the lowest first, so that few slots are touched. NULL: all are in
 * flight. */
static struct volt_chain *free_chain(struct volt_queue *q)
{
	const uint32_t count = q->v->type->slot_count;
	unsigned slot = 0;

	if (!q->slots)
		return &q->chain;
	while (slot < count && q->flying & 1u << slot)
		slot++;
	if (slot == count)
		return NULL;
	q->slots[slot].slot = (uint16_t)slot;
	return &q->slots[slot];
}

/* A driver that shows a chain again before it has it back could have more in flight than its ring
 * has entries. */
static bool is_in_flight(const struct volt_queue *q, uint16_t head)
{
	for (uint32_t left = q->flying; left; left &= left - 1)
		if (q->slots[__builtin_ctz(left)].head == head)
			return true;
	return false;
}

/* One chain. False: nothing more for now. */
static bool serve_one(struct volt_queue *q, struct volt_chain *c)
{
	if (!load_chain(q, c) || is_in_flight(q, c->head)) {
		virtio_break(q);
		return false;
	}
	/* Marked before it is asked for, as it may be given back at once. */
	if (q->slots)
		q->flying |= 1u << c->slot;
	if (!q->v->type->request(q->v, q, c)) {
		free_slot(q, c);
		return false;
	}
	q->seen++;
	return true;
}

/* Some of what is in flight comes back, and the driver is told. */
static void await_some(struct volt_queue *q)
{
	q->v->type->progress(q->v, q);
	signal_driver(q);
}

static bool is_served(const struct volt_queue *q)
{
	return virtio_is_live(q->v) && __atomic_load_n(&q->open, __ATOMIC_ACQUIRE) && !q->broken;
}

/* True: there may be more, and this run has had its share. */
static bool serve_share(struct volt_queue *q)
{
	uint16_t waiting;

	for (unsigned n = 0; n < q->size || q->more; n++) {
		if (!is_served(q))
			return false;
		if (q->more == q->size)
			return true;
		if (!count_waiting(q, &waiting)) {
			virtio_break(q);
			return false;
		}
		struct volt_chain *c = free_chain(q);

		if (q->flying && (waiting == 0 || !c)) {
			await_some(q);
			continue;
		}
		if (waiting == 0) {
			set_kicks(q, true);
			__atomic_thread_fence(__ATOMIC_SEQ_CST); /* then look once more */
			if (load_avail_index(q) == q->seen)
				return false;
			set_kicks(q, false);
			continue;
		}
		if (!serve_one(q, c))
			return false;
		if (n % BATCH == BATCH - 1)
			signal_driver(q);
	}
	return true;
}

/* What was given and not shown is the driver's no more than before: it comes once again. */
static bool take_back(struct volt_queue *q)
{
	const bool some = q->more;

	q->seen = (uint16_t)(q->seen - q->more);
	q->more = 0;
	return some;
}

void virtio_queue_serve(struct volt_queue *q)
{
	if (!is_served(q))
		return;
	set_kicks(q, false);
	bool more = serve_share(q);

	while (q->flying)
		await_some(q);
	more |= take_back(q);
	signal_driver(q);
	if (more)
		volt_virtio_post(q->v, q->number);
}
