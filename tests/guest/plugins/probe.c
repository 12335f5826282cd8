/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * probe - a device for tests: tells a guest which accesses the core made of its own.
 *
 * One range of ports and one of memory whose bytes read as fill + offset, and which note
 * every call. Ports from `report`:
 *
 *   +0   4 bytes  how many calls are noted; a write forgets them
 *   +4   4 bytes  the oldest: offset, bytes << 16, write << 24, memory << 25
 *   +8   4 bytes  its value, low half
 *   +12  4 bytes  high half; the read forgets this call
 *   +32  1 byte   reads give 0, 1, 2 and so on; writes must too. Four ports, all the same
 *   +36  4 bytes  how many writes of it did not
 *
 * Its parameters take ranges that the core must refuse, which `volt-plugin check` finds.
 */
#include <errno.h>

#include <volt/plugin.h>

#define NOTE_MAX 64u

enum {
	PARAM_PIO,
	PARAM_PIO_LEN,
	PARAM_MMIO,
	PARAM_MMIO_LEN,
	PARAM_REPORT,
	PARAM_SIZES,
	PARAM_SPLIT,
	PARAM_FILL,
	PARAM_ROWS
};

enum { COUNT_READS, COUNT_WRITES, COUNT_ROWS };

struct note {
	uint32_t meta;
	uint64_t value;
};

struct probe {
	const struct volt_host *h;
	uint32_t first, count; /* count <= NOTE_MAX */
	struct note notes[NOTE_MAX];
	uint8_t fill, next;
	uint32_t bad;
};

static void note(struct probe *p, uint64_t off, uint32_t n, uint32_t flags, uint64_t value)
{
	if (p->count == NOTE_MAX)
		return;
	p->notes[(p->first + p->count++) % NOTE_MAX] =
	    (struct note){.meta = (uint32_t)(off & 0xffff) | n << 16 | flags << 24, .value = value};
}

/* The bytes above the n that were asked for are set, for the core to cut off. */
static uint64_t read_any(struct probe *p, uint64_t off, uint32_t n, uint32_t flags)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < 8; i++)
		value |= (uint64_t)(i < n ? (uint8_t)(p->fill + off + i) : 0xee) << (8 * i);
	volt_count(p->h, COUNT_READS, 1);
	note(p, off, n, flags, n == 8 ? value : value & ((1ull << (8 * n)) - 1));
	return value;
}

static uint64_t read_port(void *self, uint64_t off, uint32_t n)
{
	return read_any(self, off, n, 0);
}

static uint64_t read_memory(void *self, uint64_t off, uint32_t n)
{
	return read_any(self, off, n, 2);
}

static void write_port(void *self, uint64_t off, uint32_t n, uint64_t value)
{
	struct probe *p = self;

	volt_count(p->h, COUNT_WRITES, 1);
	note(p, off, n, 1, value);
}

static void write_memory(void *self, uint64_t off, uint32_t n, uint64_t value)
{
	struct probe *p = self;

	volt_count(p->h, COUNT_WRITES, 1);
	note(p, off, n, 3, value);
}

static uint64_t read_report(void *self, uint64_t off, uint32_t n)
{
	struct probe *p = self;
	const struct note *oldest = &p->notes[p->first];
	uint64_t value;

	if (off == 0)
		return p->count;
	if (p->count == 0)
		return 0;
	if (off == 4)
		return oldest->meta;
	if (off == 8)
		return oldest->value;
	value = oldest->value >> 32;
	p->first = (p->first + 1) % NOTE_MAX;
	p->count--;
	return value;
}

static void write_report(void *self, uint64_t off, uint32_t n, uint64_t value)
{
	((struct probe *)self)->count = 0;
}

static uint64_t read_sequence(void *self, uint64_t off, uint32_t n)
{
	return ((struct probe *)self)->next++;
}

static void write_sequence(void *self, uint64_t off, uint32_t n, uint64_t value)
{
	struct probe *p = self;

	p->bad += value != p->next++;
}

static uint64_t read_bad(void *self, uint64_t off, uint32_t n)
{
	return ((struct probe *)self)->bad;
}

static void probe_reset(void *self)
{
	struct probe *p = self;

	p->first = p->count = p->next = p->bad = 0;
}

static int probe_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct probe *p = self;
	const uint8_t sizes = (uint8_t)volt_arg(a, PARAM_SIZES)->u;
	const uint8_t flags = volt_arg(a, PARAM_SPLIT)->u ? VOLT_RANGE_SPLIT : 0;
	const uint64_t report = volt_arg(a, PARAM_REPORT)->u;
	const struct volt_range ranges[] = {
	    {
		.space = VOLT_SPACE_PIO,
		.sizes = sizes,
		.flags = flags,
		.base = volt_arg(a, PARAM_PIO)->u,
		.len = volt_arg(a, PARAM_PIO_LEN)->u,
		.name = "ports",
		.read = read_port,
		.write = write_port,
	    },
	    {
		.space = VOLT_SPACE_MMIO,
		.sizes = sizes,
		.flags = flags,
		.base = volt_arg(a, PARAM_MMIO)->u,
		.len = volt_arg(a, PARAM_MMIO_LEN)->u,
		.name = "memory",
		.read = read_memory,
		.write = write_memory,
	    },
	    {
		.sizes = VOLT_IO_4,
		.base = report,
		.len = 16,
		.name = "report",
		.read = read_report,
		.write = write_report,
	    },
	    {
		.sizes = VOLT_IO_1,
		.flags = VOLT_RANGE_SPLIT,
		.base = report + 32,
		.len = 4,
		.name = "sequence",
		.read = read_sequence,
		.write = write_sequence,
	    },
	    {
		.sizes = VOLT_IO_4,
		.base = report + 36,
		.len = 4,
		.name = "sequence errors",
		.read = read_bad,
	    },
	};

	p->h = h;
	p->fill = (uint8_t)volt_arg(a, PARAM_FILL)->u;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct volt_range r = ranges[i];

		r.size = sizeof(r);
		const int err = h->add_range(h, &r);
		if (err)
			return volt_fail(h, -err, "no %s range", r.name);
	}
	return 0;
}

#define NUMBER(key, value, low, high, text) \
	{ \
		.name = (key), .type = VOLT_PARAM_UINT, .def = (value), .min = (low), \
		.max = (high), .help = (text), \
	}

static const struct volt_param params[] = {
    [PARAM_PIO] = NUMBER("pio", "0x680", 0, 0xffff, "first noted port"),
    [PARAM_PIO_LEN] = NUMBER("pio-len", "16", 0, 0x20000, "how many"),
    [PARAM_MMIO] = NUMBER("mmio", "0xd0000000", 0, UINT64_MAX, "first noted byte of memory"),
    [PARAM_MMIO_LEN] = NUMBER("mmio-len", "0x2000", 0, UINT64_MAX, "how many"),
    [PARAM_REPORT] = NUMBER("report", "0x6a0", 0, 0xffff, "port of the report"),
    [PARAM_SIZES] = NUMBER("sizes", "15", 0, 255, "access sizes: 1, 2, 4 and 8, added up"),
    [PARAM_SPLIT] = {.name = "split",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "split wider accesses"},
    [PARAM_FILL] = NUMBER("fill", "0", 0, 255, "value of the first byte"),
};

static const struct volt_counter counters[] = {
    [COUNT_READS] = {"reads", "noted reads"},
    [COUNT_WRITES] = {"writes", "noted writes"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "probe",
    .version = "0.1.0",
    .summary = "notes accesses, for tests",
    .instance_size = sizeof(struct probe),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = probe_init,
    .reset = probe_reset,
};
