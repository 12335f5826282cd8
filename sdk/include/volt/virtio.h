/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/virtio.h - virtio devices as plugins: the library libvolt-virtio.
 *
 * Stability: draft. It is a static library, which a plugin contains (pkg-config --libs volt-plugin
 * volt-virtio); between plugin and host only extension ids pass, so nothing here is part of the
 * ABI.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2; sections are cited as "virtio 2.7". A device says
 * what it is and answers requests; queues, status, features, reset, interrupts, registers, the
 * description for the guest and the saved state are the library's.
 *
 *   struct rng { struct volt_virtio v; struct volt_queue q[1]; };
 *
 * volt_virtio is the first member, and `q` the array of its queues. The guest finds the device
 * over MMIO, or over PCI if the plugin `pci` is loaded: VOLT_VIRTIO_PARAMS is the last row of the
 * device's parameters, by which an operator chooses. Under volt-device(1) there are no registers:
 * another VMM drives the device, by volt.backend/1. The host's callbacks are
 * then those of the library: volt_virtio_reset() as `reset`, and VOLT_VIRTIO_STATE makes the
 * table for volt.state/1.
 *
 * Requests are answered on a worker. The library takes chains off a queue, at most one ring's
 * worth in a run, and stops when the driver resets the device or the VM pauses. A device that never
 * blocks, and whose other end is a service of the host for callbacks, as volt.stream/1, has no
 * worker: what is tagged [worker] is called under the instance's lock, on the vCPU that kicks a
 * queue or on the loop.
 * A device with VOLT_VIRTIO_OUTSIDE serves no queue: another process does, which is given the
 * guest's memory (VOLT_FLAG_SHARED_MEMORY) and an event for each queue's kicks. The library looks
 * after registers, status, reset, interrupts and saved state as ever; its one worker talks to
 * that process.
 * A device with `slots` may hold many chains and give them back in any order, all of them within
 * the run: between runs nothing is in flight, so a reset, a pause and a save find no request of it.
 */
#ifndef VOLT_VIRTIO_H
#define VOLT_VIRTIO_H

#include <sys/uio.h>

#include <volt/draft/backend.h>
#include <volt/draft/doorbell.h>
#include <volt/draft/pci.h>
#include <volt/loop.h>
#include <volt/memory.h>
#include <volt/plugin.h>
#include <volt/state.h>
#include <volt/worker.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_VIRTIO_QUEUES 16u  /* of one device, at most */
#define VOLT_CHAIN_MAX     130u /* segments of a chain, at most */
#define VOLT_SLOT_MAX      32u  /* chains of one queue in flight, at most */

#define VOLT_VIRTIO_NO_VECTOR 0xffffu /* a cause that interrupts nobody (virtio 4.1.5.1.2) */

/* Features that the library offers for every device (virtio 6), and answers. */
#define VOLT_VIRTIO_F_INDIRECT  (UINT64_C(1) << 28)
#define VOLT_VIRTIO_F_EVENT_IDX (UINT64_C(1) << 29)
#define VOLT_VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)

/* Flag of a type: another process serves the queues. `request`, `progress` and `slots` are NULL,
 * `workers` is 1, `features` all that is offered. */
#define VOLT_VIRTIO_OUTSIDE 1u

/* The first counters of a device are the library's; its own start at VOLT_VIRTIO_COUNT. */
#define VOLT_VIRTIO_BROKEN 0u
#define VOLT_VIRTIO_QUIET  1u
#define VOLT_VIRTIO_RESETS 2u
#define VOLT_VIRTIO_COUNT  3u
#define VOLT_VIRTIO_COUNTERS() \
	[VOLT_VIRTIO_BROKEN] = {"broken", "queues stopped for a driver's mistake, until a reset"}, \
	[VOLT_VIRTIO_QUIET] = {"quiet", "writes to registers that were ignored"}, \
	[VOLT_VIRTIO_RESETS] = {"resets", "resets by the driver"}

