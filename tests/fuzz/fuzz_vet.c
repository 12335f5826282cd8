/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_vet - plugins that are nearly right.
 *
 * Each round takes a plugin that the vetting accepts, changes one to four fields of the tables
 * that the loader reads, some at random and some by what they mean, and has the image looked
 * at. Then these must hold:
 *
 *   - nothing outside of the image is read (it lies in memory of exactly its size, for the
 *     sanitizers);
 *   - what is accepted is loaded by the C library, or refused with a line, without dying;
 *   - none of its code runs: each byte of it is a trap;
 *   - it is itself: the descriptor lies in it, and a plugin that is loaded before and one
 *     that is loaded after it are not mistaken for it.
 *
 *   VOLT_FUZZ_SECONDS  how long (5)
 *   VOLT_FUZZ_SEED     replays: round n of a seed is always the same
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/plugin/image.h"
#include "tests/security/vet_kit.h"

#define BASES 64

/* A base with room for tables of many symbols. */
#define ROOM_AT    0x400000u
#define ROOM_FIRST 40000u
#define ROOM_SIZE  (64u + (ROOM_FIRST + 1) * (sizeof(Elf64_Sym) + 2))

/* The plugins to start from; the round's one is `good`. */
static struct base {
	uint8_t *image;
	size_t size;
} bases[BASES];
static unsigned base_count;
static uint8_t *good;
static size_t good_size;
static uint64_t seed, round_number, random_state;
static uint64_t accepted, loaded;

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

static uint64_t edge(uint64_t now)
{
	static const uint64_t edges[] = {0, 1, 2, 3, 4, 8, 16, 24, 56, 64, 0xfff, 0x1000, 0x2000,
	    0x3000, 0x4000, 0xffff, 1ull << 30, 0x7fffffff, 0x80000000, UINT32_MAX, INT64_MAX,
	    1ull << 63, UINT64_MAX - 8, UINT64_MAX};

	switch (below(6)) {
	case 0:
		return edges[below(sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return now + below(33) - 16;
	case 2:
		return now ^ 1ull << below(64);
	case 3:
		return below(good_size);
	case 4:
		return below(64);
	}
	return chance();
}

/* A table of the image: where it starts and how long it is. */
struct table {
	uint64_t offset, len;
};

static uint64_t offset_of(const void *at)
{
	return (uint64_t)((const uint8_t *)at - good);
}

static uint64_t has_tag(int64_t tag)
{
	const Elf64_Phdr *p = kit_phdr(good, PT_DYNAMIC);
	const Elf64_Dyn *d = (const Elf64_Dyn *)(const void *)(good + p->p_offset);

	for (uint64_t i = 0; i < p->p_filesz / sizeof(*d); i++)
		if (d[i].d_tag == tag)
			return true;
	return false;
}

/* The whole table if `size` says how long it is, or its first `len` bytes. */
static struct table dynamic_table(int64_t tag, uint64_t len, int64_t size)
{
	if (!has_tag(tag))
		return (struct table){kit_phdr(good, PT_DYNAMIC)->p_offset, 64};
	if (size)
		len = kit_dyn(good, size)->d_un.d_val;
	return (struct table){offset_of(kit_mapped(good, kit_dyn(good, tag)->d_un.d_ptr)), len};
}

static struct table pick_table(void)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)good;

	switch (below(11)) {
	case 0:
		return (struct table){0, sizeof(*h)};
	case 1:
		return (struct table){h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr)};
	case 2:
		return (struct table){
		    kit_phdr(good, PT_NOTE)->p_offset, kit_phdr(good, PT_NOTE)->p_filesz};
	case 3:
		return dynamic_table(DT_GNU_HASH, 48, 0);
	case 4:
		return dynamic_table(DT_SYMTAB, 3 * sizeof(Elf64_Sym), 0);
	case 5:
		return dynamic_table(DT_VERNEED, 64, 0);
	case 6:
		return dynamic_table(DT_VERSYM, 8, 0);
	case 7:
		return dynamic_table(DT_RELA, 0, DT_RELASZ);
	case 8:
		return dynamic_table(DT_STRTAB, 0, DT_STRSZ);
	case 9:
		return dynamic_table(DT_JMPREL, 0, DT_PLTRELSZ);
	}
	return (struct table){
	    kit_phdr(good, PT_DYNAMIC)->p_offset, kit_phdr(good, PT_DYNAMIC)->p_filesz};
}

