/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Level interrupts of the leveldev plugin. Word 1 says through what: "ioapic" or "pic".
 * As a driver of a shared line does, the handler counts only what its device raised: an
 * interrupt whose cause is gone is spurious and harmless.
 */
#include "guest.h"
#include "irq.h"

#define GSI    10
#define VECTOR 0x4a

#define LEVEL 0x700 /* the line's level */
#define RAISE 0x701 /* raises it so many ms later */

#define ELCR1 0x4d1 /* of the second 8259: bit 2 is GSI 10 */

static bool pic;
static volatile uint32_t served, done, calls;
static uint32_t lower_at; /* the handler lowers the line when it was called so often */
static bool raise_again;  /* in the handler, once */
static uint32_t irr_inside;
static bool in_service; /* see local_apic_shows_service() */

/* KVM's kvm_pvm ends an interrupt when it delivers it: no bit of the local APIC's ISR is
 * ever set, Remote IRR is clear again in the handler, and a level that is up then comes
 * once more. What depends on that is asked of other back ends only. */
static bool local_apic_shows_service(void)
{
	return apic_read(APIC_ISR + VECTOR / 32 * 0x10) >> (VECTOR % 32) & 1;
}

static void on_level(void)
{
	calls++;
	if (in8(LEVEL) == 1) {
		served++;
		in_service = local_apic_shows_service();
		irr_inside = pic ? 0 : ioapic_get(GSI) & IO_REMOTEIRR;
		if (served >= lower_at) {
			out8(LEVEL, 0);
			done = 1;
		}
		if (raise_again) {
			raise_again = false;
			out8(LEVEL, 0);
			out8(LEVEL, 1);
			out8(LEVEL, 0);
			out8(LEVEL, 1);
			done = 0;
		}
	}
	if (pic)
		pic_end(GSI);
	else
		apic_end();
}

static void connect(uint32_t times, uint32_t mask)
{
	lower_at = times;
	irq_init();
	pic = same(word(1), "pic");
	irq_handle(pic ? PIC_VECTOR + GSI : VECTOR, on_level);
	if (pic) {
		pic_init(GSI);
		out8(ELCR1, 1 << (GSI - 8));
	} else {
		ioapic_set(GSI, VECTOR | IO_LEVEL | mask);
	}
	interrupts_on();
}

static void expect(uint32_t count)
{
	check(count == 0 || wait_for(&done), "an interrupt is missing");
	pause_a_while();
	put("served ");
	put_hex(served);
	put("\n");
	check(served == count, "not as many interrupts as there should be");
}

static void once(void)
{
	connect(1, 0);
	out8(LEVEL, 1);
	expect(1);
	out8(LEVEL, 1);
	pause_a_while();
	check(served == 2, "the second rise made no interrupt");
}

/* The line stays up through EOIs: each must bring the next interrupt. */
static void redelivered(void)
{
	connect((uint32_t)hex_number(word(2), NULL), 0);
	out8(LEVEL, 1);
	expect(lower_at);
}

/* The rises within the handler are one level that is up at its EOI. */
static void coalesced(void)
{
	connect(1, 0);
	raise_again = true;
	out8(LEVEL, 1);
	expect(2);
}

static void masked(void)
{
	connect(1, IO_MASKED);
	out8(LEVEL, 1);
	pause_a_while();
	check(served == 0, "a masked pin made an interrupt");
	ioapic_write(0x10 + 2 * GSI, VECTOR | IO_LEVEL);
	expect(1);
}

/* Masking in service does not lose the EOI; unmasking brings the level that is still up. */
static void masked_in_service(void)
{
	connect(2, 0);
	interrupts_off();
	out8(LEVEL, 1);
	pause_a_while(); /* pending in the local APIC now */
	ioapic_write(0x10 + 2 * GSI, VECTOR | IO_LEVEL | IO_MASKED);
	interrupts_on();
	pause_a_while();
	check(served == 1, "the interrupt in service was not delivered once");
	check(!(ioapic_get(GSI) & IO_REMOTEIRR), "remote IRR is left set");
	ioapic_write(0x10 + 2 * GSI, VECTOR | IO_LEVEL);
	expect(2);
}

/* What fell again while the pin was masked never was. */
static void withdrawn(void)
{
	connect(1, IO_MASKED);
	out8(LEVEL, 1);
	out8(LEVEL, 0);
	ioapic_write(0x10 + 2 * GSI, VECTOR | IO_LEVEL);
	expect(0);
}

static void remote_irr(void)
{
	connect(1, 0);
	check(!(ioapic_get(GSI) & IO_REMOTEIRR), "remote IRR is set at first");
	out8(LEVEL, 1);
	expect(1);
	put(in_service ? "in service\n" : "ended by the host\n");
	if (in_service)
		check(irr_inside == IO_REMOTEIRR, "remote IRR is clear in service");
	check(!(ioapic_get(GSI) & IO_REMOTEIRR), "remote IRR is set after the EOI");
}

