/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_driver - a hostile virtio driver: acts whose arguments are the bytes of a fuzzer's
 * input. A fuzzer of a device adds acts of its own and checks what must hold afterwards.
 */
#ifndef SDK_FUZZ_DRIVER_H
#define SDK_FUZZ_DRIVER_H

#include <volt/fake_driver.h>

struct fuzz_driver {
	const uint8_t *at, *end; /* what is left of the input */
	struct fake_driver *driver;
	struct fake_host *host;
	uint64_t ram, ram_size; /* guest memory */
	unsigned queues;
};

/* The next number of the input, of so many bytes; 0 behind its end. */
uint64_t fuzz_next(struct fuzz_driver *z, unsigned bytes);
unsigned fuzz_queue(struct fuzz_driver *z);
/* A part of a ring, any of the memory, or no memory at all. */
uint64_t fuzz_address(struct fuzz_driver *z);
/* A descriptor of a ring gets any address, length, flags and next. */
void fuzz_act_descriptor(struct fuzz_driver *z);
/* The available ring's index says that there are some chains more; returns the queue. */
unsigned fuzz_act_show(struct fuzz_driver *z);
/* A byte of memory changes. */
void fuzz_act_memory(struct fuzz_driver *z);
/* A register, or a byte of the configuration space, is written and read. */
void fuzz_act_register(struct fuzz_driver *z);
/* The device is saved and loaded, with some bytes changed between: it refuses, or goes on. */
void fuzz_act_state(struct fuzz_driver *z);

#endif
