/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_vet - plugins that are nearly right.
 *
 * Each round takes a good plugin, spoils one to four fields of the tables that the
 * loader reads and has the image looked at. Two things must hold: nothing outside of
 * the image is read (it lies in memory of exactly its size, for the sanitizers), and
 * what is accepted is loaded or refused by the C library, without dying. The good plugin
 * has no start code, so whatever runs at load time would be the fuzzer's find.
 *
 *   VOLT_FUZZ_SECONDS  how long (5)
 *   VOLT_FUZZ_SEED     replays: round n of a seed is always the same
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/plugin/vet.h"
#include "tests/security/vet_kit.h"

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

static struct table dynamic_table(int64_t tag, uint64_t len)
{
	return (struct table){offset_of(kit_mapped(good, kit_dyn(good, tag)->d_un.d_ptr)), len};
}

static struct table pick_table(void)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)good;

	switch (below(9)) {
	case 0:
		return (struct table){0, sizeof(*h)};
	case 1:
		return (struct table){h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr)};
	case 2:
		return (struct table){
		    kit_phdr(good, PT_NOTE)->p_offset, kit_phdr(good, PT_NOTE)->p_filesz};
	case 3:
		return dynamic_table(DT_GNU_HASH, 48);
	case 4:
		return dynamic_table(DT_SYMTAB, 4 * sizeof(Elf64_Sym));
	case 5:
		return dynamic_table(DT_VERNEED, 64);
	case 6:
		return dynamic_table(DT_VERSYM, 8);
	case 7:
		return dynamic_table(DT_RELA, 6 * sizeof(Elf64_Rela));
	}
	return (struct table){
	    kit_phdr(good, PT_DYNAMIC)->p_offset, kit_phdr(good, PT_DYNAMIC)->p_filesz};
}

static void spoil(uint8_t *image)
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

static _Noreturn void load_and_leave(const uint8_t *image, size_t size)
{
	int fd = memfd_create("fuzz", 0);
	char path[64];
	void *handle;

	alarm(20);
	if (fd < 0 || write(fd, image, size) != (ssize_t)size)
		_exit(3);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	_exit(handle != NULL && dlsym(handle, "volt_plugin") != NULL ? 0 : 2);
}

static void load_in_child(const uint8_t *image, size_t size)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		find("cannot fork", 0);
	if (pid == 0)
		load_and_leave(image, size);
	if (waitpid(pid, &status, 0) != pid)
		find("cannot wait", 0);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 2))
		find("an accepted image killed its loader", status);
	loaded += WEXITSTATUS(status) == 0;
}

static void run_round(void)
{
	size_t size = below(20) ? good_size : 1 + below(good_size);
	uint8_t *image = malloc(size), *whole = malloc(good_size);
	struct vet_result r;
	char why[200];

	if (image == NULL || whole == NULL)
		find("no memory", 0);
	memcpy(whole, good, good_size);
	for (uint64_t n = 1 + below(4); n > 0; n--)
		spoil(whole);
	memcpy(image, whole, size);
	if (vet_image(image, size, &r, why, sizeof(why)) == 0) {
		accepted++;
		load_in_child(image, size);
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

int main(int argc, char **argv)
{
	const char *for_seconds = getenv("VOLT_FUZZ_SECONDS"), *from = getenv("VOLT_FUZZ_SEED");
	double end = seconds() + (for_seconds ? strtod(for_seconds, NULL) : 5);

	if (argc > 1)
		kit_dir = argv[1];
	good = kit_read(kit_path("good"), &good_size);
	seed = from ? strtoull(from, NULL, 0) : (uint64_t)time(NULL);
	printf("fuzz_vet: seed 0x%llx\n", (unsigned long long)seed);
	for (; seconds() < end; round_number++) {
		random_state = (seed + round_number) * 0x9e3779b97f4a7c15ull | 1;
		run_round();
	}
	printf("fuzz_vet: %llu rounds, %llu images accepted, %llu of them loaded\n",
	    (unsigned long long)round_number, (unsigned long long)accepted,
	    (unsigned long long)loaded);
	free(good);
	return 0;
}