/* The last parameter of a device is the library's: how the guest reaches it. */
#define VOLT_VIRTIO_PARAMS() \
	{ \
		.name = "transport", .def = "auto", .type = VOLT_PARAM_ENUM, \
		.choices = "auto|mmio|pci", \
		.help = "how the guest reaches the device; auto: by PCI if there is a bus", \
	}

struct volt_virtio;

/* A request as the driver gave it: buffers that the device reads, then buffers that it
 * writes. All lie in RAM; nothing of this struct changes while the device looks at it, but
 * what the buffers hold may. The device may change `seg`, and nothing else. */
struct volt_chain {
	uint16_t head;                    /* the library's */
	uint16_t out, in;                 /* readable, then writable segments; none is empty */
	uint16_t slot;                    /* of the queue's slots; the library's */
	uint32_t out_len, in_len;         /* bytes of each kind */
	struct iovec seg[VOLT_CHAIN_MAX]; /* out + in of them */
	uint64_t gpa[VOLT_CHAIN_MAX];     /* guest physical, of each as it was given */
	uint32_t len[VOLT_CHAIN_MAX];     /* bytes of each as it was given */
};

/* One queue. Members are the library's, and saved where a field is named so. */
struct volt_queue {
	struct volt_virtio *v;          /* its device */
	uint64_t desc, driver, device;  /* guest physical: the three parts of a split ring */
	uint16_t number, max;           /* which, and its most entries */
	uint16_t size;                  /* entries, as the driver wrote it */
	uint16_t seen, used, signalled; /* next to take; next to give; given when last signalled */
	uint16_t more;                  /* given by volt_chain_more(), not shown; 0 between runs */
	bool ready, broken, open;       /* as the driver wrote it; until reset; it may be served */
	bool drains;                    /* atomic; its next run is a drain */
	uint8_t worker;                 /* index into volt_virtio's */
	uint16_t vector;                /* of MSI-X, or VOLT_VIRTIO_NO_VECTOR; atomic; over PCI */
	uint32_t doorbell;              /* handle of its kicks, with VOLT_VIRTIO_OUTSIDE */
	uint8_t *table, *avail, *given; /* the parts where they are mapped */
	uint32_t flying;                /* mask of slots in flight; 0 between runs */
	struct volt_chain *slots;       /* of the type's, or NULL */
	struct volt_chain chain;        /* the one that is looked at, without slots */
};

