/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * device - the state machine of a virtio device (virtio 2.1, 2.2, 3.1), once for all
 * transports.
 *
 * From DRIVER_OK on a queue belongs to its worker: registers only read what is atomic.
 * Taking it back is `live` = false, then run(), which returns when no job looks at it. Without
 * workers the instance's lock does all of that.
 */
#include <errno.h>
#include <string.h>

#include "virtio_internal.h"

#define LIBRARY_FEATURES \
	(VOLT_VIRTIO_F_INDIRECT | VOLT_VIRTIO_F_EVENT_IDX | VOLT_VIRTIO_F_VERSION_1)
#define OWN_FEATURES (UINT64_C(0xffffff) | ~UINT64_C(0) << 50) /* virtio 2.2 */
#define ALL_FEATURES (OWN_FEATURES | LIBRARY_FEATURES)

/* The bits that a driver sets. */
#define DRIVER_BITS \
	(STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | STATUS_FAILED)

int virtio_fail(const struct volt_host *h, int err, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return (h->fail)(h, err, msg);
}

bool virtio_is_live(const struct volt_virtio *v)
{
	return __atomic_load_n(&v->live, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&v->held, __ATOMIC_ACQUIRE);
}

uint32_t virtio_status(const struct volt_virtio *v)
{
	return __atomic_load_n(&v->status, __ATOMIC_ACQUIRE);
}

static void add_status(struct volt_virtio *v, uint32_t bits)
{
	__atomic_fetch_or(&v->status, bits, __ATOMIC_ACQ_REL);
}

void virtio_quiet(struct volt_virtio *v)
{
	volt_count(v->h, VOLT_VIRTIO_QUIET, 1);
}

static void post_loop(struct volt_virtio *v)
{
	v->loop->arm(v->h, v->soon, 1); /* long ago */
}

void volt_virtio_post(struct volt_virtio *v, unsigned n)
{
	if (n >= v->type->queues)
		return;
	if (v->type->workers)
		v->work->post(v->h, v->workers[v->q[n].worker]);
	else
		post_loop(v);
}

void virtio_post_all(struct volt_virtio *v)
{
	for (unsigned i = 0; i < v->type->workers; i++)
		v->work->post(v->h, v->workers[i]);
	if (!v->type->workers)
		post_loop(v);
}

static void serve_queue(struct volt_queue *q)
{
	const bool drains = __atomic_load_n(&q->drains, __ATOMIC_ACQUIRE);

	if (!drains && !virtio_is_outside(q->v))
		virtio_queue_serve(q);
	else if (drains && q->v->type->drain)
		q->v->type->drain(q->v, q);
}

static void serve(void *self, uint32_t worker)
{
	struct volt_virtio *v = self;

	if (v->type->begin_run)
		v->type->begin_run(self);
	for (unsigned i = 0; i < v->type->queues; i++)
		if (v->workers[v->q[i].worker] == worker)
			serve_queue(&v->q[i]);
}

static void serve_soon(void *self)
{
	serve(self, 0);
}

void volt_virtio_serve(struct volt_virtio *v, unsigned n)
{
	if (n < v->type->queues)
		virtio_queue_serve(&v->q[n]);
}

/* Linux waits for some of its chains, as those of a console, on a spinning vCPU: no thread that has
 * to be woken first is as quick as the vCPU itself. */
void virtio_kicked(struct volt_virtio *v, uint32_t n)
{
	if (n >= v->type->queues)
		virtio_quiet(v);
	else if (virtio_is_outside(v))
		volt_virtio_kick(v, n);
	else if (v->type->workers)
		volt_virtio_post(v, n);
	else
		volt_virtio_serve(v, n);
}

static void run_workers(struct volt_virtio *v)
{
	for (unsigned i = 0; i < v->type->workers; i++)
		v->work->run(v->h, v->workers[i]); /* -EAGAIN at the start: then none runs */
	if (!v->type->workers)
		serve(v, 0);
}

/* virtio 2.1.2: the driver is told, if it got so far. */
void volt_virtio_need_reset(struct volt_virtio *v)
{
	add_status(v, STATUS_NEEDS_RESET);
	if (virtio_status(v) & STATUS_DRIVER_OK)
		v->transport->raise(v, CAUSE_CONFIG, 0);
}