/* ------------------------------------------------- fields, by what they mean */

static Elf64_Phdr *any_phdr(uint8_t *image)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)good; /* image's may be corrupted */

	return (Elf64_Phdr *)(void *)(image + h->e_phoff) + below(h->e_phnum);
}

static void change_phdr(uint8_t *image)
{
	static const uint32_t types[] = {PT_NULL, PT_LOAD, PT_DYNAMIC, PT_NOTE, PT_PHDR, PT_TLS,
	    PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY};
	Elf64_Phdr *p = any_phdr(image);
	const Elf64_Phdr *other = any_phdr(image);
	uint64_t by;

	switch (below(6)) {
	case 0:
		p->p_type = types[below(sizeof(types) / sizeof(types[0]))];
		return;
	case 1:
		p->p_flags = (uint32_t)below(8);
		return;
	case 2:
		p->p_align = 1ull << below(24);
		return;
	case 3:
		by = below(64) * 8;
		p->p_vaddr = other->p_vaddr + by;
		p->p_offset = other->p_offset + by;
		return;
	case 4:
		p->p_filesz = p->p_memsz = below(2) ? other->p_filesz : below(4096);
		return;
	}
	p->p_memsz = p->p_filesz + below(0x8000);
}

static void change_dynamic(uint8_t *image)
{
	static const int64_t tags[] = {DT_NULL, DT_NEEDED, DT_HASH, DT_SYMBOLIC, DT_SONAME,
	    DT_RELACOUNT, DT_PLTGOT, DT_FLAGS, DT_FLAGS_1, DT_BIND_NOW, DT_INIT, DT_FINI,
	    DT_INIT_ARRAY, DT_PREINIT_ARRAY, DT_DEBUG, DT_TEXTREL, DT_VERNEEDNUM, DT_JMPREL};
	const Elf64_Phdr *p = kit_phdr(good, PT_DYNAMIC);
	Elf64_Dyn *d = (Elf64_Dyn *)(void *)(image + p->p_offset);
	uint64_t count = p->p_filesz / sizeof(*d);
	Elf64_Dyn *one = &d[below(count)];

	if (below(2))
		one->d_tag = tags[below(sizeof(tags) / sizeof(tags[0]))];
	else
		one->d_un.d_val = d[below(count)].d_un.d_val + below(4) * 8;
}

/* A symbol, 0 among them, of any type and binding, as any address of the image. */
static void change_symbol(uint8_t *image)
{
	static const uint8_t types[] = {
	    STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_TLS, STT_GNU_IFUNC, STT_SECTION};
	static const uint8_t bindings[] = {STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE};
	uint64_t at = offset_of(kit_mapped(good, kit_dyn(good, DT_SYMTAB)->d_un.d_ptr));
	Elf64_Sym *s = (Elf64_Sym *)(void *)(image + at) + below(4);

	if (below(4))
		s->st_info = (uint8_t)ELF64_ST_INFO(bindings[below(4)], types[below(6)]);
	if (below(2))
		s->st_value = any_phdr(image)->p_vaddr + below(16) * 8;
	if (below(2))
		s->st_shndx = (uint16_t)below(16);
	if (below(4) == 0)
		s->st_other = (uint8_t)below(4);
}

static void change_relocation(uint8_t *image)
{
	static const uint32_t types[] = {R_X86_64_NONE, R_X86_64_64, R_X86_64_COPY,
	    R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT, R_X86_64_RELATIVE, R_X86_64_DTPMOD64,
	    R_X86_64_TPOFF64, R_X86_64_TLSDESC, R_X86_64_IRELATIVE};
	uint64_t at, count;
	Elf64_Rela *r, *other;

	if (!has_tag(DT_RELA))
		return;
	at = offset_of(kit_mapped(good, kit_dyn(good, DT_RELA)->d_un.d_ptr));
	count = kit_dyn(good, DT_RELASZ)->d_un.d_val / sizeof(*r);
	r = (Elf64_Rela *)(void *)(image + at) + below(count);
	other = (Elf64_Rela *)(void *)(image + at) + below(count);
	if (below(2))
		r->r_info = ELF64_R_INFO(below(5), types[below(sizeof(types) / sizeof(types[0]))]);
	if (below(2))
		r->r_offset = other->r_offset + below(3) * 4;
	if (below(2))
		r->r_addend = (int64_t)(any_phdr(image)->p_vaddr + below(16) * 8);
}

