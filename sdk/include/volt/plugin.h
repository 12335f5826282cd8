/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/plugin.h - what every Volt plugin exports and what every plugin is given.
 *
 * Stability: candidate (ABI major 0). Every change is recorded with its reason in
 * sdk/abi/history, which also says what the tiers are; once frozen as major 1 nothing here
 * changes meaning again.
 *
 * A plugin is one shared object that exports one constant, `volt_plugin`, and
 * carries one ELF note (VOLT_PLUGIN below makes both). It imports no symbol of
 * the host: all services arrive in `struct volt_host`. Life of an instance:
 *
 *   probe      the note is read from the file; nothing of the plugin has run
 *   load       the object is mapped, the descriptor is checked
 *   configure  key=value parameters are parsed against `params`
 *   init       [wire] add ranges, interrupt lines, timers, descriptions
 *   seal       tables become read-only, filters are entered; [wire] calls now
 *              answer -EPERM for good
 *   reset      [loop] power-on values. What a battery keeps on real hardware, as a
 *              clock's memory, stays
 *   start      [loop] first callback under the seal
 *   run        [io] and [loop] callbacks
 *   fini       [wire] may never be called: a VM that ends just exits
 *
 * Thread tags, on every slot of every table:
 *   [wire]  the main thread, before the seal
 *   [loop]  the event loop's thread, after the seal
 *   [io]    the vCPU thread whose access caused the call
 *   [worker] a thread made by volt.worker/1, after the seal
 *   [any]   any thread, at any time after init began
 *
 * Callbacks of one instance never overlap, whatever their thread, except those
 * of a range registered with VOLT_RANGE_PARALLEL, and the jobs of workers. A callback
 * must not block and makes no system call but those that the plugin's needs name for
 * its thread: bytes leave through volt.stream/1, time comes from volt.loop/1. A host
 * service never calls back into the instance that called it.
 *
 * Rules of growth: structs start with `size` and grow only at the end, tables
 * travel with their stride and count, a new idea is a new extension id. Members
 * are fixed-width integers and pointers only. Strings and tables that a
 * descriptor points to are static and const; strings that the host gives live
 * until fini unless their comment says otherwise.
 */
#ifndef VOLT_PLUGIN_H
#define VOLT_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What these headers are of: see sdk/abi/history. */
#define VOLT_ABI_MAJOR 0
#define VOLT_ABI_MINOR 3

/* True if the other side's struct is new enough to hold `member`. */
#define VOLT_HAS(ptr, member) \
	((ptr)->size >= offsetof(__typeof__(*(ptr)), member) + sizeof((ptr)->member))

struct volt_host;

/* ------------------------------------------------------------ parameters */

/* How the text after `key=` is read. */
#define VOLT_PARAM_BOOL    1u /* on|off|yes|no|true|false|1|0; a bare key means on. .u = 0 or 1 */
#define VOLT_PARAM_UINT    2u /* decimal, 0x hex or 0 octal. .u, min <= u <= max */
#define VOLT_PARAM_SIZE    3u /* bytes, with K, M or G (powers of 1024). .u, min <= u <= max */
#define VOLT_PARAM_ENUM    4u /* one of `choices`, "a|b|c". .u = index of the choice, .s its text */
#define VOLT_PARAM_STRING  5u /* any text, a comma typed twice. .s; min <= length <= max */
#define VOLT_PARAM_FILE_RO 6u /* a path; the core opens it for reading. .fd, .s the path */
#define VOLT_PARAM_FILE_RW 7u /* a path; the core opens it for reading and writing. .fd, .s */
#define VOLT_PARAM_STREAM  8u /* where bytes go and come from, see volt/stream.h. .u = stream */
/* A disk: the path of a regular file or a block device. .fd, .s the path, .u its size in bytes.
 * Opened for reading and writing, or only for reading with VOLT_DISK_READ_ONLY or if the
 * plugin's BOOL parameter `readonly` or `private` is on; with O_DIRECT if its BOOL parameter
 * `direct` is on. The host holds an OFD lock on all of it (fcntl(2)), a shared one for reading: a
 * second user is refused, "is in use". */