/* Other queues go on. */
void virtio_break(struct volt_queue *q)
{
	q->broken = true;
	volt_count(q->v->h, VOLT_VIRTIO_BROKEN, 1);
	volt_virtio_need_reset(q->v);
}

/* -------------------------------------------------------------------- reset */

static void set_drains(struct volt_virtio *v, bool on)
{
	for (unsigned i = 0; i < v->type->queues; i++)
		__atomic_store_n(&v->q[i].drains, on, __ATOMIC_RELEASE);
}

/* The last request of each queue ends in the run that is waited for, or before it. */
static void drain(struct volt_virtio *v)
{
	set_drains(v, true);
	run_workers(v);
	set_drains(v, false);
}

static void stop(struct volt_virtio *v)
{
	__atomic_store_n(&v->live, false, __ATOMIC_RELEASE);
	drain(v);
}

void virtio_hold(struct volt_virtio *v, bool hold)
{
	__atomic_store_n(&v->held, hold, __ATOMIC_RELEASE);
	if (hold)
		drain(v);
	else
		virtio_post_all(v);
}

/* virtio 2.4. The generation goes on: the configuration has not changed. */
static void clear(struct volt_virtio *v)
{
	stop(v);
	__atomic_store_n(&v->status, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&v->isr, 0, __ATOMIC_RELEASE);
	v->accepted = 0;
	v->device_select = v->driver_select = v->queue_select = 0;
	__atomic_store_n(&v->vector, VOLT_VIRTIO_NO_VECTOR, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < v->type->queues; i++)
		virtio_queue_clear(&v->q[i]);
	if (v->type->reset)
		v->type->reset(v);
	if (!v->type->workers)
		v->loop->arm(v->h, v->soon, 0);
}

void volt_virtio_reset(void *self)
{
	struct volt_virtio *v = self;

	clear(v);
	if (v->transport->reset)
		v->transport->reset(v);
}

/* ----------------------------------------------------------------- features */

uint32_t virtio_device_features(const struct volt_virtio *v)
{
	return v->device_select < 2 ? (uint32_t)(v->offered >> (32 * v->device_select)) : 0;
}

/* Fixed from FEATURES_OK on (virtio 2.2.2 and 3.1.1). */
void virtio_driver_features(struct volt_virtio *v, uint32_t bits)
{
	const unsigned shift = 32 * (v->driver_select & 1);

	if (virtio_status(v) & STATUS_FEATURES_OK) {
		virtio_quiet(v);
		return;
	}
	/* Bits from 64 up are not offered; whoever accepts one never gets FEATURES_OK, as bit
	 * 63, which is not offered either, stands for them. */
	if (v->driver_select >= 2) {
		if (bits)
			v->accepted |= UINT64_C(1) << 63;
		return;
	}
	v->accepted = (v->accepted & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)bits << shift;
}

/* ------------------------------------------------------------------- status */

/* Those that cannot be served are broken; the others go on. */
static void open_queues(struct volt_virtio *v)
{
	for (unsigned i = 0; i < v->type->queues; i++) {
		struct volt_queue *q = &v->q[i];

		if (!q->ready || q->broken)
			continue;
		if (virtio_queue_open(q))
			__atomic_store_n(&q->open, true, __ATOMIC_RELEASE);
		else
			virtio_break(q);
	}
}

static void go_live(struct volt_virtio *v)
{
	open_queues(v);
	if (v->type->live)
		v->type->live(v, v->accepted);
	__atomic_store_n(&v->live, true, __ATOMIC_RELEASE);
	virtio_post_all(v);
}

/* virtio 3.1.1, in order; a step that lacks the one before it does not stick. */
static uint32_t accept_bits(struct volt_virtio *v, uint32_t bits)
{
	uint32_t status = virtio_status(v) | (bits & STATUS_FAILED);

	if (bits & STATUS_ACKNOWLEDGE)
		status |= STATUS_ACKNOWLEDGE;
	if (bits & STATUS_DRIVER && status & STATUS_ACKNOWLEDGE)
		status |= STATUS_DRIVER;
	if (bits & STATUS_FEATURES_OK && status & STATUS_DRIVER && !(v->accepted & ~v->offered))
		status |= STATUS_FEATURES_OK;
	if (bits & STATUS_DRIVER_OK && status & STATUS_FEATURES_OK)
		status |= STATUS_DRIVER_OK;
	return status;
}

