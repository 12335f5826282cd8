/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * toy - a small plugin that writes down how it is called, and that a test bends as it
 * likes by copying its descriptor.
 */
#ifndef TOY_H
#define TOY_H

#include <volt/fake_host.h>

enum toy_param { TOY_BASE, TOY_ROM, TOY_CONSOLE, TOY_MONITOR };
enum toy_counter { TOY_READS, TOY_WRITES };

struct toy {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_stream *stream;
	const struct volt_describe *describe;
	uint64_t base;
	int32_t rom_fd;
	uint32_t line, timers[3];
	size_t room; /* given again after every rx; 0: never */
	char calls[512];
};

/* Keeps the host and its extensions; wires nothing. */
int toy_init(void *self, const struct volt_host *h, const struct volt_args *a);
VOLT_PRINTF(2, 3)
void toy_note(struct toy *t, const char *fmt, ...);
/* What was noted since the newest toy_forget(). */
const char *toy_calls(struct fake_host *f);
void toy_forget(struct fake_host *f);

/* The byte at offset o reads as 0x10 + o. Notes "r<off>/<n> " or "w<off>/<n>=<hex> ". */
uint64_t toy_read(void *self, uint64_t off, uint32_t n);
void toy_write(void *self, uint64_t off, uint32_t n, uint64_t val);
struct volt_range toy_range(
    uint8_t space, uint8_t sizes, uint8_t flags, uint64_t base, uint64_t len);

extern const struct volt_plugin toy_plugin;

/* Wires and runs a host for a toy with another init. */
struct fake_host *toy_run(int (*init)(void *, const struct volt_host *, const struct volt_args *));
void toy_stop(struct fake_host *f);

/* Runs `misuse` in a child, which must abort and say `message`. */
void assert_aborts(void (*misuse)(void), const char *message);

#endif
