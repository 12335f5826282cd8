/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_internal - what the files of the fake host share.
 *
 * fake_host.c      life cycle, the host table, guarded calls into the plugin
 * fake_record.c    what tests ask about the instance as a whole
 * fake_fault.c     calls that fail, services that are not there
 * fake_check.c     is this descriptor what the contract asks for?
 * fake_open.c      parameters of type FILE and STREAM
 * fake_bus.c       ranges and accesses
 * fake_irq.c       interrupt lines, and the pins of an irqchip plugin
 * fake_stream.c    volt.stream/1
 * fake_loop.c      volt.loop/1
 * fake_describe.c  volt.describe/1
 * fake_worker.c    volt.worker/1
 * fake_uring.c     volt.uring/1
 * fake_discard.c   volt.discard/1
 * fake_state.c     volt.state/1
 * fake_identity.c  volt.identity/1, volt.page/1
 * fake_region.c    volt.region/1
 * fake_filter.c    volt.filter/1 and volt.metrics/1
 * fake_command.c   volt.command/1, volt.event/1, volt.manage/1
 * fake_peers.c     volt.peers/1
 * fake_guest.c     volt.mem/1, volt.doorbell/1, volt.msi/1
 * fake_pci.c       a bus for volt.pci/1
 */
#ifndef FAKE_INTERNAL_H
#define FAKE_INTERNAL_H

#include <sdk/common/params.h>
#include <sdk/common/state.h>
#include <volt/fake_host.h>

#define FAKE_RANGE_MAX       64u
#define FAKE_IRQ_MAX         24u
#define FAKE_TIMER_MAX       16u
#define FAKE_DEVICE_MAX      16u
#define FAKE_WORKER_MAX      64u
#define FAKE_PEERS_OF_PARAMS 128u
#define FAKE_WATCH_MAX       16u
#define FAKE_CMDLINE         1024u
#define FAKE_RAM_MAX         4u
#define FAKE_DOORBELL_MAX    128u
#define FAKE_VECTOR_MAX      128u
#define FAKE_CANARY          64u
#define FAKE_EXT_MAX         32u
#define FAKE_MOCK_MAX        8u
#define FAKE_PAGE_MAX        8u
#define FAKE_REGION_MAX      16u
#define FAKE_URING_MAX       16u
#define FAKE_URING_ENTRIES   1024u
#define FAKE_RESULTS         16384u

enum fake_state {
	FAKE_CREATED,
	FAKE_WIRING, /* in init */
	FAKE_WIRED,
	FAKE_REFUSED, /* init or the parser failed */
	FAKE_RUNNING, /* sealed */
	FAKE_FINISHED,
};

struct fake_line {
	bool claimed, level;
	uint32_t flags;
	unsigned rises;
};

struct fake_pin {
	bool routed, level;
	uint64_t address;
	uint32_t data;
	unsigned fires;
};

struct fake_stream {
	const struct volt_stream_ops *ops; /* NULL until attach */
	bool connected, dismissed, cut_off;
	bool listens; /* a socket */
	bool asked;   /* for its window, while wiring */
	uint16_t columns, rows;
	size_t room, limit;
	uint8_t *input;
	size_t input_len;
	char *output;
	size_t output_len;
};

struct fake_timer {
	void (*fire)(void *self);
	uint64_t deadline_ns; /* 0: disarmed */
	uint64_t armed_as;    /* orders timers of one deadline */
};

struct fake_watch {
	int fd;
	uint32_t events;
};

struct fake_worker {
	void (*job)(void *self, uint32_t worker);
	char name[16];
	unsigned posts, runs;
	bool waits; /* posted since its job last started */
	struct fake_watch watches[FAKE_WATCH_MAX];
	unsigned watch_count;
	int event_fd; /* 0: none */
};

struct fake_uring {
	uint32_t entries, ops, fd_count;
	int32_t fds[8];
	struct volt_uring_result *results; /* the newest last */
	uint32_t count;
};

struct fake_ram {
	uint64_t gpa;
	size_t size;
	int fd; /* the file of its bytes */
	uint8_t *bytes;
	uint8_t *fixed;  /* the same, not writable */
	uint8_t *before; /* as the host knows it; NULL until somebody maps it writable */
};

struct fake_doorbell {
	struct volt_doorbell_at at;
	bool waits;
	int event_fd; /* 0: none */
};

struct fake_page {
	uint64_t gpa;
	uint8_t *bytes;
};

struct fake_region {
	uint64_t gpa, len;
	uint8_t *bytes;
};

struct fake_vector {
	uint64_t address;
	uint32_t data;
	bool pending;
};

struct fake_request {
	unsigned count;
	uint32_t code;
	const char *why;
};

/* What is to fail, and what was refused. */
struct fake_fault {
	unsigned calls, at; /* calls of [wire] functions so far; which one fails */
	int err;
	const char *failed, *refused, *late; /* functions */
	const char *hidden;                  /* extension */
	char asked[FAKE_EXT_MAX][64];
	unsigned asked_count;
};