#define VOLT_PARAM_DISK 9u
/* A network interface: tap. the NAME of one that exists, or `fd:N`, an inherited tap with
 * IFF_NO_PI and IFF_VNET_HDR. .fd, .u = its queues, .s the text. Packets carry struct
 * virtio_net_hdr_v1 (12 bytes); offloads are off. There is one queue, or as many as the plugin's
 * UINT parameter `queues` says, at most 64: then their descriptors are .fd, .fd + 1 and so on, the
 * interface is one with IFF_MULTI_QUEUE, and inherited ones are `fd:N-M`. All queues are attached.
 * A VOLT_TEST_FD_PARAM holds for each of them. */
#define VOLT_PARAM_TAP 10u
/* A connected socket: `unix:PATH`, a stream, or `fd:N`, an inherited one. .fd, .s the text */
#define VOLT_PARAM_SOCKET 11u
/* These three may be left out where the default is "", as files may: .fd is -1. A TAP's or
 * SOCKET's descriptor does not block. */

/* Connections with other programs: the path of a Unix socket, on which the host listens. .u and .s
 * as volt/draft/peers.h says */
#define VOLT_PARAM_PEERS 12u

#define VOLT_DISK_READ_ONLY 1u /* flag of a VOLT_PARAM_DISK: never written, so shared */
/* Flag of a BOOL, UINT, SIZE, ENUM or STRING: the guest does not see what it sets, so a snapshot
 * may be restored with another value. The other types name something of the host anyway. */
#define VOLT_PARAM_HOST_SIDE 256u

/* One parameter. Names match [a-z][a-z0-9-]*; `id`, `on` and `help` are reserved. */
struct volt_param {
	const char *name;    /* the key */
	const char *def;     /* text used when the key is absent; NULL: the key is required */
	const char *help;    /* one line, no full stop; shown by --help */
	const char *choices; /* VOLT_PARAM_ENUM only, else NULL */
	uint64_t min, max;   /* inclusive; both 0: no limit */
	uint32_t type;       /* VOLT_PARAM_* */
	uint32_t flags;      /* VOLT_DISK_READ_ONLY, VOLT_PARAM_HOST_SIDE, or 0 */
};

/* The value of one parameter, after checks. Only the members named above are set. */
struct volt_value {
	uint64_t u;     /* a number, index or handle: see the type */
	const char *s;  /* a text: see the type */
	int32_t fd;     /* owned by the core, open until the VM ends; -1 if none */
	uint32_t given; /* 1: typed by the user, 0: default */
};

/* Values in the order of the descriptor's `params`. Valid during init only. */
struct volt_args {
	uint32_t size;
	uint16_t value_stride, value_count; /* bytes of a row of values, and rows */
	const struct volt_value *values;    /* use volt_arg() */
};

/* [wire] The value of parameter number `index` of the descriptor's table; never NULL. */
static inline const struct volt_value *volt_arg(const struct volt_args *a, unsigned index)
{
	return (const struct volt_value *)(const void *)((const char *)a->values +
							 (size_t)index * a->value_stride);
}

/* ---------------------------------------------------------------- ranges */

#define VOLT_SPACE_PIO  0u /* x86 I/O ports, 0..0xffff */
#define VOLT_SPACE_MMIO 1u /* guest physical addresses outside RAM */

/* As the base of place() or the GSI of add_irq(): the host chooses. */
#define VOLT_ANY 0xffffffffu

/* Access sizes, in bytes; their sum is the mask in `sizes`. */
#define VOLT_IO_1 1u
#define VOLT_IO_2 2u
#define VOLT_IO_4 4u
#define VOLT_IO_8 8u

/* A wider access than `sizes` allows is split into the widest allowed size that
 * divides it, lowest address first. Without this flag it misses. */
#define VOLT_RANGE_SPLIT 1u
/* Calls into this range may overlap each other and every other callback. */
#define VOLT_RANGE_PARALLEL 2u

/*
 * Addresses [base, base + len) and what answers there. Ranges never overlap,
 * wrap, have zero length or cover RAM.
 *
 * The core guarantees off + n <= len and that n is in `sizes`. Values are
 * little-endian scalars: bits above 8 * n of a read are ignored, those of a
 * written `val` are 0. An access that leaves the range at its end is split
 * there. What no range answers reads as all ones, is dropped on write, and is
 * counted.
 */