/* Raised by the event loop while the vCPU sleeps. */
static void from_loop(void)
{
	connect(1, 0);
	interrupts_off();
	out8(RAISE, 20);
	while (done == 0)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	interrupts_on();
	expect(1);
}

/* ------------------------------- what is programmed decides, whatever was claimed */

/* 82093AA 3.2.4: bit 15 is the trigger mode, bit 16 the mask. */

static void see(uint32_t count, const char *what)
{
	pause_a_while();
	if (calls == count)
		return;
	put("interrupts: ");
	put_hex(calls);
	put("\n");
	fail(what);
}

static void program(uint32_t low)
{
	ioapic_write(0x10 + 2 * GSI, low);
}

/* One for each rise, however long the line stays up. */
static void as_edge(void)
{
	connect(UINT32_MAX, 0);
	program(VECTOR);
	out8(LEVEL, 1);
	see(1, "a line that rises and stays up is one interrupt");
	out8(LEVEL, 0);
	see(1, "a line that falls is none");
	out8(LEVEL, 1);
	see(2, "the second rise is the second interrupt");
	out8(LEVEL, 0);
	out8(LEVEL, 1);
	see(3, "the third rise is the third interrupt");
}

/* "Edge-sensitive interrupts signaled on a masked pin are ignored": not held pending. */
static void as_masked_edge(void)
{
	connect(UINT32_MAX, IO_MASKED);
	program(VECTOR | IO_MASKED);
	out8(LEVEL, 1);
	out8(LEVEL, 0);
	program(VECTOR);
	see(0, "a rise and fall under the mask is lost");
	out8(LEVEL, 1);
	see(1, "the rise after the mask is one interrupt");
	out8(LEVEL, 0);
	program(VECTOR | IO_MASKED);
	out8(LEVEL, 1);
	program(VECTOR);
	see(1, "a line that rose under the mask and is still up is no edge");
	out8(LEVEL, 0);
	out8(LEVEL, 1);
	see(2, "the next rise is one");
}

static void as_level(void)
{
	connect(3, 0);
	out8(LEVEL, 1);
	expect(3);
	lower_at = 5;
	out8(LEVEL, 1);
	expect(5);
}

/* "[...] held pending": as long as the line is up. */
static void as_masked_level(void)
{
	connect(3, IO_MASKED);
	out8(LEVEL, 1);
	out8(LEVEL, 0);
	program(VECTOR | IO_LEVEL);
	see(0, "a level that fell under the mask never was");
	program(VECTOR | IO_LEVEL | IO_MASKED);
	out8(LEVEL, 1);
	see(0, "a masked pin made an interrupt");
	program(VECTOR | IO_LEVEL);
	expect(3);
}

/* The mode is changed while the line is up: only a level needs no rise. */
static void as_both(void)
{
	connect(2, 0);
	program(VECTOR | IO_MASKED);
	out8(LEVEL, 1);
	program(VECTOR);
	see(0, "unmasking an edge made an interrupt");
	program(VECTOR | IO_LEVEL);
	expect(2);
	program(VECTOR);
	const uint32_t before = calls;
	lower_at = UINT32_MAX;
	out8(LEVEL, 1);
	see(before + 1, "a pin that was a level once makes no edge");
}

/* --------------------------------------------------------------- when it arrives */

static bool is_requested(uint8_t vector)
{
	return apic_read(APIC_IRR + vector / 32 * 0x10) >> (vector % 32) & 1;
}

/* A driver that polls right after its kick must not lose: the interrupt is in the local APIC
 * at the next instruction, the first one through a changed entry as well. */
static void at_once(void)
{
	irq_init(); /* interrupts stay off */
	for (uint32_t mode = 0; mode <= IO_LEVEL; mode += IO_LEVEL)
		for (uint8_t vector = 0x40; vector < 0xc0; vector++) {
			ioapic_set(GSI, vector | mode);
			out8(LEVEL, 1);
			const bool there = is_requested(vector);
			out8(LEVEL, 0);
			check(there, "the interrupt is not there when the write returns");
			irq_handle(vector, apic_end);
			interrupts_on();
			__asm__ volatile("nop");
			interrupts_off();
			ioapic_set(GSI, IO_MASKED);
		}
}

const struct guest_case guest_cases[] = {
    {"once", once},
    {"redelivered", redelivered},
    {"coalesced", coalesced},
    {"masked", masked},
    {"masked_in_service", masked_in_service},
    {"withdrawn", withdrawn},
    {"remote_irr", remote_irr},
    {"from_loop", from_loop},
    {"as_edge", as_edge},
    {"as_masked_edge", as_masked_edge},
    {"as_level", as_level},
    {"as_masked_level", as_masked_level},
    {"as_both", as_both},
    {"at_once", at_once},
    {NULL, NULL},
};