/* An instance that a test plays behind volt.manage/1. */
struct fake_mock {
	struct volt_target target;
	void *self;
};

struct fake_commands {
	const struct volt_commands *own; /* the plugin's, or NULL */
	char results[FAKE_RESULTS];
	unsigned event_count;
	const char *event_name;
	char event_text[128];
	const struct volt_manage_ops *ops; /* NULL until attach */
	struct fake_mock mocks[FAKE_MOCK_MAX];
	unsigned mock_count;
	bool late; /* a call waits for fake_manage_finish() */
	uint64_t late_ticket;
};

struct fake_peers;

struct fake_host {
	const struct volt_plugin *plugin;
	struct volt_host host, host_copy;
	enum fake_state state;
	const char *inside; /* callback that runs, or NULL */
	bool in_job;        /* it is a worker's */
	bool started;       /* `start` has returned */
	void *self;         /* instance_size bytes, then the canary */
	uint64_t *counters; /* counter_count values, then the canary */
	uint64_t *counted;  /* as they were after the newest callback */
	struct params params;
	int fds[PARAMS_MAX + FAKE_PEERS_OF_PARAMS];
	unsigned fd_count;
	int param_peers[FAKE_PEERS_OF_PARAMS]; /* of TAP and SOCKET parameters */
	unsigned param_peer_count;

	struct fake_fault fault;
	char message[256];
	int failed; /* what fail() returned, or 0 */
	char logged[256];
	unsigned log_count;
	struct fake_request requests[VOLT_REQUEST_ATTENTION + 1];

	struct volt_range ranges[FAKE_RANGE_MAX];
	unsigned range_count, misses;
	struct fake_line lines[FAKE_IRQ_MAX];
	const struct volt_irqchip *irqchip;
	struct volt_irqchip_info irqchip_info;
	struct fake_pin pins[FAKE_IRQ_MAX];
	bool eoi_wanted[256];
	struct fake_stream streams[PARAMS_MAX];
	unsigned stream_count;
	struct fake_timer timers[FAKE_TIMER_MAX];
	unsigned timer_count;
	uint64_t now_ns, now_step_ns, armings;
	int64_t wall_ns; /* what realtime() is ahead of now() */
	struct fake_worker workers[FAKE_WORKER_MAX];
	void (*runner)(void *arg, uint32_t worker); /* or NULL */
	void *runner_arg;
	struct fake_uring urings[FAKE_URING_MAX];
	uint32_t uring_count;
	unsigned uring_calls;
	int32_t uring_result; /* of every request; 0: it is done */
	bool uring_full;
	uint64_t discarders; /* mask of workers */
	uint64_t discarded;  /* bytes */
	bool keeps_memory;
	unsigned worker_count;
	struct volt_acpi_device devices[FAKE_DEVICE_MAX];
	unsigned device_count;
	struct volt_acpi_fixed fixed[VOLT_FIXED_SLEEP_STATUS + 1]; /* size 0: none */
	char cmdline[FAKE_CMDLINE];
	const struct volt_identified *identified; /* or NULL */
	const struct volt_identity_pair *pairs;
	const char *vm_name;
	uint32_t pair_count;
	unsigned identities; /* that the plugin was told */
	uint64_t tsc, tsc_hz;
	struct fake_page pages[FAKE_PAGE_MAX];
	unsigned page_count;
	struct fake_region regions[FAKE_REGION_MAX];
	unsigned region_count;
	const struct volt_state *state_table; /* or NULL */
	void *scratch;                        /* for loading; NULL until needed */
	uint8_t *saved;                       /* the newest save, or NULL */
	bool in_validate;
	struct fake_layer *layers;
	const struct volt_layer *layer; /* that access() is being called for */
	char misfit[160];               /* passed on, and did not fit; "": none yet */
	const struct volt_metric *metrics;
	unsigned metric_count;
	bool measured;
	struct fake_commands commands;
	struct fake_peers *peers; /* NULL: no parameter opened any */
	struct fake_ram ram[FAKE_RAM_MAX];
	unsigned ram_count;
	uint64_t dirtied;
	bool races;
	uint64_t race; /* state of the generator */
	struct fake_doorbell doorbells[FAKE_DOORBELL_MAX];
	unsigned doorbell_count;
	int irq_fds[FAKE_IRQ_MAX]; /* 0: none yet */
	bool no_irq_fd;
	struct {
		const char *id;
		const void *table;
		void *self;
	} peer;                /* the one bus that find() finds; id NULL: none */
	struct fake_host *bus; /* of PCI, or NULL */
	struct fake_vector vectors[FAKE_VECTOR_MAX];
	unsigned vector_count, messages;
	uint64_t message_address;
	uint32_t message_data;
};

/* The plugin, or its test, broke the contract: says how and aborts. */
VOLT_PRINTF(2, 3)
_Noreturn void fake_die(const struct fake_host *f, const char *fmt, ...);