void virtio_set_status(struct volt_virtio *v, uint32_t bits)
{
	const uint32_t before = virtio_status(v);

	if (bits == 0) {
		volt_count(v->h, VOLT_VIRTIO_RESETS, 1);
		clear(v);
		return;
	}
	const uint32_t after = accept_bits(v, bits);

	if ((bits & DRIVER_BITS) != bits || (after & bits) != bits)
		virtio_quiet(v);
	add_status(v, after);
	if (after & ~before & STATUS_DRIVER_OK)
		go_live(v);
}

/* ------------------------------------------------------------------- queues */

struct volt_queue *virtio_queue_selected(struct volt_virtio *v)
{
	return v->queue_select < v->type->queues ? &v->q[v->queue_select] : NULL;
}

/* The selected queue where it may be set up: after DRIVER_OK what was written is what runs. */
static struct volt_queue *queue_to_set_up(struct volt_virtio *v)
{
	struct volt_queue *q = virtio_queue_selected(v);

	if (q && !(virtio_status(v) & STATUS_DRIVER_OK))
		return q;
	virtio_quiet(v);
	return NULL;
}

void virtio_queue_set_size(struct volt_virtio *v, uint32_t size)
{
	struct volt_queue *q = queue_to_set_up(v);

	if (!q)
		return;
	if (q->ready || size > UINT16_MAX)
		virtio_quiet(v);
	else
		q->size = (uint16_t)size;
}

void virtio_queue_set_half(struct volt_virtio *v, size_t part, unsigned half, uint32_t bits)
{
	struct volt_queue *q = queue_to_set_up(v);

	if (!q)
		return;
	if (q->ready) {
		virtio_quiet(v);
		return;
	}
	uint64_t *address = (uint64_t *)(void *)((uint8_t *)q + part);

	*address = (*address & UINT64_C(0xffffffff) << (half ? 0 : 32)) | (uint64_t)bits
									      << (half ? 32 : 0);
}

void virtio_queue_stop(struct volt_queue *q)
{
	struct volt_virtio *v = q->v;

	__atomic_store_n(&q->open, false, __ATOMIC_RELEASE);
	__atomic_store_n(&q->drains, true, __ATOMIC_RELEASE);
	if (v->type->workers)
		v->work->run(v->h, v->workers[q->worker]);
	else
		serve_queue(q);
	__atomic_store_n(&q->drains, false, __ATOMIC_RELEASE);
	q->ready = false;
}

void virtio_queue_set_ready(struct volt_virtio *v, uint32_t ready)
{
	struct volt_queue *q = virtio_queue_selected(v);

	/* virtio 4.2.2.2: a driver may stop a live queue, and reads back 0 when nobody looks at it.
	 */
	if (q && ready == 0 && virtio_status(v) & STATUS_DRIVER_OK) {
		virtio_queue_stop(q);
		return;
	}
	q = queue_to_set_up(v);

	if (!q)
		return;
	q->ready = ready & 1 && virtio_queue_is_sound(q) && virtio_queue_open(q);
	if (ready & 1 && !q->ready)
		virtio_quiet(v);
}

/* ------------------------------------------------------------ configuration */

/* virtio 2.5: clipped to the device's own length, and not to the window's. */
uint32_t virtio_config_read(const struct volt_virtio *v, uint64_t off, uint32_t n)
{
	const uint8_t *config = v->type->config;
	uint32_t val = 0;
	const uint32_t size = v->type->config_size;

	if (off >= size || n > sizeof(val))
		return 0;
	for (uint32_t i = 0; i < n && i < size - off; i++)
		val |= (uint32_t)__atomic_load_n(config + off + i, __ATOMIC_ACQUIRE) << 8 * i;
	return val;
}

void virtio_config_write(struct volt_virtio *v, uint64_t off, uint32_t n, uint32_t val)
{
	const uint32_t size = v->type->config_size;

	if (v->type->config_written && off < size && n <= 4 && n <= size - off)
		v->type->config_written(v, (uint32_t)off, n, val);
	else
		virtio_quiet(v);
}

