/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio-vsock - stream connections between the guest and programs of the host.
 *
 * Source: virtio 1.2, 5.10. Driver: Linux vmw_vsock_virtio_transport.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vsock.h"

enum { PARAM_CID, PARAM_PATH, PARAM_CONNECTIONS };

#define SOCKET_DEVICE   19u /* virtio 5.10.1 */
#define RING            256u
#define TRANSPORT_RESET 0u /* VIRTIO_VSOCK_EVENT_TRANSPORT_RESET (virtio 5.10.6.7) */

/* ------------------------------------------------------------------- requests */

/* Connections are not saved: after a restore their other ends are elsewhere. */
static bool vsock_tell_event(struct vsock *s, struct volt_queue *q, struct volt_chain *c)
{
	uint8_t event[4];

	if (!__atomic_load_n(&s->moved, __ATOMIC_ACQUIRE))
		return false;
	volt_put_le32(event, TRANSPORT_RESET);
	if (volt_chain_write(c, event, sizeof(event)) == sizeof(event))
		__atomic_store_n(&s->moved, false, __ATOMIC_RELEASE);
	else
		volt_count(s->v.h, COUNT_MALFORMED, 1);
	volt_chain_done(q, c, c->in_len < sizeof(event) ? 0 : sizeof(event));
	return true;
}

static bool vsock_request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	struct vsock *s = self;

	if (q->number == RXQ)
		return vsock_receive(s, q, c);
	if (q->number == EVENTQ)
		return vsock_tell_event(s, q, c);
	if (!vsock_transmit(s, q, c))
		return false;
	if (s->first != NOBODY || s->refusal_count) /* the receive queue had its turn */
		volt_virtio_post(&s->v, RXQ);
	return true;
}

/* Whatever woke the worker: peers go on although the driver offers no buffers. */
static void vsock_begin_run(void *self)
{
	struct vsock *s = self;

	if (__atomic_exchange_n(&s->driver_reset, false, __ATOMIC_ACQ_REL))
		vsock_forget_all(s);
	vsock_take_news(s);
}

/* The worker closes them: only it may. */
static void vsock_reset_device(void *self)
{
	struct vsock *s = self;

	__atomic_store_n(&s->moved, false, __ATOMIC_RELEASE);
	__atomic_store_n(&s->driver_reset, true, __ATOMIC_RELEASE);
	volt_virtio_post(&s->v, RXQ);
}

/* --------------------------------------------------------------------- wiring */

static int vsock_find_services(struct vsock *s)
{
	const struct volt_host *h = s->v.h;

	s->peers = h->get_ext(h, VOLT_EXT_PEERS);
	return s->peers ? 0 : volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_PEERS);
}

/* Pages of it that no slow program needs are never touched. */
static int vsock_make_room(struct vsock *s)
{
	s->bytes = mmap(NULL, (size_t)WINDOW * s->count, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->bytes == MAP_FAILED)
		return volt_fail(s->v.h, ENOMEM, "no memory for %u connections", s->count);
	vsock_table_init(s);
	return 0;
}

static int vsock_attach(struct vsock *s, const struct volt_args *a)
{
	const int err = s->peers->attach(
	    s->v.h, (uint32_t)volt_arg(a, PARAM_PATH)->u, s->v.workers[0], s->count);

	return err ? volt_fail(s->v.h, -err, "cannot have connections with programs") : 0;
}

static void vsock_release(void *self)
{
	struct vsock *s = self;

	if (s->bytes != MAP_FAILED)
		munmap(s->bytes, (size_t)WINDOW * s->count);
}

static int vsock_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct vsock *s = self;
	int err;

	s->v.h = h;
	s->bytes = MAP_FAILED;
	s->cid = volt_arg(a, PARAM_CID)->u;
	s->count = (uint32_t)volt_arg(a, PARAM_CONNECTIONS)->u;
	volt_put_le64(s->config, s->cid);
	s->type = (struct volt_virtio_type){
	    .size = sizeof(s->type),
	    .id = SOCKET_DEVICE,
	    .name = "vsock",
	    .features = VSOCK_F_STREAM,
	    .queues = QUEUES,
	    .ring = RING,
	    .segments = VOLT_CHAIN_MAX,
	    .workers = 1,
	    .config_size = sizeof(s->config),
	    .config = s->config,
	    .request = vsock_request,
	    .reset = vsock_reset_device,
	    .begin_run = vsock_begin_run,
	};
	err = vsock_find_services(s);
	if (err)
		return err;
	err = volt_virtio_init(s, s->q, &s->type, h, a);
	if (err)
		return err;
	err = vsock_attach(s, a);
	if (err)
		return err;
	return vsock_make_room(s);
}

/* ---------------------------------------------------------------------- state */

static void vsock_pause(void *self)
{
	volt_virtio_pause(self);
	((struct vsock *)self)->paused = true;
}

/* Without a pause before it, it is a restore: the peers of this state are elsewhere. */
static void vsock_resume(void *self)
{
	struct vsock *s = self;

	if (!s->paused) {
		__atomic_store_n(&s->driver_reset, true, __ATOMIC_RELEASE);
		__atomic_store_n(&s->moved, true, __ATOMIC_RELEASE);
	}
	s->paused = false;
	volt_virtio_resume(s);
}

static int vsock_validate(const void *candidate)
{
	const struct vsock *s = candidate;

	return volt_virtio_validate(&s->v, s->q);
}

static const struct volt_field vsock_fields[] = {
    VOLT_VIRTIO_FIELDS(struct vsock),
};

static const struct volt_state vsock_state = {
    .size = sizeof(vsock_state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(vsock_fields),
    .pause = vsock_pause,
    .resume = vsock_resume,
    .validate = vsock_validate,
};

static const void *vsock_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &vsock_state;
}

/* --------------------------------------------------------------------- tables */

static const struct volt_param params[] = {
    [PARAM_CID] =
	{
	    .name = "cid",
	    .type = VOLT_PARAM_UINT,
	    .def = "3",
	    .min = 3,
	    .max = UINT32_MAX - 1,
	    .help = "the guest's address; only the guest sees it",
	},
    [PARAM_PATH] =
	{
	    .name = "path",
	    .type = VOLT_PARAM_PEERS,
	    .help = "Unix socket on which programs ask for a port of the guest; the guest's "
		    "connections go to PATH_PORT",
	},
    [PARAM_CONNECTIONS] =
	{
	    .name = "connections",
	    .type = VOLT_PARAM_UINT,
	    .def = "1024",
	    .min = 1,
	    .max = VSOCK_MAX,
	    .flags = VOLT_PARAM_HOST_SIDE,
	    .help = "connections at a time, at most",
	},
    VOLT_VIRTIO_PARAMS(),
};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_TO_GUEST] = {"to_guest", "connections that programs opened to the guest"},
    [COUNT_TO_HOST] = {"to_host", "connections that the guest opened to programs"},
    [COUNT_REFUSED] = {"refused", "connections that were refused, by either side"},
    [COUNT_RX_BYTES] = {"rx_bytes", "bytes that the guest was given"},
    [COUNT_TX_BYTES] = {"tx_bytes", "bytes of the guest that programs were given"},
    [COUNT_MALFORMED] = {"malformed", "packets and buffers of the guest that were dropped"},
    [COUNT_OVERRUN] = {"overrun", "connections ended, as the guest sent more than it may"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "virtio-vsock",
    .version = "0.1.0",
    .summary = "connects the guest with programs of the host",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct vsock),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = vsock_init,
    .fini = vsock_release,
    .reset = volt_virtio_reset,
    .get_ext = vsock_get_ext,
};
