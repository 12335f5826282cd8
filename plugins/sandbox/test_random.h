/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_random - policies by chance, and system calls near what they allow.
 */
#ifndef SANDBOX_TEST_RANDOM_H
#define SANDBOX_TEST_RANDOM_H

#include <linux/seccomp.h>

#include "layers.h"

/* From the environment's VOLT_FUZZ_SEED or the clock; prints it. */
void random_start(void);
uint64_t random_draw(uint64_t below);
/* Of a call that random_rule() may name. */
int random_call_number(const char *name);
struct volt_thread random_thread(const struct volt_rule *rules, uint32_t count);
void random_rule(struct volt_rule *r);
/* Arguments that hold for a random rule of the thread, some of them then moved. */
void random_aim(const struct volt_thread *t, struct seccomp_data *d);

#endif
