/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: mmap(2); CPUID leaf 0x80000008: AMD APM volume 3, E.4.7. */
#include "core/vm/host_region.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/vm/host_caller.h"
#include "core/vm/vm.h"

#define PAGE 4096ull

VOLT_PRINTF(3, 4)
static int refuse(struct instance *i, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(i->state->reason, sizeof(i->state->reason), fmt, ap);
	va_end(ap);
	return -err;
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* One past the highest physical address that this CPU can name; a guest's has no more. */
static uint64_t address_end(void)
{
	unsigned eax = 36, ebx, ecx, edx;

	__get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx);
	return 1ull << (eax & 63);
}

static bool is_sound(const struct instance *i, const struct volt_region_want *w)
{
	if (w->size < sizeof(*w) || !w->name || w->reserved || w->len == 0 || w->len > MEMORY_MAX)
		return false;
	if (w->flags == 0 && w->len % VOLT_REGION_ALIGN)
		return false;
	return w->flags <= VOLT_REGION_PRIVATE && host_is_parameter(i, w->fd);
}

/* Above RAM; a range without a read handler keeps the place free of others. */
static int place(struct instance *i, const struct volt_region_want *w, struct memory_region *r)
{
	struct machine *m = i->machine;
	struct memory plan = {0};
	char why[200];

	memory_plan(&plan, m->options->memory);
	r->gpa = bus_find_high(&m->bus, MEMORY_HIGH_START + plan.high_size, address_end(), r->len);
	if (r->gpa == 0)
		return refuse(i, ENOSPC,
		    "no room for %llu MiB between the guest's memory and 0x%llx, where addresses "
		    "end",
		    (unsigned long long)(r->len >> 20), (unsigned long long)address_end());
	const int err = bus_add_range(&m->bus, &i->callee,
	    &(struct volt_range){.size = sizeof(struct volt_range),
		.name = w->name,
		.space = VOLT_SPACE_MMIO,
		.sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4 | VOLT_IO_8,
		.base = r->gpa,
		.len = r->len,
		.write = w->flags == VOLT_REGION_READ_ONLY ? w->refused : NULL},
	    why, sizeof(why));
	return err ? refuse(i, -err, "%s", why) : 0;
}

static int protection(uint32_t flags)
{
	return flags == VOLT_REGION_READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE;
}

/* What of the area is not the region stays inaccessible on either side. */
static uint8_t *reserve(uint64_t len)
{
	const uint64_t whole = len + 2 * VOLT_REGION_ALIGN;
	uint8_t *area =
	    mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	madvise(area, whole, MADV_DONTDUMP);
	return (uint8_t *)round_up((uintptr_t)area + PAGE, VOLT_REGION_ALIGN);
}

static int map(const struct volt_region_want *w, struct memory_region *r)
{
	const int kind = w->flags == VOLT_REGION_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	const uint64_t file = round_up(w->len, PAGE);

	r->host = reserve(r->len);
	if (!r->host)
		return -ENOMEM;
	if (mmap(r->host, file, protection(w->flags), kind | MAP_NORESERVE | MAP_FIXED, w->fd, 0) ==
	    MAP_FAILED)
		return -errno;
	if (file < r->len &&
	    mmap(r->host + file, r->len - file, protection(w->flags),
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	madvise(r->host, r->len, MADV_DONTFORK); /* the helper must not hold it */
	madvise(r->host, r->len, MADV_DONTDUMP);
	return 0;
}

static int host_add_region(
    const struct volt_host *h, const struct volt_region_want *w, uint64_t *gpa)
{
	struct instance *i = host_calling_instance(h);
	struct memory *m = &i->machine->memory;

	if (i->machine->sealed)
		return -EPERM;
	if (!is_sound(i, w))
		return -EINVAL;
	if (m->region_count == MEMORY_REGIONS)
		return refuse(i, ENOSPC, "a VM has at most %u regions", MEMORY_REGIONS);
	struct memory_region *r = &m->regions[m->region_count];

	*r = (struct memory_region){.len = round_up(w->len, VOLT_REGION_ALIGN),
	    .read_only = w->flags == VOLT_REGION_READ_ONLY};
	int err = place(i, w, r);
	if (err)
		return err;
	err = map(w, r);
	if (err)
		return refuse(i, -err, "cannot map the file: %s", strerror(-err));
	m->region_count++;
	*gpa = r->gpa;
	return 0;
}

const struct volt_region host_region = {.size = sizeof(host_region), .add = host_add_region};

/* Behind the pages of volt.page/1. */
int regions_map(const struct memory *m, struct kvm *k)
{
	for (uint32_t i = 0; i < m->region_count; i++) {
		const int err = kvm_map_device(k, PAGES_MAX + i, &m->regions[i]);

		if (err)
			return err;
	}
	return 0;
}