struct volt_range {
	uint32_t size;
	uint8_t space; /* VOLT_SPACE_* */
	uint8_t sizes; /* VOLT_IO_* mask, not 0 */
	uint8_t flags; /* VOLT_RANGE_* */
	uint8_t reserved;
	uint64_t base, len; /* first address, and how many */
	const char *name;   /* shown by `volt explain`; copied */
	/* [io] NULL: reads as all ones */
	uint64_t (*read)(void *self, uint64_t off, uint32_t n);
	/* [io] NULL: dropped */
	void (*write)(void *self, uint64_t off, uint32_t n, uint64_t val);
};

/* ----------------------------------------------------------------- needs */

/* Thread roles. A mask of VOLT_ROLE_BIT(role) says on which a call is needed. */
#define VOLT_ROLE_LOOP      0u /* the main thread once it runs the event loop */
#define VOLT_ROLE_VCPU      1u /* one per vCPU; plugins are refused needs here */
#define VOLT_ROLE_WORKER    2u /* threads the core makes for a plugin: volt/worker.h */
#define VOLT_ROLE_COUNT     3u
#define VOLT_ROLE_BIT(role) (1u << (role))

#define VOLT_TEST_MAX       4u /* tests of one row */
#define VOLT_TEST_EQ        1u /* argument == value */
#define VOLT_TEST_MASKED_EQ 2u /* (argument & mask) == value */
#define VOLT_TEST_FD_PARAM  4u /* argument == fd of the parameter whose index is value */
/* 3 was "argument <= value". A bound is a mask: below 2^N, (argument & ~(2^N - 1)) == 0. */
/* A row with VOLT_TEST_FD_PARAM for a file that may be left out, and was, is dropped. */

/* What an argument of a system call is held to. */
struct volt_arg_test {
	uint8_t arg; /* 0..5 */
	uint8_t op;  /* VOLT_TEST_* */
	uint16_t reserved;
	uint32_t reserved2;
	uint64_t value; /* see op */
	uint64_t mask;  /* VOLT_TEST_MASKED_EQ only */
};

/* One system call that the plugin must make after the seal. Services of the
 * host need no row: the core asks for what it does on a plugin's behalf. Of a call on a
 * file every descriptor must have a VOLT_TEST_FD_PARAM, and a command or flags one value. */
struct volt_need {
	const char *syscall;                       /* Linux name, e.g. "preadv" */
	const char *reason;                        /* one line; shown by `volt explain` */
	uint32_t roles;                            /* mask of VOLT_ROLE_BIT */
	uint32_t test_count;                       /* 0..VOLT_TEST_MAX; all must hold */
	struct volt_arg_test tests[VOLT_TEST_MAX]; /* test_count of them */
};

/* -------------------------------------------------------------- counters */

/* One counter; its value is host->counters[index of the row]. Monotonic. */
struct volt_counter {
	const char *name; /* [a-z][a-z0-9_]{0,47}; no other counter of the plugin has it */
	const char *help; /* one line */
};

/* ------------------------------------------------------------ descriptor */

#define VOLT_KIND_DEVICE  1u /* answers at addresses, or serves those who run the VM */
#define VOLT_KIND_SANDBOX 2u /* offers volt.sandbox/1; loaded before every device */
#define VOLT_KIND_FILTER  3u /* offers volt.filter/1; put on a device by --filter */

/* Set when the plugin cannot be moved to a process of its own. */
#define VOLT_FLAG_IN_PROCESS_ONLY 1u
/* Set when it reads or writes the guest's memory: volt/memory.h. */
#define VOLT_FLAG_GUEST_MEMORY 2u
/* Set when it asks volt.loop/1 for the time of day. */
#define VOLT_FLAG_WALL_CLOCK 4u
/* Set when it offers an extension to other plugins, which find() it. It is wired before those
 * without this flag, wherever it stands on the command line. */
#define VOLT_FLAG_BUS 8u
/* Set when another process is to map the guest's memory, which is then a file that it can be given:
 * regions() of volt/memory.h. With VOLT_FLAG_GUEST_MEMORY. */
