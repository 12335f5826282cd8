/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * guest - what the bare-metal test guests share.
 *
 * A guest is a table of cases; the first word of the kernel command line picks one. It
 * speaks through COM1 and ends through the exit port: 0, or 99 after "FAIL: why".
 * Simple integer instructions only: some KVM back ends emulate them one by one.
 */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COM1      0x3f8
#define EXIT_PORT 0xf4
#define MARK_PORT 0xf6

struct guest_case {
	const char *name;
	void (*run)(void);
};

/* Defined by each guest; ends with a row of NULL. */
extern const struct guest_case guest_cases[];

/* The n-th word of the command line, "" if there are fewer; the case's name is word 0. */
const char *word(unsigned n);
/* Hexadecimal digits up to the first other character; *end gets its place. */
uint64_t hex_number(const char *text, const char **end);
bool same(const char *a, const char *b);

void put(const char *text);
void put_byte(uint8_t byte);
void put_hex(uint64_t value);
/* Says so at COM1 and with boot mark 'R', which does not depend on who listens there. */
void ready(void);
_Noreturn void finish(uint8_t status);
_Noreturn void fail(const char *why);
static inline void check(bool fact, const char *what)
{
	if (!fact)
		fail(what);
}

/* True as soon as *word != 0; false after some seconds. Takes interrupts meanwhile. */
bool wait_for(const volatile uint32_t *word);
/* Waits some ten milliseconds; leaves interrupts on or off. */
void pause_a_while(void);

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void interrupts_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

#endif