/* A device's type: static, or in the instance where parameters decide. It outlives init. */
struct volt_virtio_type {
	uint32_t size, id;    /* id: virtio 5, e.g. 4 for an entropy source */
	const char *name;     /* of its range, and of its workers: at most 12 bytes of [a-z0-9-] */
	uint64_t features;    /* its own bits: 0 to 23, and 50 up */
	uint16_t queues;      /* 1 .. VOLT_VIRTIO_QUEUES, at most the elements of `q` */
	uint16_t ring;        /* entries of each, at most: a power of two, up to 32768 */
	uint16_t segments;    /* of a chain, 1 .. VOLT_CHAIN_MAX; a longer one breaks its queue */
	uint16_t workers;     /* at most `queues`: queue n is worker n % workers's; 0: none */
	uint32_t config_size; /* bytes of its configuration space; 0: none */
	uint32_t flags;       /* VOLT_VIRTIO_OUTSIDE, or 0 */
	/* Those bytes, little-endian, in the instance; NULL if none. Bytes that change while the
	 * driver may read are set one by one, each by an atomic store. */
	const void *config;
	/* [worker] One chain of queue q. True: answered, after volt_chain_done(), or with `slots`
	 * in flight until then. False: not now; the chain stays the queue's next, nothing of it may
	 * have been written, and the driver is told not to kick: something else (a file that is
	 * watched, a timer) posts the worker. Required, but with VOLT_VIRTIO_OUTSIDE. */
	bool (*request)(void *self, struct volt_queue *q, struct volt_chain *c);
	/* [io] or [loop] The driver is ready and agreed to `features`; no request came yet. Also
	 * after a restore. NULL: nothing to do. */
	void (*live)(void *self, uint64_t features);
	/* [io] or [loop] The driver has reset the device, or the VM started; no request runs. NULL:
	 * nothing to do. */
	void (*reset)(void *self);
	/* [worker] No request of q comes until live(), as the driver resets the device or stops the
	 * queue, or the VM pauses: finishes what the device holds back of it. When it returns,
	 * nothing of it writes to guest memory any more, and what the driver was told is done would
	 * outlive this process: a disk is flushed. Who stops the device waits, queue after queue.
	 * May come twice. NULL: nothing to do. */
	void (*drain)(void *self, struct volt_queue *q);
	/* [worker] A run begins: no queue has been looked at, nor whether the driver is ready. For
	 * a device with other sources of work than its queues. NULL: nothing to do. */
	void (*begin_run)(void *self);
	/* [io] The driver wrote n bytes (1, 2 or 4), which lie inside of the configuration space,
	 * at its offset `off`; `config` is as it was. Before the driver is ready, too. NULL: the
	 * driver may write nothing. */
	void (*config_written)(void *self, uint32_t off, uint32_t n, uint32_t val);
	/* Memory for chains in flight: slot_count for each queue, one queue after the other; it
	 * outlives init. NULL and 0: request() answers each chain before it returns. */
	struct volt_chain *slots;
	uint32_t slot_count; /* 0 .. VOLT_SLOT_MAX, of a queue */
	uint32_t reserved2;  /* 0 */
	/* [worker] Chains of q are in flight, and no more can be taken now: begins what request()
	 * put off, waits, and gives at least one back. Called until none is in flight, also
	 * when the device is to stop. May wait only for what ends by itself. Required with slots.
	 */
	void (*progress)(void *self, struct volt_queue *q);
};

/* What every virtio device has. Members are the library's; those that are saved say so. */
struct volt_virtio {
	struct volt_pci_function pci;                        /* over PCI; saved */
	const struct volt_host *h;                           /* from init */
	const struct volt_virtio_type *type;                 /* from init */
	const struct volt_mem *mem;                          /* volt.mem/1 */
	const struct volt_worker *work;                      /* volt.worker/1 */
	const struct volt_doorbell *doorbells;               /* volt.doorbell/1, with workers */
	struct volt_queue *q;                                /* from init */
	const struct volt_virtio_transport *transport;       /* how the guest reaches it */
	uint64_t offered;                                    /* features */
	uint64_t accepted;                                   /* saved */
	uint32_t device_select, driver_select, queue_select; /* saved */
	uint32_t generation;                                 /* saved; of the configuration */
	uint32_t status, isr;                                /* saved; atomic */
	bool live;                                           /* atomic */
	bool held;                                           /* atomic; it may not use memory */
	bool limited;                                        /* it has a limit, and its timer */
	uint16_t vector;                                     /* saved; atomic; as a queue's */
	uint32_t line;                                       /* handle of its interrupt */
	uint32_t workers[VOLT_VIRTIO_QUEUES];                /* their handles */
	const struct volt_loop *loop;                        /* volt.loop/1, if it is needed */
	struct volt_peer backend;                            /* volt.backend/1, if there is one */
	uint64_t due;                                        /* atomic; of its timer; 0: none */
	uint32_t timer;                                      /* handle: of its limits */
	uint32_t soon; /* handle: without workers, of a post */
};

/* [wire] Wires the device: registers, interrupts, kicks, workers, description. `self` starts with a
 * volt_virtio; `q` is its array of t->queues; `a` is init's, whose last parameter is that of
 * VOLT_VIRTIO_PARAMS, or NULL: as `auto`. 0, or what volt_fail() returned. */
int volt_virtio_init(void *self, struct volt_queue *q, const struct volt_virtio_type *t,
    const struct volt_host *h, const struct volt_args *a);
/* [loop] The descriptor's `reset`. */
void volt_virtio_reset(void *self);
/* [any] Has the worker of queue number n look at it soon; or the loop, if there is none. */
void volt_virtio_post(struct volt_virtio *v, unsigned n);
/* [loop] [io] Of a device without workers: looks at queue number n now. Not from a request of that
 * queue. */
