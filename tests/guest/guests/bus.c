/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Port and memory accesses that the host asks for, in the words of the command line:
 *
 *   pr4:680  pw2:681:1234  mr8:d0000000  mw1:d0000fff:ab
 *
 * (p)ort or (m)emory, (r)ead or (w)rite, bytes, address, value. One line of answer each:
 * the word, what was read, and what the two probe plugins saw of it.
 */
#include "guest.h"
#include "irq.h"

#define REPORT_A 0x6a0 /* of the probe with id a; volt's tests/guest/plugins/probe.c */
#define REPORT_B 0x6b0
#define SEQUENCE 0x6c0

#define BUFFER 65536

static uint8_t buffer[BUFFER];

/* -------------------------------------------------------------- one access */

static uint64_t read_port(uint32_t n, uint16_t port)
{
	return n == 1 ? in8(port) : n == 2 ? in16(port) : in32(port);
}

static void write_port(uint32_t n, uint16_t port, uint64_t value)
{
	if (n == 1)
		out8(port, (uint8_t)value);
	else if (n == 2)
		out16(port, (uint16_t)value);
	else
		out32(port, (uint32_t)value);
}

static uint64_t read_memory(uint32_t n, uint64_t at)
{
	const volatile void *p = (const volatile void *)(uintptr_t)at;

	if (n == 1)
		return *(const volatile uint8_t *)p;
	if (n == 2)
		return *(const volatile uint16_t *)p;
	return n == 4 ? *(const volatile uint32_t *)p : *(const volatile uint64_t *)p;
}

static void write_memory(uint32_t n, uint64_t at, uint64_t value)
{
	volatile void *p = (volatile void *)(uintptr_t)at;

	if (n == 1)
		*(volatile uint8_t *)p = (uint8_t)value;
	else if (n == 2)
		*(volatile uint16_t *)p = (uint16_t)value;
	else if (n == 4)
		*(volatile uint32_t *)p = (uint32_t)value;
	else
		*(volatile uint64_t *)p = value;
}

static void put_record(const char *name, uint16_t report)
{
	const uint32_t meta = in32(report + 4);
	const uint64_t low = in32(report + 8), high = in32(report + 12);

	put(" ");
	put(name);
	put_byte(meta & 1u << 25 ? 'm' : 'p');
	put_byte(meta & 1u << 24 ? 'w' : 'r');
	put_hex(meta >> 16 & 0xff);
	put("@");
	put_hex(meta & 0xffff);
	put("=");
	put_hex(high << 32 | low);
}

static void put_records(const char *name, uint16_t report)
{
	const uint32_t count = in32(report);

	for (uint32_t i = 0; count != UINT32_MAX && i < count; i++)
		put_record(name, report);
}

static void one(const char *op)
{
	const uint32_t n = (uint32_t)(op[2] - '0');
	const char *rest;
	const uint64_t at = hex_number(op + 4, &rest);
	uint64_t value = *rest == ':' ? hex_number(rest + 1, NULL) : 0;

	if (op[0] == 'p' && op[1] == 'r')
		value = read_port(n, (uint16_t)at);
	else if (op[0] == 'p')
		write_port(n, (uint16_t)at, value);
	else if (op[1] == 'r')
		value = read_memory(n, at);
	else
		write_memory(n, at, value);
	put(op);
	put(" ");
	put_hex(value);
	put_records("a", REPORT_A);
	put_records("b", REPORT_B);
	put("\n");
}

static void script(void)
{
	for (unsigned i = 1; word(i)[0] != '\0' && word(i)[1] != '\0' && word(i)[3] == ':'; i++)
		one(word(i));
}

/* ------------------------------------------------------------ many accesses */

/* Word 1: how many bytes; word 2: "up" or "down", the direction flag. */
static uint64_t count_of(void)
{
	const uint64_t count = hex_number(word(1), NULL);

	check(count <= BUFFER, "the count is above the buffer's size");
	return count;
}

static bool downwards(void)
{
	return same(word(2), "down");
}

static uint8_t *first_of(uint64_t count)
{
	return downwards() && count > 0 ? buffer + count - 1 : buffer;
}

/* The sequence register gives 0, 1, 2 and so on, and counts what it is not given so. */
static void string_in(void)
{
	const uint64_t count = count_of();
	uint64_t left = count;
	void *to = first_of(count);

	if (downwards())
		__asm__ volatile("std; rep insb; cld"
				 : "+D"(to), "+c"(left)
				 : "d"(SEQUENCE)
				 : "memory");
	else
		__asm__ volatile("rep insb" : "+D"(to), "+c"(left) : "d"(SEQUENCE) : "memory");
	check(left == 0, "items are left");
	for (uint64_t i = 0; i < count; i++)
		check(buffer[downwards() ? count - 1 - i : i] == (uint8_t)i, "a wrong item");
	put("next ");
	put_hex(in8(SEQUENCE));
	put("\n");
}

