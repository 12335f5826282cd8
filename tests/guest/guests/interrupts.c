/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Edge interrupts. Word 1 says through what: "ioapic" or "pic". */
#include "guest.h"
#include "irq.h"

#define VECTOR(gsi) ((uint8_t)(0x40 + (gsi)))

/* PC16550D */
#define IER      (COM1 + 1)
#define IIR      (COM1 + 2)
#define MCR      (COM1 + 4)
#define LSR      (COM1 + 5)
#define IER_RX   0x01
#define IER_THRE 0x02
#define IIR_NONE 0x01
#define IIR_THRE 0x02
#define LSR_DR   0x01
#define MCR_OUT2 0x08

#define SERIAL_GSI   4
#define KEYBOARD_GSI 1

static bool pic;
static volatile uint32_t done, taken;

static void connect(unsigned gsi, void (*handler)(void))
{
	irq_init();
	pic = same(word(1), "pic");
	irq_handle(pic ? (uint8_t)(PIC_VECTOR + gsi) : VECTOR(gsi), handler);
	if (pic)
		pic_init(gsi);
	else
		ioapic_set(gsi, VECTOR(gsi));
}

static void end(unsigned gsi)
{
	if (pic)
		pic_end(gsi);
	else
		apic_end();
}

/* An interrupt between the test and hlt would be slept through, but sti keeps them off
 * for one instruction more. */
static void sleep_until_done(void)
{
	interrupts_off();
	while (done == 0)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	interrupts_on();
}

/* ------------------------------------------------------------ transmitter */

static const char message[] =
    "The quick brown fox jumps over the lazy dog, one interrupt at a time.\n";
static const char *next = message;

static void on_thre(void)
{
	taken++;
	while (!(in8(IIR) & IIR_NONE)) {
		if (*next != '\0') {
			out8(COM1, (uint8_t)*next++);
			break;
		}
		out8(IER, 0);
		done = 1;
	}
	end(SERIAL_GSI);
}

static void transmit(void)
{
	connect(SERIAL_GSI, on_thre);
	out8(MCR, MCR_OUT2);
	interrupts_on();
	out8(IER, IER_THRE);
	sleep_until_done();
	check(taken >= 10, "too few interrupts for the message");
}

/* --------------------------------------------------------------- receiver */

static void on_receive(void)
{
	taken++;
	while (!(in8(IIR) & IIR_NONE))
		while (in8(LSR) & LSR_DR) {
			const uint8_t byte = in8(COM1);

			out8(COM1, byte);
			if (byte == '.')
				done = 1;
		}
	end(SERIAL_GSI);
}

static void receive(void)
{
	connect(SERIAL_GSI, on_receive);
	out8(MCR, MCR_OUT2);
	out8(IER, IER_RX);
	ready();
	sleep_until_done();
	check(taken > 0, "no interrupt");
}

/* OUT2 is low, so nothing may come although the cause is enabled. */
static void gated(void)
{
	connect(SERIAL_GSI, on_thre);
	out8(MCR, 0);
	interrupts_on();
	out8(IER, IER_THRE);
	pause_a_while();
	check(taken == 0, "an interrupt came although OUT2 is low");
}

/* --------------------------------------------------------------- keyboard */

static uint8_t codes[16];
static volatile uint32_t code_count;
static uint32_t codes_wanted;

static void on_keyboard(void)
{
	taken++;
	if (in8(0x64) & 1 && code_count < sizeof(codes))
		codes[code_count++] = in8(0x60);
	done = code_count >= codes_wanted;
	end(KEYBOARD_GSI);
}

static void print_codes(void)
{
	put("codes");
	for (unsigned i = 0; i < code_count; i++) {
		put(" ");
		put_hex(codes[i]);
	}
	put("\n");
}

static void connect_keyboard(uint32_t wanted)
{
	codes_wanted = wanted;
	connect(KEYBOARD_GSI, on_keyboard);
	out8(0x64, 0x60); /* command byte: interrupt on, translated to set 1 */
	out8(0x60, 0x45);
	interrupts_on();
}

/* Command 0xd2 puts a byte into the output buffer as if a key had been pressed. */
static void keyboard(void)
{
	connect_keyboard(1);
	out8(0x64, 0xd2);
	out8(0x60, 0x1e);
	sleep_until_done();
	print_codes();
}

/* The operator asks for attention: Ctrl, Alt and Delete go down and up. */
static void attention(void)
{
	connect_keyboard(8);
	ready();
	sleep_until_done();
	print_codes();
}

/* As `attention`, without an end: for terminals. */
static void attend(void)
{
	attention();
	for (;;)
		__asm__ volatile("hlt");
}

/* -------------------------------------------------------------------- mask */

/* An edge on a masked pin is lost, volt-ioapic(7) says, and the next one is not. */
static void masked_edge(void)
{
	connect(KEYBOARD_GSI, on_keyboard);
	codes_wanted = 1;
	ioapic_set(KEYBOARD_GSI, VECTOR(KEYBOARD_GSI) | IO_MASKED);
	out8(0x64, 0x60);
	out8(0x60, 0x45);
	interrupts_on();
	out8(0x64, 0xd2);
	out8(0x60, 0x1e);
	pause_a_while();
	ioapic_set(KEYBOARD_GSI, VECTOR(KEYBOARD_GSI));
	pause_a_while();
	check(taken == 0, "an edge on a masked pin came through");
	in8(0x60);
	out8(0x64, 0xd2);
	out8(0x60, 0x1f);
	sleep_until_done();
	print_codes();
}

const struct guest_case guest_cases[] = {
    {"transmit", transmit},
    {"receive", receive},
    {"gated", gated},
    {"keyboard", keyboard},
    {"attention", attention},
    {"attend", attend},
    {"console=ttyS0", attention}, /* with the command line that Linux gets */
    {"masked_edge", masked_edge},
    {NULL, NULL},
};
