/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * start.c - entry point of a static PIE with musl, in place of musl's rcrt1.o.
 *
 * A static PIE relocates itself. musl 1.2.3 can do that from a table of DT_RELA only, at 24
 * bytes per pointer; this reads DT_RELR (ELF gABI, "Relative Relocation Table"), which has a
 * bit per pointer.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR   36
#endif
#define TAGS (DT_RELR + 1)

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));

int main(int argc, char **argv);
int __libc_start_main(int (*main)(int, char **), int argc, char **argv, void (*)(void),
    void (*)(void), void (*)(void));
void _start(void);

/* An even word is the address of a pointer; an odd one has a bit for each of the 63 that follow. */
__attribute__((no_stack_protector)) static void relocate_packed(
    uintptr_t base, const uint64_t *word, size_t size)
{
	uint64_t *at = NULL;

	for (const uint64_t *end = word + size / sizeof(*word); word < end; word++) {
		if ((*word & 1) == 0) {
			at = (uint64_t *)(base + *word);
			*at++ += base;
			continue;
		}
		for (unsigned i = 0; i < 63; i++)
			if ((*word >> (i + 1) & 1) != 0)
				at[i] += base;
		at += 63;
	}
}

/* What the packed table cannot hold: pointers at odd addresses. */
__attribute__((no_stack_protector)) static void relocate_plain(
    uintptr_t base, const Elf64_Rela *rela, size_t size)
{
	for (const Elf64_Rela *end = rela + size / sizeof(*rela); rela < end; rela++) {
		if (ELF64_R_TYPE(rela->r_info) != R_X86_64_RELATIVE)
			__builtin_trap();
		*(uint64_t *)(base + rela->r_offset) = base + (uint64_t)rela->r_addend;
	}
}

/* There is no stack protector yet: its value lies in thread-local storage, which musl sets up. */
__attribute__((noreturn, used, no_stack_protector)) static void start_relocated(uintptr_t *stack)
{
	const uintptr_t base = (uintptr_t)&__ehdr_start;
	uint64_t tags[TAGS];

	for (unsigned i = 0; i < TAGS; i++)
		*(volatile uint64_t *)&tags[i] = 0; /* not by memset */
	for (const Elf64_Dyn *d = _DYNAMIC; d->d_tag != DT_NULL; d++)
		if (d->d_tag > 0 && d->d_tag < TAGS)
			tags[d->d_tag] = d->d_un.d_val;
	relocate_packed(base, (const uint64_t *)(base + tags[DT_RELR]), tags[DT_RELRSZ]);
	relocate_plain(base, (const Elf64_Rela *)(base + tags[DT_RELA]), tags[DT_RELASZ]);
	__libc_start_main(main, (int)stack[0], (char **)(stack + 1), NULL, NULL, NULL);
	__builtin_trap();
}

__attribute__((naked, noreturn, used)) void _start(void)
{
	__asm__("xor %ebp, %ebp\n\t"
		"mov %rsp, %rdi\n\t"
		"and $-16, %rsp\n\t"
		"call start_relocated");
}
