/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tests/fuzz/fuzz_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/boot/layout.h"

struct kit fuzz_vm;
static uint64_t seed, round_number, random_state;

/* xorshift64* (Vigna 2014). */
static uint64_t chance(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

uint64_t fuzz_below(uint64_t n)
{
	return chance() % n;
}

uint64_t fuzz_edge(uint64_t now)
{
	static const uint64_t edges[] = {0, 1, 0x200, 0x1000, 0x2000, LAYOUT_GDT, LAYOUT_PARAMS,
	    LAYOUT_CMDLINE_END, LAYOUT_MP_TABLE, LAYOUT_ACPI, LAYOUT_KERNEL_MIN, KIT_KERNEL,
	    FUZZ_RAM, MEMORY_HOLE_START, MEMORY_HIGH_START, 0x7fffffff, 0x80000000, UINT32_MAX,
	    INT64_MAX, 1ull << 63, UINT64_MAX};

	switch (fuzz_below(5)) {
	case 0:
		return edges[fuzz_below(FUZZ_COUNT(edges))];
	case 1:
		return edges[fuzz_below(FUZZ_COUNT(edges))] + fuzz_below(3) - 1;
	case 2:
		return now + fuzz_below(3) - 1;
	case 3:
		return now ^ 1ull << fuzz_below(64);
	default:
		return chance() >> fuzz_below(64);
	}
}

void fuzz_corrupt(void *base, const struct fuzz_field *fields, size_t count)
{
	const struct fuzz_field *f = &fields[fuzz_below(count)];
	uint64_t value = 0;

	memcpy(&value, (uint8_t *)base + f->offset, f->size);
	value = fuzz_edge(value);
	memcpy((uint8_t *)base + f->offset, &value, f->size);
}

void fuzz_scatter(int fd, uint64_t len)
{
	uint64_t size = (uint64_t)lseek(fd, 0, SEEK_END);

	for (uint64_t n = fuzz_below(4); n > 0 && size > 0; n--) {
		uint8_t byte = (uint8_t)chance();

		kit_patch(fd, fuzz_below(size < len ? size : len), &byte, 1);
	}
}

/* Sizes stay small enough to write quickly; the checks see larger ones in the fields. */
uint64_t fuzz_size(uint64_t size)
{
	switch (fuzz_below(8)) {
	case 0:
		return fuzz_below(size + 1);
	case 1:
		return size + fuzz_below(3) - 1;
	default:
		return size;
	}
}

int fuzz_module(uint64_t *size)
{
	static const uint64_t sizes[] = {
	    0, 1, 4095, 4096, 4097, 8 << 20, 15 << 20, FUZZ_RAM, 1ull << 40};
	/* Many sizes of a page and some of megabytes, which take a thousand times as long. */
	uint64_t choices = fuzz_below(64) == 0 ? FUZZ_COUNT(sizes) : 5;
	int fd = memfd_create("module", MFD_CLOEXEC);

	*size = sizes[fuzz_below(choices)] + fuzz_below(2);
	if (ftruncate(fd, (off_t)*size) != 0)
		abort();
	return fd;
}

const char *fuzz_words(char *room, size_t size)
{
	const uint64_t lengths[] = {0, 10, 2047, 2048, 24575, 24576, 39999};
	uint64_t len = lengths[fuzz_below(FUZZ_COUNT(lengths))];

	if (len >= size)
		len = size - 1;
	memset(room, 'a', len);
	room[len] = '\0';
	if (len > 0 && fuzz_below(4) == 0)
		room[fuzz_below(len)] = (char)chance();
	return room;
}

/* ---------------------------------------------------------------- verdict */

void fuzz_wrong(const char *what)
{
	fprintf(stderr, "round %llu of VOLT_FUZZ_SEED=%llu: %s\nlast message: %s\n",
	    (unsigned long long)round_number, (unsigned long long)seed, what, kit_message);
	abort();
}

bool fuzz_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

int fuzz_boot(int kernel_fd, int initrd_fd, const char *cmdline)
{
	const int err = kit_boot(&fuzz_vm, kernel_fd, initrd_fd, cmdline);

	if (err > 0 || (err < 0 && kit_errors != 1))
		fuzz_wrong("refused without exactly one line");
	if (err < 0 && (kit_message[0] == '\0' || strlen(kit_message) > 500))
		fuzz_wrong("refused without a fitting line");
	if (err)
		return err;
	if (kit_errors != 0)
		fuzz_wrong("accepted with an error line");
	return 0;
}

static void check_tables(uint64_t rsdp)
{
	static const char *const names[] = {"XSDT", "FACP", "APIC", "DSDT"};

	fuzz_vm.rsdp = rsdp;
	for (size_t i = 0; i < FUZZ_COUNT(names); i++) {
		const uint8_t *t = kit_table(&fuzz_vm, names[i]);

		if (!t || kit_sum(t, kit_number(t + 4, 4)) != 0)
			fuzz_wrong("a table is damaged");
	}
}

void fuzz_check_guest(const char *cmdline, uint64_t rsdp)
{
	const struct boot_entry *entry = &fuzz_vm.entry;
	const uint8_t *host = fuzz_vm.memory.host;
	bool is64 = entry->mode == BOOT_LONG64;

	if (!memory_at(&fuzz_vm.memory, entry->rip, 1))
		fuzz_wrong("the entry is outside RAM");
	/* Without paging and a stack from volt, their place is the kernel's. */
	if (entry->rip < LAYOUT_CMDLINE_END &&
	    (is64 || entry->rip < LAYOUT_STACK || entry->rip >= LAYOUT_CMDLINE))
		fuzz_wrong("the entry lies in volt's own memory");
	if (strcmp((const char *)host + LAYOUT_CMDLINE, cmdline) != 0)
		fuzz_wrong("the command line is another");
	if (kit_number(host + entry->gdt_base + 0x10, 8) !=
	    (is64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff))
		fuzz_wrong("the GDT is damaged");
	if (is64 && kit_number(host + entry->cr3, 8) != LAYOUT_PAGE_TABLES + 0x1003)
		fuzz_wrong("the page tables are damaged");
	check_tables(rsdp);
}

void fuzz_check_module(uint64_t start, uint64_t size)
{
	if (start % 4096 != 0 || start < LAYOUT_KERNEL_MIN)
		fuzz_wrong("a module lies in the wrong place");
	if (size == 0 || !memory_at(&fuzz_vm.memory, start, size))
		fuzz_wrong("a module is empty or leaves RAM");
	if (fuzz_vm.entry.rip >= start && fuzz_vm.entry.rip - start < size)
		fuzz_wrong("a module lies over the entry");
}

/* ----------------------------------------------------------------- rounds */

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Loaders are promised memory that is fresh, and do not look. Its pages cost more than all the rest
 * of a round, so they are renewed now and then only; these are small ones, quicker to touch. */
#define RENEW_ROUNDS 64

static void renew_memory(void)
{
	struct memory *m = &fuzz_vm.memory;

	if (mmap(m->host, m->low_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		fuzz_wrong("guest memory cannot be mapped anew");
}

static bool play_round(bool (*play)(void))
{
	if (round_number % RENEW_ROUNDS == 0)
		renew_memory();
	random_state = (seed ^ round_number * 0x9e3779b97f4a7c15ull) | 1;
	for (unsigned i = 0; i < 4; i++)
		chance();
	kit_errors = 0;
	kit_message[0] = '\0';
	fuzz_vm.choice = BOOT_AUTO;
	fuzz_vm.files = (enum boot_files)fuzz_below(3);
	fuzz_vm.firmware.legacy_pic = fuzz_below(2) != 0;
	fuzz_vm.firmware.cpus = 1 + (uint32_t)fuzz_below(64);
	return play();
}

int fuzz_main(bool (*play)(void))
{
	uint64_t rounds = from_environment("VOLT_FUZZ_ROUNDS", 0), booted = 0;
	uint64_t end = now_ms() + 1000 * from_environment("VOLT_FUZZ_SECONDS", 5);

	seed = from_environment("VOLT_FUZZ_SEED", now_ms() ^ (uint64_t)getpid() << 32);
	printf("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	kit_init(&fuzz_vm, FUZZ_RAM);
	while (rounds != 0 ? round_number < rounds : round_number == 0 || now_ms() < end) {
		booted += play_round(play);
		round_number++;
		if (round_number % 1000000 == 0) {
			printf("%llu rounds\n", (unsigned long long)round_number);
			fflush(stdout);
		}
	}
	kit_finish(&fuzz_vm);
	printf("%llu rounds, %llu guests, %llu refusals\n", (unsigned long long)round_number,
	    (unsigned long long)booted, (unsigned long long)(round_number - booted));
	/* A fuzzer whose inputs are all refused, or none, tests little. */
	return round_number > 100 && (booted == 0 || booted == round_number);
}