void volt_virtio_config_changed(struct volt_virtio *v)
{
	v->generation++;
	if (virtio_status(v) & STATUS_DRIVER_OK)
		v->transport->raise(v, CAUSE_CONFIG, 0);
}

/* ------------------------------------------------------------- saved state */

void volt_virtio_pause(void *self)
{
	struct volt_virtio *v = self;

	stop(v);
	if (v->transport->pause)
		v->transport->pause(v);
}

void volt_virtio_resume(void *self)
{
	struct volt_virtio *v = self;

	if (v->transport->resume)
		v->transport->resume(v);
	if (virtio_status(v) & STATUS_DRIVER_OK)
		go_live(v);
}

int volt_virtio_validate(const struct volt_virtio *v, const struct volt_queue *q)
{
	const uint32_t s = v->status;

	if (s & ~(DRIVER_BITS | STATUS_NEEDS_RESET))
		return -EINVAL;
	if ((s & STATUS_DRIVER && !(s & STATUS_ACKNOWLEDGE)) ||
	    (s & STATUS_FEATURES_OK && !(s & STATUS_DRIVER)) ||
	    (s & STATUS_DRIVER_OK && !(s & STATUS_FEATURES_OK)))
		return -EINVAL;
	if (s & STATUS_FEATURES_OK && v->accepted & ~v->offered)
		return -EINVAL;
	for (unsigned i = 0; i < v->type->queues; i++)
		if (q[i].ready && !virtio_queue_is_sound(&q[i]))
			return -EINVAL;
	return v->transport->validate ? v->transport->validate(v, q) : 0;
}

/* ------------------------------------------------------------------- wiring */

static bool is_sound_type(const struct volt_virtio_type *t)
{
	const bool outside = t->flags & VOLT_VIRTIO_OUTSIDE;

	if (t->size < sizeof(*t) || t->flags & ~VOLT_VIRTIO_OUTSIDE || t->reserved2 ||
	    t->features & ~(outside ? ALL_FEATURES : OWN_FEATURES) || !t->request != outside)
		return false;
	if (outside && (t->workers != 1 || t->slots))
		return false;
	if (t->queues == 0 || t->queues > VOLT_VIRTIO_QUEUES)
		return false;
	if (t->workers > t->queues)
		return false;
	if (t->slot_count > VOLT_SLOT_MAX || !t->slots != !t->slot_count ||
	    (t->slots && !t->progress))
		return false;
	if (t->ring == 0 || t->ring > 32768 || t->ring & (t->ring - 1))
		return false;
	return t->segments >= 1 && t->segments <= VOLT_CHAIN_MAX && t->name &&
	       !t->config == !t->config_size;
}

static int find_loop(struct volt_virtio *v)
{
	const struct volt_host *h = v->h;

	v->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!v->loop || !VOLT_HAS(h, pulse))
		return virtio_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP " of ABI 0.3");
	const int err = v->loop->add_timer(h, serve_soon, &v->soon);

	return err ? virtio_fail(h, -err, "cannot have a timer") : 0;
}

static int find_services(struct volt_virtio *v)
{
	const struct volt_host *h = v->h;

	v->mem = h->get_ext(h, VOLT_EXT_MEM);
	if (!v->mem)
		return virtio_fail(h, ENOTSUP, "the host has no " VOLT_EXT_MEM);
	if (!v->type->workers)
		return find_loop(v);
	v->work = h->get_ext(h, VOLT_EXT_WORKER);
	if (!v->work || !VOLT_HAS(v->work, run) || !VOLT_HAS(h, pulse))
		return virtio_fail(h, ENOTSUP, "the host has no " VOLT_EXT_WORKER " of ABI 0.3");
	v->doorbells = h->get_ext(h, VOLT_EXT_DOORBELL);
	if (!v->doorbells)
		return virtio_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DOORBELL);
	if (virtio_is_outside(v) && (!VOLT_HAS(v->doorbells, ring) || !VOLT_HAS(v->mem, regions)))
		return virtio_fail(h, ENOTSUP, "the host gives no memory to other processes");
	return 0;
}

