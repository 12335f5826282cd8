/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * ioapic - an I/O APIC with 24 pins, for KVM's split irqchip.
 *
 * Sources: see entry.h.
 *
 * A pin is its redirection entry and the state of its line; nothing is latched. A
 * message is taken by the local APICs at once, so an edge is either sent when it
 * comes or, on a masked pin, lost ([82093AA] 3.2.4, bit 16), and a level is sent
 * whenever the line is asserted, the pin is unmasked and Remote IRR is clear.
 *
 * Callbacks of one instance never overlap (volt/plugin.h), so there is no lock here.
 */
#include <errno.h>
#include <string.h>

#include <volt/irqchip.h>
#include <volt/plugin.h>
#include <volt/state.h>

#include "entry.h"

#define PINS        24u
#define WINDOW_SIZE 0x1000u

/* Directly addressed registers, as offsets from the base. */
#define IOREGSEL 0x00u
#define IOWIN    0x10u
#define EOIR     0x40u /* version 0x20 only */

/* Registers behind IOWIN, as values of IOREGSEL. */
#define IOAPICID  0x00u
#define IOAPICVER 0x01u
#define IOAPICARB 0x02u
#define IOREDTBL  0x10u /* two per pin: low half, high half */

#define ID_SHIFT  24u
#define ID_MAX    0xfu
#define MRE_SHIFT 16u /* IOAPICVER: Maximum Redirection Entry */

enum { PARAM_BASE, PARAM_ID, PARAM_VERSION };

static const struct volt_param params[] = {
    [PARAM_BASE] = {.name = "base",
	.def = "0xfec00000",
	.help = "guest physical address of the registers, a multiple of 4 KiB",
	.type = VOLT_PARAM_UINT,
	.min = 0xfec00000,
	.max = 0xfedfc000},
    [PARAM_ID] = {.name = "apic-id",
	.def = "0",
	.help = "I/O APIC id until the guest writes another",
	.type = VOLT_PARAM_UINT,
	.min = 0,
	.max = ID_MAX},
    [PARAM_VERSION] = {.name = "version",
	.def = "0x20",
	.help = "0x11 is an 82093AA, 0x20 an I/O xAPIC with an EOI register",
	.choices = "0x11|0x20",
	.type = VOLT_PARAM_ENUM},
};

static const uint8_t versions[] = {0x11, 0x20}; /* in the order of `choices` */

enum {
	DELIVERED,
	REDELIVERED,
	COALESCED,
	MASKED_EDGES,
	UNDELIVERABLE,
	EOIS,
	STRAY_EOIS,
	BAD_ACCESSES,
};

static const struct volt_counter counters[] = {
    [DELIVERED] = {"delivered", "messages sent to the local APICs"},
    [REDELIVERED] = {"redelivered", "of these, sent at an EOI because the line was still up"},
    [COALESCED] = {"coalesced", "level lines that rose while their last interrupt was in service"},
    [MASKED_EDGES] = {"masked_edges", "edges lost on masked pins"},
    [UNDELIVERABLE] = {"undeliverable",
	"interrupts lost to a delivery mode or vector that cannot be sent"},
    [EOIS] = {"eois", "EOIs that ended an interrupt"},
    [STRAY_EOIS] = {"stray_eois", "EOIs that matched no interrupt in service"},
    [BAD_ACCESSES] = {"bad_accesses", "accesses that no register answers"},
};

struct pin {
	uint64_t entry;
	/* What the host was told last. */
	uint64_t address;
	uint32_t data;
};

struct ioapic {
	const struct volt_host *host;
	const struct volt_irqroute *route;
	uint64_t base;
	uint8_t version;
	uint8_t id_at_reset; /* <= ID_MAX */
	uint8_t id;          /* <= ID_MAX */
	uint8_t select;      /* IOREGSEL */
	uint32_t lines;      /* bit n: the line of pin n is asserted */
	struct pin pins[PINS];
};

/*
 * The mask is not part of the message: the host learns of no masking or unmasking, and
 * an interrupt whose pin was masked while in service still gets its EOI.
 */
static void report_route(struct ioapic *s, uint32_t n, bool force)
{
	struct pin *p = &s->pins[n];
	uint64_t address = ioapic_entry_address(p->entry);
	uint32_t data = ioapic_entry_data(p->entry);

	if (!force && address == p->address && data == p->data)
		return;
	p->address = address;
	p->data = data;
	s->route->route(s->host, n, address, data);
}

static void deliver(struct ioapic *s, uint32_t n)
{
	volt_count(s->host, DELIVERED, 1);
	s->route->fire(s->host, n);
}

