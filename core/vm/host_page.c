/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/host_page.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "core/vm/host_caller.h"
#include "core/vm/vm.h"

/* All at once, so that a VM has one mapping more and not eight. */
static int make_room(struct pages *p)
{
	const size_t size = (size_t)PAGES_MAX * VOLT_PAGE_SIZE;

	if (p->host)
		return 0;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	madvise(at, size, MADV_DONTFORK); /* the helper must not hold the VM */
	madvise(at, size, MADV_DONTDUMP);
	p->host = at;
	return 0;
}

/* A range without handlers keeps the place free of others, and drops what the guest writes. */
static int host_add_page(const struct volt_host *h, const char *name, uint64_t *gpa, void **at)
{
	struct instance *i = host_calling_instance(h);
	struct pages *p = &i->machine->pages;
	const struct volt_range range = {.size = sizeof(range),
	    .name = name,
	    .space = VOLT_SPACE_MMIO,
	    .sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4 | VOLT_IO_8,
	    .base = VOLT_ANY,
	    .len = VOLT_PAGE_SIZE};

	if (i->machine->sealed)
		return -EPERM;
	if (p->count == PAGES_MAX) {
		snprintf(i->state->reason, sizeof(i->state->reason),
		    "a VM has at most %u pages of devices", PAGES_MAX);
		return -ENOSPC;
	}
	int err = make_room(p);
	if (err)
		return err;
	err = h->place(h, &range, gpa);
	if (err)
		return err;
	*at = p->host + (size_t)p->count * VOLT_PAGE_SIZE;
	p->gpa[p->count++] = *gpa;
	return 0;
}

const struct volt_page host_page = {.size = sizeof(host_page), .add = host_add_page};

int pages_map(const struct pages *p, struct kvm *k)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct memory_region page = {.gpa = p->gpa[i],
		    .len = VOLT_PAGE_SIZE,
		    .host = p->host + (size_t)i * VOLT_PAGE_SIZE,
		    .read_only = true};
		const int err = kvm_map_device(k, i, &page);

		if (err)
			return err;
	}
	return 0;
}