#define VOLT_FLAG_SHARED_MEMORY 16u

/* The descriptor: the one thing that a plugin exports. */
struct volt_plugin {
	uint32_t size;
	uint16_t abi_major, abi_minor; /* VOLT_ABI_*; must equal the note's */
	const char *name;              /* [a-z][a-z0-9-]{0,31}; in a plugin folder, NAME.so */
	const char *version;           /* the plugin's own, for people */
	const char *summary;           /* one line, no full stop */
	uint32_t kind;                 /* VOLT_KIND_* */
	uint32_t flags;                /* VOLT_FLAG_* */
	/* Bytes of state per instance, allocated zeroed by the host; 1 .. 16 MiB.
	 * There is no other state: a plugin has no writable statics. */
	uint32_t instance_size;
	uint16_t param_stride, param_count;     /* bytes of a row of params, and rows */
	uint16_t need_stride, need_count;       /* of needs */
	uint16_t counter_stride, counter_count; /* of counters, 1024 at most */
	const struct volt_param *params;        /* what the user can say; NULL if no rows */
	const struct volt_need *needs;          /* its own system calls; NULL if no rows */
	const struct volt_counter *counters;    /* what it counts; NULL if no rows */
	/* [wire] Wires the instance. `self` is the zeroed state; keep `h`. Returns 0,
	 * or what volt_fail() returned. Required. */
	int (*init)(void *self, const struct volt_host *h, const struct volt_args *a);
	/* [loop] Power-on values, same wiring. NULL: nothing to do. */
	void (*reset)(void *self);
	/* [loop] First call under the seal. Returns 0, what volt_fail() returned, or a
	 * negative errno: both end the VM before the guest runs. NULL: nothing to do. */
	int (*start)(void *self);
	/* [wire] Releases what init took, if start-up fails later, but before the seal. NULL:
	 * nothing. */
	void (*fini)(void *self);
	/* [any] A table for extension `id` that the plugin offers, else NULL. Static and
	 * const. NULL slot: offers none. */
	const void *(*get_ext)(const char *id);
};

/* ------------------------------------------------------------------ host */

#define VOLT_LOG_ERROR 0u /* something does not work */
#define VOLT_LOG_WARN  1u /* something works, but not as asked */
#define VOLT_LOG_INFO  2u /* what an operator wants to know; the default level */
#define VOLT_LOG_DEBUG 3u /* what a plugin's author wants to know */
#define VOLT_LOG_TRACE 4u /* each step */

/* What the firmware tables tell the guest. The guest's programming of the controller decides. */
#define VOLT_IRQ_EDGE  0u /* a rising level is one interrupt (ISA) */
#define VOLT_IRQ_LEVEL 1u /* an interrupt is pending for as long as the line is high */

/* The requests that an instance can make. */
#define VOLT_REQUEST_RESET     1u /* the guest asked for a reset */
#define VOLT_REQUEST_POWEROFF  2u /* the guest turned itself off */
#define VOLT_REQUEST_EXIT      3u /* the guest ends with status `code`, 0..255 */
#define VOLT_REQUEST_PANIC     4u /* the guest says that its kernel panicked */
#define VOLT_REQUEST_ATTENTION 5u /* call every instance that offers volt.attention/1 */

/* An extension of another plugin, and the instance that offers it. */
struct volt_peer {
	uint32_t size, reserved;
	const void *table; /* what its get_ext() gave: static and const */
	void *self;        /* its state, for the functions of the table; valid until fini */
};

/*
 * The services, one table per instance. It lives until fini. Every function takes
 * the table itself as its first argument.
 */
struct volt_host {
	uint32_t size;
	uint16_t abi_major, abi_minor; /* the host's VOLT_ABI_* */
	uint32_t log_level;            /* messages above this level are not wanted; may change */
	uint32_t reserved;
	void *core;         /* the host's own; not for plugins */
	uint64_t *counters; /* one per row of the descriptor's table; see volt_count() */