/* Sends a level-sensitive pin's interrupt if it is due; true if it was. */
static bool sample_level(struct ioapic *s, uint32_t n)
{
	struct pin *p = &s->pins[n];

	if (!(s->lines >> n & 1) || !ioapic_entry_is_level(p->entry) ||
	    p->entry & (MASKED | REMOTE_IRR))
		return false;
	if (!ioapic_entry_is_deliverable(p->entry)) {
		volt_count(s->host, UNDELIVERABLE, 1);
		return false;
	}
	p->entry |= REMOTE_IRR;
	deliver(s, n);
	return true;
}

static void take_edge(struct ioapic *s, uint32_t n)
{
	uint64_t entry = s->pins[n].entry;

	if (entry & MASKED)
		volt_count(s->host, MASKED_EDGES, 1);
	else if (!ioapic_entry_is_deliverable(entry))
		volt_count(s->host, UNDELIVERABLE, 1);
	else
		deliver(s, n);
}

/* A line is up when its device asserts it, so INTPOL has nothing to invert. */
static void ioapic_set_line(void *self, uint32_t n, bool level)
{
	struct ioapic *s = self;

	if (n >= PINS || (s->lines >> n & 1) == level)
		return;
	s->lines ^= 1u << n;
	if (!level)
		return;
	if (!ioapic_entry_is_level(s->pins[n].entry))
		take_edge(s, n);
	else if ((s->pins[n].entry & (MASKED | REMOTE_IRR)) == REMOTE_IRR)
		volt_count(s->host, COALESCED, 1);
	else
		sample_level(s, n);
}

/*
 * [ICH10] 13.5.4: every entry with the vector has its Remote IRR cleared, and a line
 * that is still up interrupts again at once. KVM and QEMU pause after 10,000 of these
 * in a row; here each costs its vCPU an exit and no other thread anything, and Linux
 * itself shuts down a line that nobody serves.
 */
static void ioapic_eoi(void *self, uint8_t vector)
{
	struct ioapic *s = self;
	bool stray = true;

	for (uint32_t n = 0; n < PINS; n++) {
		struct pin *p = &s->pins[n];

		if (!(p->entry & REMOTE_IRR) || (p->entry & INTVEC) != vector)
			continue;
		stray = false;
		p->entry &= ~REMOTE_IRR;
		if (sample_level(s, n))
			volt_count(s->host, REDELIVERED, 1);
	}
	volt_count(s->host, stray ? STRAY_EOIS : EOIS, 1);
}

/*
 * Remote IRR goes with the trigger mode: Linux ends an interrupt on a controller without
 * an EOI register by making its pin edge and level again (__eoi_ioapic_pin).
 */
static void write_entry(struct ioapic *s, uint32_t n, uint32_t shift, uint32_t val)
{
	struct pin *p = &s->pins[n];
	uint64_t writable = ENTRY_WRITABLE & 0xffffffffull << shift;

	p->entry = (p->entry & ~writable) | ((uint64_t)val << shift & writable);
	if (!ioapic_entry_is_level(p->entry))
		p->entry &= ~REMOTE_IRR;
	if (!(p->entry & MASKED) && !ioapic_entry_is_deliverable(p->entry))
		volt_log(s->host, VOLT_LOG_DEBUG,
		    "pin %u: nothing can send delivery mode %u, vector %u", n,
		    (uint32_t)(p->entry & DELMOD) >> 8, (uint32_t)(p->entry & INTVEC));
	report_route(s, n, false);
	sample_level(s, n);
}

static void bad_access(struct ioapic *s)
{
	volt_count(s->host, BAD_ACCESSES, 1);
}

static uint32_t read_window(struct ioapic *s)
{
	uint32_t index = s->select;

	switch (index) {
	case IOAPICID:
	case IOAPICARB: /* loaded with the id; no bus, so nobody ever arbitrates */
		return (uint32_t)s->id << ID_SHIFT;
	case IOAPICVER:
		return (PINS - 1) << MRE_SHIFT | s->version;
	default:
		break;
	}
	if (index >= IOREDTBL && index < IOREDTBL + 2 * PINS) {
		uint64_t entry = s->pins[(index - IOREDTBL) / 2].entry;

		return (uint32_t)(index & 1 ? entry >> 32 : entry);
	}
	bad_access(s);
	return 0;
}

static void write_window(struct ioapic *s, uint32_t val)
{
	uint32_t index = s->select;

	if (index == IOAPICID)
		s->id = val >> ID_SHIFT & ID_MAX;
	else if (index >= IOREDTBL && index < IOREDTBL + 2 * PINS)
		write_entry(s, (index - IOREDTBL) / 2, index & 1 ? 32 : 0, val);
	else if (index != IOAPICVER && index != IOAPICARB)
		bad_access(s);
}

/*
 * [82093AA] 3.0: IOREGSEL may be loaded by a byte write, IOWIN must be accessed as a
 * Dword. All else in the page reads as 0, ignores writes and is counted.
 */