/* The host whose table a plugin passed; aborts if it is not its own. */
struct fake_host *fake_of(const struct volt_host *h, const char *function);
/* As fake_of, for a [wire] function that can fail. *err: 0, or what it must return. */
struct fake_host *fake_wire_call(const struct volt_host *h, const char *function, int *err);
/* 0, or what this call must return because a test asked for it. */
int fake_fault_count(struct fake_host *f, const char *function);
/* Keeps in mind that `function` said no. Returns err. */
int fake_refuse(struct fake_host *f, const char *function, int err);
/* Keeps in mind that `function` was called after the seal. */
void fake_fault_late(struct fake_host *f, const char *function);
/* Notes that `id` was asked for. True: the host is to know nothing of it. */
bool fake_fault_hides(struct fake_host *f, const char *id);
/* Puts text into the plugin's log, as the host itself does. */
VOLT_PRINTF(2, 3)
void fake_note(struct fake_host *f, const char *fmt, ...);

/* Around every call into the plugin. */
void fake_enter(struct fake_host *f, const char *callback);
void fake_leave(struct fake_host *f);
void fake_must_run(const struct fake_host *f, const char *what);
void *fake_alloc(size_t size);

void fake_check_descriptor(const struct fake_host *f);
int fake_open(void *arg, const struct volt_param *param, const char *text, struct volt_value *value,
    char *why, size_t why_size);
/* 0, or -EBUSY with the two names in f->message. */
int fake_check_overlap(struct fake_host *f);
void fake_connect_streams(struct fake_host *f);
/* Asks an irqchip plugin for its pins, once it is wired. */
void fake_find_irqchip(struct fake_host *f);
/* Looks for a table of state, which must be a good one. */
void fake_find_state(struct fake_host *f);
/* Looks for a table of identity, which must be a good one. */
void fake_find_identified(struct fake_host *f);
/* Tells the plugin a new identity. */
void fake_identify(struct fake_host *f, uint32_t reason);
/* Looks for a table of commands, which must be a good one. */
void fake_find_commands(struct fake_host *f);

int fake_add_range(const struct volt_host *h, const struct volt_range *r);
int fake_add_irq(const struct volt_host *h, uint32_t gsi, uint32_t flags, uint32_t *line);
void fake_set_irq(const struct volt_host *h, uint32_t line, bool level);
int fake_place(const struct volt_host *h, const struct volt_range *r, uint64_t *base);
uint32_t fake_irq_number(const struct volt_host *h, uint32_t line);
void fake_pulse(const struct volt_host *h, uint32_t line);
int fake_find(const struct volt_host *h, const char *id, struct volt_peer *peer);
void fake_call(const struct volt_host *h, const struct volt_host *device,
    void (*call)(void *self, void *arg), void *arg);
/* Notes that the job was asked for, from a doorbell or a file. */
/* Fires the timer that is due first, if one is; returns how many. */
unsigned fake_fire_due(struct fake_host *f);
void fake_worker_wake(struct fake_host *f, uint32_t worker);

/* As fake_pci_offer(), if the parameters say so. */
void fake_pci_offer_if_wanted(struct fake_host *f);

extern const struct volt_loop fake_loop;
extern const struct volt_stream fake_stream;
extern const struct volt_describe fake_describe;
extern const struct volt_irqroute fake_irqroute;
extern const struct volt_worker fake_worker;
extern const struct volt_peers fake_peers;
extern const struct volt_uring fake_uring;
extern const struct volt_discard fake_discard;
extern const struct volt_metrics fake_metrics;
extern const struct volt_page fake_page;
extern const struct volt_region fake_region;
extern const struct volt_mem fake_mem;
extern const struct volt_manage fake_manage;
extern const struct volt_event fake_event;
extern const struct volt_doorbell fake_doorbell;
extern const struct volt_msi fake_msi;

void fake_finish_urings(struct fake_host *f);
void fake_peers_open(struct fake_host *f);

/* Makes [gpa, gpa + n) zeros, with the host's knowledge. What volt.mem/1 answers. */
int fake_memory_clear(struct fake_host *f, uint64_t gpa, uint64_t n);
/* Guest memory around a callback: what it writes, it must tell. */
void fake_memory_enter(struct fake_host *f);
void fake_memory_leave(struct fake_host *f);
void fake_open_irq_fd(struct fake_host *f, uint32_t gsi);
/* An eventfd, unless there is one; closed with the host. While wiring. */
void fake_open_event(struct fake_host *f, int *fd);
/* True if the write is a ring, which is noted. */
bool fake_doorbell_take(
    struct fake_host *f, uint8_t space, uint64_t address, uint32_t n, uint64_t val);

void fake_finish_bus(struct fake_host *f);
void fake_finish_streams(struct fake_host *f);
void fake_finish_describe(struct fake_host *f);
void fake_finish_state(struct fake_host *f);
void fake_finish_filter(struct fake_host *f);
void fake_finish_peers(struct fake_host *f);
void fake_finish_guest(struct fake_host *f);
void fake_finish_pages(struct fake_host *f);
void fake_finish_regions(struct fake_host *f);

#endif
