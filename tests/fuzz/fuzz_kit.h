/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_kit - chance, edges and rounds for the fuzzers of boot protocols.
 *
 * Each round takes a valid file, corrupts some of its fields with values that sit on an
 * edge, and boots it. Whatever comes, one of two things must happen: a refusal with one
 * line, or a guest whose memory holds what was asked for, in which nothing of it lies
 * over anything else. Sanitizers and the guard pages around guest memory watch the rest.
 *
 *   VOLT_FUZZ_SECONDS  how long (5)
 *   VOLT_FUZZ_ROUNDS   how many rounds, however long they take
 *   VOLT_FUZZ_SEED     replays: round n of a seed is always the same
 */
#ifndef TESTS_FUZZ_FUZZ_KIT_H
#define TESTS_FUZZ_FUZZ_KIT_H

#include <stddef.h>

#include "tests/unit/boot_kit.h"

#define FUZZ_RAM (24ull << 20)

/* The guest that every round boots anew. */
extern struct kit fuzz_vm;

uint64_t fuzz_below(uint64_t n);
/* A value that somebody may have forgotten, or one close to it. */
uint64_t fuzz_edge(uint64_t now);

struct fuzz_field {
	uint16_t offset;
	uint8_t size;
};

#define FUZZ_FIELD(type, member) \
	{ \
		offsetof(type, member), sizeof(((type *)0)->member) \
	}
#define FUZZ_COUNT(a) (sizeof(a) / sizeof((a)[0]))

void fuzz_corrupt(void *base, const struct fuzz_field *fields, size_t count);
/* Bytes within the first `len` of a file, so that no structure is spared. */
void fuzz_scatter(int fd, uint64_t len);
/* Often `size`, else less, or one more or less. */
uint64_t fuzz_size(uint64_t size);
/* An initrd or a module, perhaps empty or too large. */
int fuzz_module(uint64_t *size);
/* A text for a kernel, perhaps too long or not printable. */
const char *fuzz_words(char *room, size_t size);

/* kit_boot(), which must go well without a line or be refused with one. */
int fuzz_boot(int kernel_fd, int initrd_fd, const char *cmdline);
/* What every accepted guest must keep: its entry, tables, GDT and command line. */
void fuzz_check_guest(const char *cmdline, uint64_t rsdp);
/* A module lies page aligned in RAM above 1 MiB, away from the entry. */
void fuzz_check_module(uint64_t start, uint64_t size);
bool fuzz_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len);

_Noreturn void fuzz_wrong(const char *what);

/* Plays rounds; `play` tells if the guest was accepted. What main() must return. */
int fuzz_main(bool (*play)(void));

#endif