/* A name for another object, or for another symbol, where the strings have room. */
static void change_string(uint8_t *image)
{
	static const char *const names[] = {"/proc/self/fd/4", "/proc/self/fd/5", "libm.so.6",
	    "volt_plugin", "libc.so.6", "x.so", "memcpy"};
	uint64_t at = offset_of(kit_mapped(good, kit_dyn(good, DT_STRTAB)->d_un.d_ptr));
	uint64_t size = kit_dyn(good, DT_STRSZ)->d_un.d_val;
	const char *name = names[below(sizeof(names) / sizeof(names[0]))];

	if (strlen(name) + 2 < size)
		strcpy((char *)image + at + 1 + below(size - strlen(name) - 2), name);
}

/* -------------------------------------------- several fields that fit together */

/* The entry of the good plugin, in this image. */
static Elf64_Dyn *dynamic_entry(uint8_t *image, int64_t tag)
{
	return (Elf64_Dyn *)(void *)(image + offset_of(kit_dyn(good, tag)));
}

static const Elf64_Phdr *code_segment(void)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)good;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(const void *)(good + h->e_phoff);

	while (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
		p++;
	return p;
}

/* A symbol that its own code resolves, and a relocation that asks for it. */
static void plant_ifunc(uint8_t *image)
{
	uint64_t at = offset_of(kit_mapped(good, kit_dyn(good, DT_SYMTAB)->d_un.d_ptr));
	uint64_t count = kit_dyn(good, DT_RELASZ)->d_un.d_val / sizeof(Elf64_Rela);
	uint64_t relative = has_tag(DT_RELACOUNT) ? kit_dyn(good, DT_RELACOUNT)->d_un.d_val : 0;
	uint32_t symbol = (uint32_t)below(3);
	Elf64_Sym *s = (Elf64_Sym *)(void *)(image + at) + symbol;
	Elf64_Rela *r;

	at = offset_of(kit_mapped(good, kit_dyn(good, DT_RELA)->d_un.d_ptr));
	r = (Elf64_Rela *)(void *)(image + at) + count - 1;
	if (relative == count)
		dynamic_entry(image, DT_RELACOUNT)->d_un.d_val = count - 1;
	r->r_info = ELF64_R_INFO(symbol, below(2) ? R_X86_64_64 : R_X86_64_GLOB_DAT);
	s->st_info = (uint8_t)ELF64_ST_INFO(below(3), STT_GNU_IFUNC);
	s->st_shndx = 1;
	s->st_value = code_segment()->p_vaddr + below(4) * 16;
}

static void plant_export(uint8_t *image)
{
	static const uint8_t bindings[] = {STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE, STB_HIOS};
	Elf64_Sym *s = (Elf64_Sym *)(void *)(image + offset_of(kit_symbol(good, "volt_plugin")));

	s->st_info = (uint8_t)ELF64_ST_INFO(bindings[below(4)], STT_OBJECT);
	s->st_other = (uint8_t)(below(2) ? below(4) : 0);
}

/* A soname, in a copy of the strings that takes the place of code. */
static void plant_soname(uint8_t *image)
{
	static const char *const names[] = {"/proc/self/fd/4", "/proc/self/fd/5", "/proc/self/fd/6",
	    "libm.so.6", "libgcc_s.so.1", "x.so"};
	const char *name = names[below(sizeof(names) / sizeof(names[0]))];
	uint64_t size = kit_dyn(good, DT_STRSZ)->d_un.d_val;
	const Elf64_Phdr *code = code_segment();
	Elf64_Dyn *d = dynamic_entry(image, DT_NULL);

	if (size + strlen(name) + 1 > code->p_filesz || has_tag(DT_SONAME))
		return;
	memcpy(
	    image + code->p_offset, kit_mapped(good, kit_dyn(good, DT_STRTAB)->d_un.d_ptr), size);
	strcpy((char *)image + code->p_offset + size, name);
	dynamic_entry(image, DT_STRTAB)->d_un.d_ptr = code->p_vaddr;
	dynamic_entry(image, DT_STRSZ)->d_un.d_val = size + strlen(name) + 1;
	*d = (Elf64_Dyn){.d_tag = DT_SONAME, .d_un.d_val = size};
}

