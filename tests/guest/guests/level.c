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
static volatile uint32_t served, done;
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

const struct guest_case guest_cases[] = {
    {"once", once},
    {"redelivered", redelivered},
    {"coalesced", coalesced},
    {"masked", masked},
    {"masked_in_service", masked_in_service},
    {"withdrawn", withdrawn},
    {"remote_irr", remote_irr},
    {"from_loop", from_loop},
    {NULL, NULL},
};
