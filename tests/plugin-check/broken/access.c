/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A handler that does what it must not: FAULT, at a write of an odd value to port 3. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DEV_WRITE write_broken
#include "base.h"

#define OUTSIDE   ((volatile uint8_t *)d)[sizeof(*d) + (val & 7)] = 1
#define TALKS     (void)fprintf(stderr, "%20000d\n", 1), OUTSIDE
#define WILD      *(volatile uint8_t *)(uintptr_t)(val << 3) = 1
#define LOOPS     while (__atomic_load_n(&d->regs[3], __ATOMIC_RELAXED) == (uint8_t)val)
#define ENDS      exit(3)
#define DIES      abort()
#define COUNTS    d->h->counters[0]--
#define FOREIGN   d->h->set_irq(d->h, 3, true)
#define BAD_TIMER d->loop->arm(d->h, 9, 1)
#define UNASKED   d->h->request(d->h, VOLT_REQUEST_EXIT, 300, "too high a code")
#define LATE      d->h->get_ext(d->h, VOLT_EXT_LOOP)
#define CALLS     (void)getppid()
#define OPENS     d->memory = fopen("/dev/null", "r")
#define SLEEPS    nanosleep(&(struct timespec){0, 1000}, NULL)
#define ALLOCATES d->memory = malloc(32), free(d->memory)
#define TICKS     d->regs[2] = (uint8_t)(__builtin_ia32_rdtsc() >> 4)
#define CLOCK     (void)clock_gettime(CLOCK_MONOTONIC, &(struct timespec){0})
#define TIME      (void)time(NULL)
#define ADDRESSES d->regs[2] = (uint8_t)((uintptr_t)d >> 4)

static void write_broken(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct dev *d = self;

	d->regs[off] = (uint8_t)val;
	if (off == 3 && (val & 1))
		FAULT;
}