void volt_virtio_serve(struct volt_virtio *v, unsigned n);
/* [loop] [io] The bytes of the configuration space changed: tells the driver. */
void volt_virtio_config_changed(struct volt_virtio *v);

/*
 * For a device with VOLT_VIRTIO_OUTSIDE. Its worker starts a queue that volt_virtio_is_open() in
 * the process outside, from entry `seen` on, and stops it in drain(), which puts into `seen` where
 * that process stopped. Both are saved.
 */

/* [loop] From `start`: offers these features instead of the type's. */
void volt_virtio_offer(struct volt_virtio *v, uint64_t features);
/* [any] The features that the driver agreed to. Those are final once a queue is open. */
uint64_t volt_virtio_agreed(const struct volt_virtio *v);
/* [any] May queue number n be served? */
bool volt_virtio_is_open(const struct volt_virtio *v, unsigned n);
/* [worker] The index in the used ring of an open queue: how many buffers have been given back. */
uint16_t volt_virtio_used(const struct volt_virtio *v, unsigned n);
/* [worker] Interrupts the driver for queue number n. */
void volt_virtio_signal(struct volt_virtio *v, unsigned n);
/* [worker] The device can do no more until the driver resets it, and tells the driver so. */
void volt_virtio_need_reset(struct volt_virtio *v);
/* [worker] The eventfd of the kicks of queue number n, for the process outside; or -errno. */
int volt_virtio_kick_fd(const struct volt_virtio *v, unsigned n);
/* [worker] Kicks queue number n, for what the driver put there before it was started. */
void volt_virtio_kick(const struct volt_virtio *v, unsigned n);

/* [worker] Takes n bytes off the front of the readable part. Returns how many there were, at
 * most n; *to holds those. */
size_t volt_chain_read(struct volt_chain *c, void *to, size_t n);
/* [worker] Puts n bytes to the front of the writable part, and takes it off. Returns how many
 * had room. */
size_t volt_chain_write(struct volt_chain *c, const void *from, size_t n);
/* [worker] Takes the last writable byte off, and sets it: a status. False: there is none. */
bool volt_chain_write_last(struct volt_queue *q, struct volt_chain *c, uint8_t byte);
/* [worker] Gives the chain back: its first `written` writable bytes were written, at most
 * in_len. To be called once. */
void volt_chain_done(struct volt_queue *q, struct volt_chain *c, uint32_t written);
/* [worker] As volt_chain_done(), for an answer that goes on in the next chain: the driver sees
 * all of its chains at once, when volt_chain_done() gives the last one. If there is no next
 * chain, the queue takes them back, and `more` of the queue is 0 when a request comes the next
 * time: the answer is lost, or begins anew. */
void volt_chain_more(struct volt_queue *q, struct volt_chain *c, uint32_t written);

/*
 * How much a device may do in a second: a token bucket of bytes and one of operations. Any
 * number of queues and workers share a limit.
 *
 *   if (!volt_limit_allows(&d->limit))
 *           return false;                  the chain waits, and the limit posts the worker
 *   volt_limit_charge(&d->limit, bytes);
 *
 * A request passes while a token is left, and may take more tokens than there are: those after
 * it wait until the debt is paid. So one that is larger than the burst passes too.
 */
struct volt_rate {
	uint64_t bytes, ops; /* in a second; 0: no limit */
	/* Tokens of a full bucket: what may pass at once after a quiet time. 0: a tenth of what
	 * the rate gives in a second. */
	uint64_t burst_bytes, burst_ops;
};

/* Members are the library's; all are atomic. */
struct volt_bucket {
	uint64_t rate;     /* tokens in a second; 0: no limit */
	uint64_t burst_ns; /* in which the rate fills an empty bucket */
	uint64_t full;     /* when the bucket is full again, on the clock of volt.loop/1 */
};