static uint64_t ioapic_read(void *self, uint64_t off, uint32_t n)
{
	struct ioapic *s = self;

	if (off == IOREGSEL && n <= 4)
		return s->select;
	if (off == IOWIN && n == 4)
		return read_window(s);
	bad_access(s);
	return 0;
}

static void ioapic_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct ioapic *s = self;

	if (off == IOREGSEL && n <= 4)
		s->select = (uint8_t)val;
	else if (off == IOWIN && n == 4)
		write_window(s, (uint32_t)val);
	else if (off == EOIR && n <= 4 && s->version >= 0x20)
		ioapic_eoi(s, (uint8_t)val);
	else
		bad_access(s);
}

/* Lines keep their state: they belong to the devices, which reset them themselves. */
static void ioapic_reset(void *self)
{
	struct ioapic *s = self;

	s->select = 0;
	s->id = s->id_at_reset;
	for (uint32_t n = 0; n < PINS; n++) {
		s->pins[n].entry = ENTRY_RESET;
		report_route(s, n, true);
	}
}

static int ioapic_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct ioapic *s = self;

	s->host = h;
	s->base = volt_arg(a, PARAM_BASE)->u;
	s->id_at_reset = (uint8_t)volt_arg(a, PARAM_ID)->u;
	s->version = versions[volt_arg(a, PARAM_VERSION)->u];
	if (s->base % WINDOW_SIZE)
		return volt_fail(h, EINVAL, "base=0x%llx is not a multiple of 0x%x",
		    (unsigned long long)s->base, WINDOW_SIZE);
	s->route = h->get_ext(h, VOLT_EXT_IRQROUTE);
	if (!s->route || !VOLT_HAS(s->route, fire))
		return volt_fail(h, ENOTSUP, "the host has no %s", VOLT_EXT_IRQROUTE);

	/* A whole page: nothing else can usefully share the mapping that a guest makes. */
	const struct volt_range registers = {
	    .size = sizeof(registers),
	    .space = VOLT_SPACE_MMIO,
	    .sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4 | VOLT_IO_8,
	    .base = s->base,
	    .len = WINDOW_SIZE,
	    .name = "registers",
	    .read = ioapic_read,
	    .write = ioapic_write,
	};
	int err = h->add_range(h, &registers);
	if (err)
		return volt_fail(
		    h, -err, "cannot add the registers at 0x%llx", (unsigned long long)s->base);
	return 0;
}

static void ioapic_info(void *self, struct volt_irqchip_info *info)
{
	const struct ioapic *s = self;
	const struct volt_irqchip_info full = {
	    .size = info->size,
	    .pins = PINS,
	    .id = s->id_at_reset,
	    .base = s->base,
	};

	memcpy(info, &full, info->size < sizeof(full) ? info->size : sizeof(full));
}

static const struct volt_irqchip irqchip = {
    .size = sizeof(irqchip),
    .info = ioapic_info,
    .set_line = ioapic_set_line,
    .eoi = ioapic_eoi,
};

/* ------------------------------------------------------------------- state */

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct ioapic, id, VOLT_F_U8, 1), .max = ID_MAX},
    {VOLT_FIELD(struct ioapic, select, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct ioapic, lines, VOLT_F_U32, 1), .max = (1u << PINS) - 1},
    {VOLT_FIELD_EACH(struct ioapic, pins, entry, VOLT_F_U64)},
};

/* Only levels are ever in service, and one that is due has been sent. */
static bool is_pin_valid(const struct ioapic *s, uint32_t n)
{
	const uint64_t entry = s->pins[n].entry;
	const bool in_service = entry & REMOTE_IRR;

	if (entry & ~(ENTRY_WRITABLE | REMOTE_IRR))
		return false;
	if (!ioapic_entry_is_level(entry))
		return !in_service;
	return in_service || entry & MASKED || !(s->lines >> n & 1) ||
	       !ioapic_entry_is_deliverable(entry);
}

static int ioapic_validate(const void *candidate)
{
	for (uint32_t n = 0; n < PINS; n++)
		if (!is_pin_valid(candidate, n))
			return -EINVAL;
	return 0;
}

static void ioapic_resume(void *self)
{
	for (uint32_t n = 0; n < PINS; n++)
		report_route(self, n, true);
}

static const struct volt_state state = {
    .size = sizeof(state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .resume = ioapic_resume,
    .validate = ioapic_validate,
};

static const void *ioapic_get_ext(const char *id)
{
	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &state;
	return strcmp(id, VOLT_EXT_IRQCHIP) ? NULL : &irqchip;
}

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "ioapic",
    .version = "0.1",
    .summary = "I/O APIC in userspace, with KVM's split irqchip",
    .flags = VOLT_FLAG_IN_PROCESS_ONLY, /* eoi() must run on the vCPU's own thread */
    .instance_size = sizeof(struct ioapic),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = ioapic_init,
    .reset = ioapic_reset,
    .get_ext = ioapic_get_ext,
};
