/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * syscalls - what the arguments of system calls mean, as far as rules test them. The check of
 * plugins' needs and the words of `volt explain` come from the same table.
 */
#ifndef CORE_SYSCALLS_H
#define CORE_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

#define SYSCALL_ARGUMENTS 6

enum syscall_argument {
	SYSCALL_OTHER,
	SYSCALL_DESCRIPTOR,
	SYSCALL_COMMAND, /* says what is done to the file: a request, a command, flags */
	SYSCALL_BYTES,
};

/* Of argument `arg`, below SYSCALL_ARGUMENTS. */
enum syscall_argument syscall_argument(const char *syscall, uint8_t arg);
/* Is `name` one of the words between blanks? */
bool syscall_is_among(const char *words, const char *name);

#endif