/* Each queue has its own doorbell, which wakes its own worker, or the process outside. */
int virtio_add_kick(struct volt_virtio *v, unsigned n, struct volt_doorbell_at *at)
{
	at->size = sizeof(*at);
	at->space = VOLT_SPACE_MMIO;
	at->flags =
	    VOLT_DOORBELL_MATCH | (virtio_is_outside(v) ? VOLT_DOORBELL_EVENT : VOLT_DOORBELL_POST);
	at->value = n;
	at->worker = v->workers[v->q[n].worker];
	const int err = v->doorbells->add(v->h, at, &v->q[n].doorbell);

	return err ? virtio_fail(v->h, -err, "cannot have a doorbell for queue %u", n) : 0;
}

static int add_workers(struct volt_virtio *v)
{
	for (unsigned i = 0; i < v->type->workers; i++) {
		char name[16];
		int err;

		snprintf(name, sizeof(name), v->type->workers > 1 ? "%.12s-%u" : "%.12s",
		    v->type->name, i);
		err = v->work->add(v->h, name, serve, &v->workers[i]);
		if (err)
			return virtio_fail(v->h, -err, "cannot have a worker");
	}
	return 0;
}

static const char *wanted_transport(const struct volt_args *a)
{
	const char *s = a && a->value_count ? volt_arg(a, a->value_count - 1u)->s : "auto";

	return s ? s : "";
}

static bool has_peer(const struct volt_virtio *v, const char *id)
{
	struct volt_peer peer = {.size = sizeof(peer)};

	return VOLT_HAS(v->h, find) && v->h->find(v->h, id, &peer) == 0;
}

static int choose_backend(struct volt_virtio *v, const char *wanted)
{
	v->transport = &virtio_backend;
	if (virtio_is_outside(v))
		return virtio_fail(v->h, ENOTSUP,
		    "another process does this device's work already: give the front end that one");
	if (strcmp(wanted, "auto") != 0)
		return virtio_fail(v->h, EINVAL,
		    "transport=%s: the front end decides here how the guest reaches the device: "
		    "leave it out",
		    wanted);
	return 0;
}

/* A host that relays a front end has no other way to a guest. Else MMIO, unless there is a bus:
 * whoever loads one wants its devices there, and a guest that can use neither bus nor ACPI has no
 * use for either. */
static int choose_transport(struct volt_virtio *v, const struct volt_args *a)
{
	const char *wanted = wanted_transport(a);
	const bool has_bus = has_peer(v, VOLT_EXT_PCI);

	if (has_peer(v, VOLT_EXT_BACKEND))
		return choose_backend(v, wanted);
	v->transport = &virtio_mmio;
	if (strcmp(wanted, "mmio") == 0)
		return 0;
	if (strcmp(wanted, "auto") != 0 && strcmp(wanted, "pci") != 0)
		return virtio_fail(
		    v->h, EINVAL, "the plugin's last parameter is not its transport");
	if (has_bus)
		v->transport = &virtio_pci;
	else if (strcmp(wanted, "pci") == 0)
		return virtio_fail(v->h, ENOENT, "transport=pci needs a bus: add --plugin pci");
	return 0;
}

int volt_virtio_init(void *self, struct volt_queue *q, const struct volt_virtio_type *t,
    const struct volt_host *h, const struct volt_args *a)
{
	struct volt_virtio *v = self;
	int err;

	v->h = h;
	v->type = t;
	v->q = q;
	if (!is_sound_type(t))
		return virtio_fail(h, EINVAL, "the plugin's virtio type is malformed");
	v->offered = virtio_is_outside(v) ? t->features : t->features | LIBRARY_FEATURES;
	for (unsigned i = 0; i < t->queues; i++) {
		q[i].v = v;
		q[i].number = (uint16_t)i;
		q[i].max = t->ring;
		q[i].worker = t->workers ? (uint8_t)(i % t->workers) : 0;
		q[i].slots = t->slots ? t->slots + (size_t)i * t->slot_count : NULL;
	}
	err = choose_transport(v, a);
	if (err)
		return err;
	err = find_services(v);
	if (err)
		return err;
	err = add_workers(v);
	return err ? err : v->transport->wire(v);
}
