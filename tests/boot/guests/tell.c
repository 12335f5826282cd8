/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * tell - says at COM1 what a boot loader left for it, a fact on each line, and ends with
 * status 0 through the exit port.
 *
 * Sources: Multiboot Specification 0.6.96, 3.3; Xen public/arch-x86/hvm/start_info.h.
 * Simple integer instructions only: some KVM back ends emulate them one by one.
 */
#include <stdint.h>

#define COM1      0x3f8
#define EXIT_PORT 0xf4

enum { BY_MULTIBOOT = 1, BY_PVH = 2 };

uint32_t entered_by, entry_eax, entry_ebx, entry_cr0, entry_cr4, entry_eflags;

/* Neither zero nor .bss: tells that data was loaded. And .bss must be zero. */
static volatile uint32_t loaded = 0x600dda7a, cleared[1000];

void guest_main(void);

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static void put_byte(char byte)
{
	while (!(in8(COM1 + 5) & 0x20))
		continue;
	out8(COM1, (uint8_t)byte);
}

static void put(const char *text)
{
	while (*text != '\0')
		put_byte(*text++);
}

static void put_hex(uint64_t value)
{
	uint32_t halves[] = {(uint32_t)(value >> 32), (uint32_t)value};

	put("0x");
	for (int h = halves[0] != 0 ? 0 : 1; h < 2; h++)
		for (int shift = 28; shift >= 0; shift -= 4)
			put_byte("0123456789abcdef"[halves[h] >> shift & 15]);
}

/* " NAME=VALUE" */
static void field(const char *name, uint64_t value)
{
	put_byte(' ');
	put(name);
	put_byte('=');
	put_hex(value);
}

static void *at(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static void tell_text(const char *name, uint64_t address)
{
	put(name);
	put(" [");
	if (address != 0)
		put(at(address));
	put("]\n");
}

static void tell_range(uint64_t start, uint64_t size, uint32_t type)
{
	put("range");
	field("start", start);
	field("size", size);
	field("type", type);
	put("\n");
}

static void tell_module(uint64_t start, uint64_t size, uint64_t words)
{
	const uint8_t *bytes = at(start);
	uint32_t sum = 0;

	for (uint32_t i = 0; i < size; i++)
		sum += bytes[i];
	put("module");
	field("start", start);
	field("size", size);
	field("sum", sum);
	tell_text(" words", words);
}

static void tell_cpu(void)
{
	uint32_t dirt = 0;

	for (unsigned i = 0; i < sizeof(cleared) / sizeof(cleared[0]); i++)
		dirt |= cleared[i];
	put("cpu");
	field("eax", entry_eax);
	field("ebx", entry_ebx);
	field("cr0", entry_cr0);
	field("cr4", entry_cr4);
	field("eflags", entry_eflags);
	put("\nimage");
	field("data", loaded);
	field("bss", dirt);
	put("\n");
}

static void tell_multiboot(const uint32_t *info)
{
	put("multiboot");
	field("flags", info[0]);
	field("lower", info[1]);
	field("upper", info[2]);
	put("\n");
	tell_text("cmdline", info[4]);
	tell_text("loader", info[16]);
	for (uint32_t off = 0; off < info[11]; off += 4 + *(const uint32_t *)at(info[12] + off)) {
		const uint32_t *e = at(info[12] + off);

		tell_range((uint64_t)e[2] << 32 | e[1], (uint64_t)e[4] << 32 | e[3], e[5]);
	}
	for (uint32_t i = 0; i < info[5]; i++) {
		const uint32_t *m = at(info[6] + 16 * i);

		tell_module(m[0], m[1] - m[0], m[2]);
	}
}

static uint64_t wide(const uint32_t *words)
{
	return (uint64_t)words[1] << 32 | words[0];
}

static void tell_pvh(const uint32_t *info)
{
	const uint32_t *map = at(info[10]), *modules = at(info[4]);

	put("pvh");
	field("magic", info[0]);
	field("version", info[1]);
	field("flags", info[2]);
	put("\n");
	tell_text("cmdline", wide(info + 6));
	tell_text("rsdp", wide(info + 8)); /* its signature, if not more, is text */
	for (uint32_t i = 0; i < info[12]; i++)
		tell_range(wide(map + 6 * i), wide(map + 6 * i + 2), map[6 * i + 4]);
	for (uint32_t i = 0; i < info[3]; i++, modules += 8)
		tell_module(wide(modules), wide(modules + 2), wide(modules + 4));
}

void guest_main(void)
{
	tell_cpu();
	if (entered_by == BY_MULTIBOOT)
		tell_multiboot(at(entry_ebx));
	else
		tell_pvh(at(entry_ebx));
	put("end\n");
	out8(EXIT_PORT, 0);
}
