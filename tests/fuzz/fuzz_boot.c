/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_boot - kernels, initrds and command lines that are nearly right.
 *
 * Each round takes a valid vmlinux or bzImage, spoils some of its fields with values
 * that sit on an edge, and boots it. Whatever comes, one of two things must happen: a
 * refusal with one line, or a guest whose memory holds what was asked for, in which
 * nothing of it lies over anything else. Sanitizers and the guard pages around guest
 * memory watch the rest.
 *
 *   VOLT_FUZZ_SECONDS  how long (5)
 *   VOLT_FUZZ_SEED     replays: round n of a seed is always the same
 */
#include "tests/unit/boot_kit.h"

#include <stddef.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/boot/layout.h"

#define RAM (24ull << 20)

static struct kit kit;
static uint64_t seed, round_number, random_state;

/* ----------------------------------------------------------------- chance */

/* xorshift64* (Vigna 2014). */
static uint64_t chance(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static uint64_t below(uint64_t n)
{
	return chance() % n;
}

/* A value that somebody may have forgotten, or one close to it. */
static uint64_t edge(uint64_t now)
{
	static const uint64_t edges[] = {0, 1, 0x200, 0x1000, LAYOUT_GDT, LAYOUT_PARAMS,
	    LAYOUT_CMDLINE_END, LAYOUT_MP_TABLE, LAYOUT_ACPI, LAYOUT_KERNEL_MIN, KIT_KERNEL, RAM,
	    MEMORY_HOLE_START, MEMORY_HIGH_START, 0x7fffffff, 0x80000000, UINT32_MAX, INT64_MAX,
	    1ull << 63, UINT64_MAX};

	switch (below(5)) {
	case 0:
		return edges[below(sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return edges[below(sizeof(edges) / sizeof(edges[0]))] + below(3) - 1;
	case 2:
		return now + below(3) - 1;
	case 3:
		return now ^ 1ull << below(64);
	default:
		return chance() >> below(64);
	}
}

struct field {
	uint16_t offset;
	uint8_t size;
};

static void spoil(void *base, const struct field *fields, size_t count)
{
	const struct field *f = &fields[below(count)];
	uint64_t value = 0;

	memcpy(&value, (uint8_t *)base + f->offset, f->size);
	value = edge(value);
	memcpy((uint8_t *)base + f->offset, &value, f->size);
}

/* ---------------------------------------------------------------- kernels */

#define FIELD(type, member) \
	{ \
		offsetof(type, member), sizeof(((type *)0)->member) \
	}
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct field elf_head[] = {
    FIELD(Elf64_Ehdr, e_ident[EI_CLASS]),
    FIELD(Elf64_Ehdr, e_ident[EI_DATA]),
    FIELD(Elf64_Ehdr, e_type),
    FIELD(Elf64_Ehdr, e_machine),
    FIELD(Elf64_Ehdr, e_version),
    FIELD(Elf64_Ehdr, e_entry),
    FIELD(Elf64_Ehdr, e_phoff),
    FIELD(Elf64_Ehdr, e_ehsize),
    FIELD(Elf64_Ehdr, e_phentsize),
    FIELD(Elf64_Ehdr, e_phnum),
};

static const struct field elf_segment[] = {
    FIELD(Elf64_Phdr, p_type),
    FIELD(Elf64_Phdr, p_offset),
    FIELD(Elf64_Phdr, p_paddr),
    FIELD(Elf64_Phdr, p_filesz),
    FIELD(Elf64_Phdr, p_memsz),
};

static const struct field bz_header[] = {
    FIELD(struct setup_header, setup_sects),
    FIELD(struct setup_header, syssize),
    FIELD(struct setup_header, boot_flag),
    FIELD(struct setup_header, jump),
    FIELD(struct setup_header, version),
    FIELD(struct setup_header, loadflags),
    FIELD(struct setup_header, initrd_addr_max),
    FIELD(struct setup_header, kernel_alignment),
    FIELD(struct setup_header, relocatable_kernel),
    FIELD(struct setup_header, xloadflags),
    FIELD(struct setup_header, cmdline_size),
    FIELD(struct setup_header, payload_offset),
    FIELD(struct setup_header, payload_length),
    FIELD(struct setup_header, setup_data),
    FIELD(struct setup_header, pref_address),
    FIELD(struct setup_header, init_size),
};

/* Sizes stay small enough to write quickly; the checks see larger ones in the fields. */
static uint64_t file_size(uint64_t size)
{
	switch (below(8)) {
	case 0:
		return below(size + 1);
	case 1:
		return size + below(3) - 1;
	default:
		return size;
	}
}

static int make_elf(void)
{
	struct kit_elf elf = kit_elf_default();

	elf.head.e_phnum = (uint16_t)(1 + below(KIT_SEGMENTS));
	for (unsigned i = 2; i < KIT_SEGMENTS; i++) {
		elf.segments[i] = elf.segments[below(2)];
		elf.segments[i].p_paddr = KIT_KERNEL + 0x10000 * i;
	}
	for (uint64_t n = below(4); n > 0; n--) {
		if (below(3) == 0)
			spoil(&elf.head, elf_head, COUNT(elf_head));
		else
			spoil(&elf.segments[below(KIT_SEGMENTS)], elf_segment, COUNT(elf_segment));
	}
	elf.file_size = file_size(elf.file_size);
	return kit_elf_file(&elf);
}

static int make_bzimage(void)
{
	struct kit_bzimage bz = kit_bzimage_default();

	for (uint64_t n = below(4); n > 0; n--)
		spoil(&bz.header, bz_header, COUNT(bz_header));
	bz.file_size = file_size(bz.file_size);
	return kit_bzimage_file(&bz);
}

/* Bytes anywhere, so that no structure is spared. */
static void scatter(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);

	for (uint64_t n = below(4); n > 0 && size > 0; n--) {
		uint8_t byte = (uint8_t)chance();
		off_t at = (off_t)below((uint64_t)size < 1024 ? (uint64_t)size : 1024);

		if (pwrite(fd, &byte, 1, at) != 1)
			abort();
	}
}

static int make_initrd(uint64_t *size)
{
	static const uint64_t sizes[] = {
	    0, 1, 4095, 4096, 4097, 8 << 20, 15 << 20, RAM, 1ull << 40};
	int fd = memfd_create("initrd", MFD_CLOEXEC);

	*size = sizes[below(COUNT(sizes))] + below(2);
	if (ftruncate(fd, (off_t)*size) != 0)
		abort();
	return fd;
}

static const char *make_cmdline(void)
{
	static char words[40000];
	static const uint64_t lengths[] = {0, 10, 2047, 2048, 24575, 24576, sizeof(words) - 1};
	uint64_t len = lengths[below(COUNT(lengths))];

	memset(words, 'a', len);
	words[len] = '\0';
	if (len > 0 && below(4) == 0)
		words[below(len)] = (char)chance();
	return words;
}

/* ---------------------------------------------------------------- verdict */

static void wrong(const char *what)
{
	fprintf(stderr, "round %llu of VOLT_FUZZ_SEED=%llu: %s\nlast message: %s\n",
	    (unsigned long long)round_number, (unsigned long long)seed, what, kit_message);
	abort();
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static void check_tables(void)
{
	static const char *const names[] = {"XSDT", "FACP", "APIC", "DSDT"};

	kit.rsdp = kit_params(&kit)->acpi_rsdp_addr;
	for (size_t i = 0; i < COUNT(names); i++) {
		const uint8_t *t = kit_table(&kit, names[i]);

		if (t == NULL || kit_sum(t, kit_number(t + 4, 4)) != 0)
			wrong("a table is damaged");
	}
	const uint64_t pml4 = kit_number(kit.memory.host + kit.entry.cr3, 8);
	if (pml4 != (LAYOUT_PAGE_TABLES + 0x1003))
		wrong("the page tables are damaged");
	if (kit_number(kit.memory.host + kit.entry.gdt_base + 0x10, 8) != 0x00af9b000000ffff)
		wrong("the GDT is damaged");
}

static void check_initrd(uint64_t size)
{
	const struct setup_header *h = &kit_params(&kit)->hdr;

	if (h->ramdisk_size != size)
		wrong("the initrd's size is another");
	if (size == 0)
		return;
	if (h->ramdisk_image % 4096 != 0 || h->ramdisk_image < LAYOUT_KERNEL_MIN)
		wrong("the initrd lies in the wrong place");
	if (memory_at(&kit.memory, h->ramdisk_image, size) == NULL)
		wrong("the initrd leaves RAM");
	if (kit.entry.rip >= h->ramdisk_image && kit.entry.rip - h->ramdisk_image < size)
		wrong("the initrd lies over the entry");
	if (h->initrd_addr_max != 0 && h->ramdisk_image + size - 1 > h->initrd_addr_max)
		wrong("the initrd passes initrd_addr_max");
	if (h->init_size != 0 && overlap(h->ramdisk_image, size, h->code32_start, h->init_size))
		wrong("the initrd lies over the kernel");
}

static void check_guest(const char *cmdline, uint64_t initrd_size)
{
	if (kit_errors != 0)
		wrong("accepted with an error line");
	if (memory_at(&kit.memory, kit.entry.rip, 1) == NULL)
		wrong("the entry is outside RAM");
	if (kit.entry.rip < LAYOUT_CMDLINE_END)
		wrong("the entry lies in volt's own memory");
	if (strcmp((const char *)kit.memory.host + LAYOUT_CMDLINE, cmdline) != 0)
		wrong("the command line is another");
	if (kit_params(&kit)->e820_entries != 4 || kit_params(&kit)->hdr.setup_data != 0)
		wrong("boot_params are damaged");
	check_tables();
	check_initrd(initrd_size);
}

static bool play_round(void)
{
	uint64_t initrd_size = 0;
	int initrd_fd = -1;

	random_state = (seed ^ round_number * 0x9e3779b97f4a7c15ull) | 1;
	for (unsigned i = 0; i < 4; i++)
		chance();
	kit_errors = 0;
	kit_message[0] = '\0';
	kit.firmware.legacy_pic = below(2) != 0;
	kit.firmware.cpus = 1 + (uint32_t)below(64);
	int kernel_fd = below(2) != 0 ? make_elf() : make_bzimage();
	if (below(4) == 0)
		scatter(kernel_fd);
	if (below(2) == 0)
		initrd_fd = make_initrd(&initrd_size);
	const char *cmdline = below(3) != 0 ? "quiet" : make_cmdline();
	int err = kit_boot(&kit, kernel_fd, initrd_fd, cmdline);
	if (err > 0 || (err < 0 && kit_errors != 1))
		wrong("refused without exactly one line");
	if (err < 0 && (kit_message[0] == '\0' || strlen(kit_message) > 500))
		wrong("refused without a fitting line");
	if (err == 0)
		check_guest(cmdline, initrd_size);
	return err == 0;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int main(void)
{
	uint64_t end = now_ms() + 1000 * from_environment("VOLT_FUZZ_SECONDS", 5);
	uint64_t booted = 0;

	seed = from_environment("VOLT_FUZZ_SEED", now_ms() ^ (uint64_t)getpid() << 32);
	printf("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	kit_init(&kit, RAM);
	for (round_number = 0; round_number == 0 || now_ms() < end; round_number++)
		booted += play_round();
	kit_finish(&kit);
	printf("%llu rounds, %llu guests, %llu refusals\n", (unsigned long long)round_number,
	    (unsigned long long)booted, (unsigned long long)(round_number - booted));
	/* A fuzzer whose inputs are all refused, or none, tests little. */
	return round_number > 100 && (booted == 0 || booted == round_number);
}