/* The room at the end of the image that add_base() made, or NULL. */
static const Elf64_Phdr *room(void)
{
	const Elf64_Phdr *p = kit_phdr(good, PT_LOAD);
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)good;

	for (; (const uint8_t *)p < good + h->e_phoff + h->e_phnum * sizeof(*p); p++)
		if (p->p_type == PT_LOAD && p->p_vaddr == ROOM_AT)
			return p;
	return NULL;
}

static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (uint8_t)*name++;
	return h;
}

/* A table of many symbols of which the last alone is hashed, and buckets that lead anywhere. */
static void plant_hash(uint8_t *image)
{
	const Elf64_Phdr *p = room();
	uint32_t wanted = hash_of("volt_plugin"), own = wanted % 2;
	uint32_t table[] = {2, ROOM_FIRST, 1, 6, UINT32_MAX, UINT32_MAX, 0, 0, wanted | 1};
	Elf64_Sym *symbols;

	if (!p)
		return;
	table[6 + !own] = ROOM_FIRST;
	table[6 + own] = below(2) ? ROOM_FIRST : (uint32_t)below(ROOM_FIRST + 2);
	memcpy(image + p->p_offset, table, sizeof(table));
	symbols = (Elf64_Sym *)(void *)(image + p->p_offset + 64);
	symbols[ROOM_FIRST] = *kit_symbol(good, "volt_plugin");
	memcpy(
	    symbols, kit_mapped(good, kit_dyn(good, DT_SYMTAB)->d_un.d_ptr), 2 * sizeof(*symbols));
	dynamic_entry(image, DT_GNU_HASH)->d_un.d_ptr = ROOM_AT;
	dynamic_entry(image, DT_SYMTAB)->d_un.d_ptr = ROOM_AT + 64;
	dynamic_entry(image, DT_VERSYM)->d_un.d_ptr =
	    ROOM_AT + 64 + (ROOM_FIRST + 1) * sizeof(*symbols);
}

static void change_field(uint8_t *image)
{
	static void (*const how[])(uint8_t * image) = {change_phdr, change_dynamic, change_symbol,
	    change_relocation, change_string, plant_ifunc, plant_export, plant_soname, plant_hash};

	how[below(sizeof(how) / sizeof(how[0]))](image);
}

static void corrupt(uint8_t *image)
{
	static const unsigned widths[] = {1, 2, 4, 8, 8};
	struct table t = pick_table();
	unsigned width = widths[below(5)];
	uint64_t at = t.offset + below(t.len / width) * width, value = 0;

	memcpy(&value, image + at, width);
	value = edge(value);
	memcpy(image + at, &value, width);
}

static _Noreturn void find(const char *what, int status)
{
	fprintf(stderr, "fuzz_vet: %s (wait status 0x%x): seed 0x%llx, round %llu\n", what, status,
	    (unsigned long long)seed, (unsigned long long)round_number);
	exit(1);
}

/* Each byte of code becomes a trap: the loader runs none of it, so neither an ifunc's resolver
 * nor a constructor can hide. */
static void trap_code(uint8_t *image)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)image;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(const void *)(image + h->e_phoff);

	for (unsigned i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && p[i].p_flags & PF_X)
			memset(image + p[i].p_offset, 0xcc, p[i].p_filesz);
}

static int keep(const uint8_t *image, size_t size)
{
	int fd = memfd_create("fuzz", 0);

	if (fd < 0 || write(fd, image, size) != (ssize_t)size)
		_exit(3);
	return fd;
}

/* The one that the linker made, loaded beside: it must be found, and be another object. */
static const struct volt_plugin *load_good(void)
{
	struct vet_result r;
	char why[256];

	if (vet_image(good, good_size, &r, why, sizeof(why)) != 0)
		_exit(3);
	r.image_fd = keep(good, good_size);
	return image_load(&r, why, sizeof(why));
}