/* One limit of a device. */
struct volt_limit {
	struct volt_virtio *v;    /* whose */
	struct volt_bucket bytes; /* of charges */
	struct volt_bucket ops;   /* one for each charge */
};

/* [wire] After volt_virtio_init(). A device may have several limits; all share one timer of
 * volt.loop/1. 0, or what volt_fail() returned. */
int volt_limit_init(struct volt_limit *l, struct volt_virtio *v, const struct volt_rate *r);
/* [loop] Other rates from now on. Both buckets start full; what waited is looked at. */
void volt_limit_set(struct volt_limit *l, const struct volt_rate *r);
/* [worker] May one more request pass? If not, all workers of the device are posted when it may. */
bool volt_limit_allows(struct volt_limit *l);
/* [worker] One operation of `bytes` passed. */
void volt_limit_charge(struct volt_limit *l, uint64_t bytes);

/* [loop] Slots of volt.state/1: see VOLT_VIRTIO_STATE. */
void volt_virtio_pause(void *self);
/* [loop] As volt_virtio_pause(). */
void volt_virtio_resume(void *self);
/* [any] Could the device be in this state? `q` is the array inside the candidate. 0 or -EINVAL. */
int volt_virtio_validate(const struct volt_virtio *v, const struct volt_queue *q);

/* Rows of fields for struct `s`, whose first member is `v` and whose array of queues is `q`. */
#define VOLT_VIRTIO_FIELDS(s) \
	{VOLT_FIELD(s, v.accepted, VOLT_F_U64, 1)}, \
	    {VOLT_FIELD(s, v.device_select, VOLT_F_U32, 1)}, \
	    {VOLT_FIELD(s, v.driver_select, VOLT_F_U32, 1)}, \
	    {VOLT_FIELD(s, v.queue_select, VOLT_F_U32, 1)}, \
	    {VOLT_FIELD(s, v.generation, VOLT_F_U32, 1)}, \
	    {VOLT_FIELD(s, v.status, VOLT_F_U32, 1), .max = 0xff}, \
	    {VOLT_FIELD(s, v.isr, VOLT_F_U32, 1), .max = 3}, \
	    {VOLT_FIELD(s, v.vector, VOLT_F_U16, 1)}, {VOLT_FIELD_EACH(s, q, desc, VOLT_F_U64)}, \
	    {VOLT_FIELD_EACH(s, q, driver, VOLT_F_U64)}, \
	    {VOLT_FIELD_EACH(s, q, device, VOLT_F_U64)}, \
	    {VOLT_FIELD_EACH(s, q, size, VOLT_F_U16)}, {VOLT_FIELD_EACH(s, q, seen, VOLT_F_U16)}, \
	    {VOLT_FIELD_EACH(s, q, used, VOLT_F_U16)}, \
	    {VOLT_FIELD_EACH(s, q, signalled, VOLT_F_U16)}, \
	    {VOLT_FIELD_EACH(s, q, ready, VOLT_F_BOOL)}, \
	    {VOLT_FIELD_EACH(s, q, vector, VOLT_F_U16)}, VOLT_PCI_FIELDS(s, v.pci), \
	{ \
		VOLT_FIELD_EACH(s, q, broken, VOLT_F_BOOL) \
	}

/* The table `name`, for a struct `s` that has nothing else to save. */
#define VOLT_VIRTIO_STATE(s, name_) \
	static int name_##_validate(const void *candidate) \
	{ \
		const s *c = candidate; \
		return volt_virtio_validate(&c->v, c->q); \
	} \
	static const struct volt_field name_##_fields[] = {VOLT_VIRTIO_FIELDS(s)}; \
	static const struct volt_state name_ = { \
	    .size = sizeof(name_), \
	    .version = 1, \
	    .oldest = 1, \
	    VOLT_FIELDS(name_##_fields), \
	    .pause = volt_virtio_pause, \
	    .resume = volt_virtio_resume, \
	    .validate = name_##_validate, \
	}

#ifdef __cplusplus
}
#endif

#endif
