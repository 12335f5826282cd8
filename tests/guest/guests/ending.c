/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The ways in which a guest ends its VM, or goes on until somebody else does. */
#include "guest.h"

#define POWER_PORT    0x600 /* sleep control, sleep status, reset: volt-acpipower(7) */
#define PANIC_PORT    0x505
#define KEYBOARD_PORT 0x64

static void status(void)
{
	finish((uint8_t)hex_number(word(1), NULL));
}

static void reset_keyboard(void)
{
	out8(KEYBOARD_PORT, 0xfe);
	fail("still running");
}

static void reset_register(void)
{
	out8(POWER_PORT + 2, 1);
	fail("still running");
}

static void power_off(void)
{
	out8(POWER_PORT, 5 << 2 | 1 << 5);
	fail("still running");
}

static void panic(void)
{
	out8(PANIC_PORT, 1);
	fail("still running");
}

/* No IDT, so the exception becomes a double fault and that one a shutdown. */
static void triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	fail("still running");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void count_bits(void)
{
	__asm__ volatile("mov $0x11, %%eax; popcnt %%eax, %%eax" : : : "eax");
}

static void software_interrupt(void)
{
	__asm__ volatile("int $0x40");
}

static void jump_to_device(void)
{
	__asm__ volatile("mov $0xd0000000, %%eax; jmp *%%rax" : : : "rax");
}

static void spin(void)
{
	ready();
	for (;;)
		__asm__ volatile("pause");
}

static void halt(void)
{
	ready();
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* Never idle in the kernel: an exit to volt every few microseconds. */
static void busy(void)
{
	ready();
	for (;;)
		in8(COM1 + 7);
}

static void marks(void)
{
	const uint64_t count = hex_number(word(1), NULL);

	for (uint64_t i = 0; i < count; i++)
		out8(MARK_PORT, (uint8_t)('a' + i % 26));
}

const struct guest_case guest_cases[] = {
    {"status", status},
    {"reset_keyboard", reset_keyboard},
    {"reset_register", reset_register},
    {"power_off", power_off},
    {"panic", panic},
    {"triple_fault", triple_fault},
    {"breakpoint", breakpoint},
    {"count_bits", count_bits},
    {"software_interrupt", software_interrupt},
    {"jump_to_device", jump_to_device},
    {"spin", spin},
    {"halt", halt},
    {"busy", busy},
    {"marks", marks},
    {NULL, NULL},
};