/* 0: loaded, and itself; 2: the loader refused it by a line. */
static _Noreturn void load_and_leave(const uint8_t *image, size_t size, struct vet_result r)
{
	const struct volt_plugin *before, *it, *again, *after;
	char why[256] = "";

	alarm(20);
	before = load_good();
	r.image_fd = keep(image, size);
	it = image_load(&r, why, sizeof(why));
	r.image_fd = keep(image, size);
	again = image_load(&r, why, sizeof(why));
	after = load_good();
	if (!before || !after || (it && it == again) || !it != !again || before == after ||
	    it == before || it == after)
		_exit(4);
	if (strstr(why, "another object"))
		_exit(5);
	_exit(it ? 0 : 2);
}

static void load_in_child(const uint8_t *image, size_t size, const struct vet_result *r)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		find("cannot fork", 0);
	if (pid == 0)
		load_and_leave(image, size, *r);
	if (waitpid(pid, &status, 0) != pid)
		find("cannot wait", 0);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 2))
		find("an accepted image killed its loader", status);
	loaded += WEXITSTATUS(status) == 0;
}

static void run_round(void)
{
	struct base *b = &bases[below(base_count)];
	size_t size = below(20) ? b->size : 1 + below(b->size);
	uint8_t *image = malloc(size), *whole = malloc(b->size);
	struct vet_result r;
	char why[200];

	good = b->image;
	good_size = b->size;
	if (!image || !whole)
		find("no memory", 0);
	memcpy(whole, good, good_size);
	for (uint64_t n = 1 + below(4); n > 0; n--) {
		if (below(2))
			corrupt(whole);
		else
			change_field(whole);
	}
	memcpy(image, whole, size);
	if (vet_image(image, size, &r, why, sizeof(why)) == 0) {
		accepted++;
		load_in_child(image, size, &r);
	}
	free(image);
	free(whole);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A sanitized plugin has constructors: the vetting refuses it, and it is left out. */
static void add_base(const char *path)
{
	struct base *b = &bases[base_count];
	struct vet_result r;
	char why[200];

	if (base_count == BASES)
		find("too many plugins", 0);
	b->image = kit_read(path, &b->size);
	trap_code(b->image);
	if (vet_image(b->image, b->size, &r, why, sizeof(why)) == 0)
		base_count++;
	else
		free(b->image);
}

/* The good one with a segment more, in place of the header of its unwind table. */
static void add_base_with_room(void)
{
	struct base *b = &bases[base_count];
	uint64_t at = (bases[0].size + 4095) & ~4095ull;
	Elf64_Phdr *p;

	b->size = at + ROOM_SIZE;
	b->image = calloc(1, b->size);
	if (!b->image)
		find("no memory", 0);
	memcpy(b->image, bases[0].image, bases[0].size);
	p = kit_phdr(b->image, PT_GNU_EH_FRAME);
	*p = (Elf64_Phdr){.p_type = PT_LOAD,
	    .p_flags = PF_R,
	    .p_offset = at,
	    .p_vaddr = ROOM_AT,
	    .p_paddr = ROOM_AT,
	    .p_filesz = ROOM_SIZE,
	    .p_memsz = ROOM_SIZE,
	    .p_align = 4096};
	base_count++;
}

int main(int argc, char **argv)
{
	const char *for_seconds = getenv("VOLT_FUZZ_SECONDS"), *from = getenv("VOLT_FUZZ_SEED");
	double end = seconds() + (for_seconds ? strtod(for_seconds, NULL) : 5);

	if (argc > 1)
		kit_dir = argv[1];
	add_base(kit_path("good"));
	add_base_with_room();
	for (int i = 2; i < argc; i++)
		add_base(argv[i]);
	seed = from ? strtoull(from, NULL, 0) : (uint64_t)time(NULL);
	printf("fuzz_vet: seed 0x%llx\n", (unsigned long long)seed);
	for (; seconds() < end; round_number++) {
		random_state = (seed + round_number) * 0x9e3779b97f4a7c15ull | 1;
		run_round();
	}
	printf("fuzz_vet: %u plugins, %llu rounds, %llu images accepted, %llu of them loaded\n",
	    base_count, (unsigned long long)round_number, (unsigned long long)accepted,
	    (unsigned long long)loaded);
	for (unsigned i = 0; i < base_count; i++)
		free(bases[i].image);
	return 0;
}