	/* [any] One message without newline; the host adds the instance's id, and
	 * limits the rate: a guest cannot flood the log. Use volt_log(). */
	void (*log)(const struct volt_host *h, uint32_t level, const char *msg);
	/* [wire] Says why init fails, or [loop] start; `err` is a positive errno. Returns
	 * -err. Use volt_fail(). */
	int (*fail)(const struct volt_host *h, int32_t err, const char *msg);
	/* [wire] Adds a range; *r is copied. 0; -EINVAL: malformed (the host adds what is
	 * wrong to the words of volt_fail()); -ENOSPC: more than 512 in the VM; -EPERM after
	 * the seal. An overlap is found at the seal, naming both owners. */
	int (*add_range)(const struct volt_host *h, const struct volt_range *r);
	/* [wire] Claims interrupt line `gsi` (0..23), VOLT_IRQ_EDGE or VOLT_IRQ_LEVEL.
	 * VOLT_ANY: the highest free one that no device of a PC has by custom (5 to 7, 9 to
	 * 11, 13 to 23); irq_number() tells which. *line gets the handle. 0; -EINVAL; -EBUSY:
	 * another instance owns it; -ENOSPC: VOLT_ANY, and none is free; -EPERM after the
	 * seal. */
	int (*add_irq)(const struct volt_host *h, uint32_t gsi, uint32_t flags, uint32_t *line);
	/* [any] Drives the line. A level is state, however the line was claimed: the device
	 * holds it until the cause is gone. Setting the level that it already has costs
	 * nothing. The interrupt is there when the call returns: in the guest's local APIC, or
	 * held at its pin. Two threads that drive one line, each by what it saw of the device,
	 * may leave it wrong: a job that raises a level while a vCPU's acknowledgement lowers
	 * it. Drive a level under the instance's lock, or look at the cause once more after
	 * it; for edges there is pulse(). */
	void (*set_irq)(const struct volt_host *h, uint32_t line, bool level);
	/* [any] Makes one of VOLT_REQUEST_*. `why` is one short clause for the operator, static.
	 * The first request that ends the VM wins. The vCPU does not re-enter the guest
	 * after such a request was made in an [io] callback. */
	void (*request)(const struct volt_host *h, uint32_t what, uint32_t code, const char *why);
	/* [wire] The host's table for extension `id`, else NULL. */
	const void *(*get_ext)(const struct volt_host *h, const char *id);
	/* From here on since ABI 0.3: check VOLT_HAS(). */

	/* [wire] As add_range, but a range of memory with base VOLT_ANY gets an address from
	 * a window of the host's (0xd0000000 to 0xdfffffff), aligned to the power of two that
	 * holds its length, and at least to 4096. *base gets the first address of either kind.
	 * Answers as add_range; -ENOSPC too when the window is full. */
	int (*place)(const struct volt_host *h, const struct volt_range *r, uint64_t *base);
	/* [wire] The GSI of a line that add_irq() gave, for volt.describe/1 and for people; or
	 * VOLT_ANY if the line is none of the instance's. */
	uint32_t (*irq_number)(const struct volt_host *h, uint32_t line);
	/* [any] One interrupt on an edge line, whatever other threads do to it at the same
	 * time: each call is an edge of its own, none is swallowed, though the guest's
	 * interrupt controller may merge those that it has not delivered yet. Afterwards
	 * the line is low. For a level line there is no pulse: nothing happens. Lost while
	 * wiring. */
	void (*pulse)(const struct volt_host *h, uint32_t line);
	/* [wire] Looks for a plugin with VOLT_FLAG_BUS that offers extension `id`, the first in
	 * the order of the command line; *peer gets its table and state. Functions of the
	 * table are called while wiring only, unless it says otherwise, and then without any
	 * lock. 0; -ENOENT: nobody offers it; -EINVAL: malformed, or asked by a bus; -EPERM
	 * after the seal. */
	int (*find)(const struct volt_host *h, const char *id, struct volt_peer *peer);
	/* [io] [loop] For a plugin with VOLT_FLAG_BUS: calls f with the state of the instance
	 * whose host table `device` is, under its lock, and with `arg`. Lock order: bus, then
	 * device, so a device never calls its bus after the seal. From any other plugin, or
	 * for a bus, nothing happens. */
	void (*call)(const struct volt_host *h, const struct volt_host *device,
	    void (*f)(void *self, void *arg), void *arg);
};

