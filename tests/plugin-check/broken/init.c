/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Something that init should not do, or not so: FAULT is one of these. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEV_INIT init
#include "base.h"

static inline void add_another(struct dev *d, uint64_t base, uint64_t len)
{
	struct volt_range r = dev_range(base);

	r.len = len;
	r.name = "more registers";
	d->h->add_range(d->h, &r);
}

#define OVERLAP     add_another(d, 0x202, 4)
#define EMPTY       add_another(d, 0x300, 0)
#define WRAPS       add_another(d, 0xffff, 8)
#define POSITIVE    err = 5
#define SAYS        printf("hello from init\n")
#define FD_LEAK     err = dup(2) < 0
#define MEMORY_LEAK d->memory = malloc(100)
#define HANDLER     signal(SIGUSR2, SIG_IGN)
#define WRITABLE \
	d->memory = mmap( \
	    NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
#define MAPPING d->memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
#define CHILD \
	if (fork() == 0) \
	_exit(0)
#define UNCHECKED_MEMORY memset(d->memory = malloc(100), 1, 100)

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct dev *d = self;
	int err = dev_wire(self, h, a);

	if (err)
		return err;
	FAULT;
	return err;
}