static void string_out(void)
{
	const uint64_t count = count_of();
	uint64_t left = count;
	const void *from = first_of(count);

	for (uint64_t i = 0; i < count; i++)
		buffer[downwards() ? count - 1 - i : i] = (uint8_t)i;
	if (downwards())
		__asm__ volatile("std; rep outsb; cld"
				 : "+S"(from), "+c"(left)
				 : "d"(SEQUENCE)
				 : "memory");
	else
		__asm__ volatile("rep outsb" : "+S"(from), "+c"(left) : "d"(SEQUENCE) : "memory");
	check(left == 0, "items are left");
	put("bad ");
	put_hex(in32(SEQUENCE + 4));
	put(" next ");
	put_hex(in8(SEQUENCE));
	put("\n");
}

/* rep insl of 16 bytes to the address in word 1. */
static void string_to(void)
{
	uint8_t *const start = (uint8_t *)(uintptr_t)hex_number(word(1), NULL);
	void *to = start;
	uint64_t left = 4;

	__asm__ volatile("rep insl" : "+D"(to), "+c"(left) : "d"(SEQUENCE) : "memory");
	check(left == 0 && to == start + 16, "rep insl did not finish");
	put("memory");
	for (unsigned i = 0; i < 16; i++) {
		put(" ");
		put_hex(*(volatile uint8_t *)(start + i));
	}
	put("\nrecords");
	put_records("a", REPORT_A);
	put("\n");
}

/* So many reads where nothing is; word 2 says whether of a port or of memory. */
static void misses(void)
{
	const uint64_t count = hex_number(word(1), NULL);
	const bool port = same(word(2), "port");

	for (uint64_t i = 0; i < count; i++)
		check(port ? in32(0x1234) == UINT32_MAX : read_memory(4, 0xd8000000) == UINT32_MAX,
		    "not all ones");
}

/* Locked and string instructions on device memory. */
static void locked(void)
{
	const uint64_t at = 0xd0000000;
	uint64_t old = 0x0706050403020100, add = 1;
	uint32_t swap = 0x11223344;
	const void *from = (const void *)at;
	void *to = buffer;
	uint64_t left = 8;

	__asm__ volatile("lock cmpxchgq %2, (%1)" : "+a"(old) : "r"(at), "r"(5ull) : "memory");
	put("cmpxchg ");
	put_hex(old);
	put_records("a", REPORT_A);
	__asm__ volatile("lock xaddl %k0, (%1)" : "+r"(add) : "r"(at) : "memory");
	put("\nxadd ");
	put_hex(add);
	put_records("a", REPORT_A);
	__asm__ volatile("xchgl %0, (%1)" : "+r"(swap) : "r"(at) : "memory");
	put("\nxchg ");
	put_hex(swap);
	put_records("a", REPORT_A);
	__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(left) : : "memory");
	put("\nmovs ");
	put_hex(*(uint64_t *)buffer);
	put_records("a", REPORT_A);
	put("\n");
}

/* ---------------------------------------------------------- high addresses */

static uint64_t tables[2][512] __attribute__((aligned(4096)));

/* The 2 MiB page around `physical`, at 512 GiB (Intel SDM vol. 3, 4.5). */
static uint64_t map_high(uint64_t physical)
{
	uint64_t *top;

	__asm__ volatile("mov %%cr3, %0" : "=r"(top));
	tables[1][0] = (physical & ~0x1fffffull) | 0x83;
	tables[0][0] = (uintptr_t)tables[1] | 3;
	top[1] = (uintptr_t)tables[0] | 3;
	__asm__ volatile("mov %0, %%cr3" : : "r"(top) : "memory");
	return (1ull << 39) + (physical & 0x1fffff);
}

static uint32_t address_bits(void)
{
	uint32_t a = 0x80000008, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return a & 0xff;
}

static void high(void)
{
	const uint64_t end = 1ull << address_bits();
	const uint64_t places[] = {1ull << 32, (1ull << 36) - 8, end / 2, end - 8};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const uint64_t at = map_high(places[i]);

		check(read_memory(8, at) == UINT64_MAX, "not all ones");
		write_memory(8, at, 1);
		check(read_memory(1, at + 7) == 0xff, "not all ones");
	}
}

const struct guest_case guest_cases[] = {
    {"script", script},
    {"string_in", string_in},
    {"string_out", string_out},
    {"string_to", string_to},
    {"misses", misses},
    {"locked", locked},
    {"high", high},
    {NULL, NULL},
};