#if defined(__GNUC__)
#define VOLT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define VOLT_PRINTF(fmt, args)
#endif

/* [any] One message, printf's way, of at most 255 bytes. Formatting happens on this side of
 * the table, so no varargs cross it. */
VOLT_PRINTF(3, 4)
static inline void volt_log(const struct volt_host *h, uint32_t level, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	if (level > h->log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	h->log(h, level, msg);
}

/* [wire] Says in one sentence why init fails; `err` is a positive errno. Returns -err. */
VOLT_PRINTF(3, 4)
static inline int volt_fail(const struct volt_host *h, int err, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return (h->fail)(h, err, msg); /* in parentheses: test libraries have a macro fail() */
}

/* [any] Adds to counter number `index` of the descriptor's table. */
static inline void volt_count(const struct volt_host *h, unsigned index, uint64_t n)
{
	__atomic_fetch_add(&h->counters[index], n, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ note */

#define VOLT_NOTE_NAME "Volt" /* whose note it is */
#define VOLT_NOTE_TYPE 1u     /* the only one */

/* The ELF note, type VOLT_NOTE_TYPE, in section .note.volt. It can be read
 * without running a byte of the plugin. */
struct volt_note {
	uint32_t name_size, desc_size, type; /* 5, 12, VOLT_NOTE_TYPE: the head of any ELF note */
	char name[8];                        /* "Volt" and zeroes */
	uint16_t abi_major, abi_minor;       /* VOLT_ABI_* at build time */
	uint32_t kind;                       /* VOLT_KIND_* */
	uint32_t descriptor_size;            /* sizeof(struct volt_plugin) at build time */
};

/*
 * Opens the definition of the descriptor:
 *
 *   VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
 *           .size = sizeof(struct volt_plugin), ...
 *   };
 *
 * With VOLT_BUILTIN=name (dashes as underscores) the object is named
 * volt_plugin_name and no note is made: the plugin is linked into the program.
 */
#ifdef VOLT_BUILTIN
#define VOLT_CAT2_(a, b) a##b
#define VOLT_CAT_(a, b)  VOLT_CAT2_(a, b)
#define VOLT_PLUGIN(kind_) \
	extern const struct volt_plugin VOLT_CAT_(volt_plugin_, VOLT_BUILTIN); \
	const struct volt_plugin VOLT_CAT_(volt_plugin_, VOLT_BUILTIN)
#else
#ifdef __cplusplus
#define VOLT_EXTERN_C_ extern "C"
#else
#define VOLT_EXTERN_C_ extern
#endif
#define VOLT_PLUGIN(kind_) \
	__attribute__((section(".note.volt"), used, \
	    aligned(4))) static const struct volt_note volt_note_ = {5, 12, VOLT_NOTE_TYPE, \
	    VOLT_NOTE_NAME, VOLT_ABI_MAJOR, VOLT_ABI_MINOR, (kind_), sizeof(struct volt_plugin)}; \
	VOLT_EXTERN_C_ __attribute__((visibility("default"))) \
	const struct volt_plugin volt_plugin; \
	const struct volt_plugin volt_plugin
#endif

/* Every descriptor starts with these members. */
#define VOLT_PLUGIN_HEADER(kind_) \
	.size = sizeof(struct volt_plugin), .abi_major = VOLT_ABI_MAJOR, \
	.abi_minor = VOLT_ABI_MINOR, .kind = (kind_)

/* Its tables, each an array. C alone takes the members in this order. */
#define VOLT_PARAMS(rows_) \
	.params = (rows_), .param_stride = sizeof((rows_)[0]), \
	.param_count = sizeof(rows_) / sizeof((rows_)[0])
#define VOLT_NEEDS(rows_) \
	.needs = (rows_), .need_stride = sizeof((rows_)[0]), \
	.need_count = sizeof(rows_) / sizeof((rows_)[0])
#define VOLT_COUNTERS(rows_) \
	.counters = (rows_), .counter_stride = sizeof((rows_)[0]), \
	.counter_count = sizeof(rows_) / sizeof((rows_)[0])

#ifdef __cplusplus
}
#endif

#endif
