/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_region - volt.region/1: files that a guest would have mapped.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_internal.h"

/* Above RAM of any test, and each as far from the next as the real host puts them at least. */
#define FIRST   0x10000000000ull
#define SECTION 0x8000000ull

static bool is_own(const struct fake_host *f, int fd)
{
	for (uint32_t i = 0; fd >= 0 && i < f->plugin->param_count; i++)
		if (f->params.values[i].fd == fd)
			return true;
	return false;
}

static bool is_sound(const struct fake_host *f, const struct volt_region_want *w)
{
	if (w->size < sizeof(*w) || !w->name || w->reserved || w->len == 0)
		return false;
	if (w->flags == 0 && w->len % VOLT_REGION_ALIGN)
		return false;
	return w->flags <= VOLT_REGION_PRIVATE && is_own(f, w->fd);
}

static int map(struct fake_region *r, const struct volt_region_want *w)
{
	const int prot = w->flags == VOLT_REGION_READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE;
	const int kind = w->flags == VOLT_REGION_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	void *at = mmap(NULL, r->len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -ENOMEM;
	r->bytes = at;
	return mmap(at, w->len, prot, kind | MAP_FIXED, w->fd, 0) == MAP_FAILED ? -errno : 0;
}

static int region_add(const struct volt_host *h, const struct volt_region_want *w, uint64_t *gpa)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "region", &err);

	if (err)
		return err;
	if (!is_sound(f, w))
		return fake_refuse(f, "region", -EINVAL);
	if (f->region_count == FAKE_REGION_MAX)
		return fake_refuse(f, "region", -ENOSPC);
	struct fake_region *r = &f->regions[f->region_count];

	*r = (struct fake_region){.gpa = FIRST, .len = w->len};
	if (f->region_count) {
		r->gpa = r[-1].gpa + r[-1].len + SECTION - 1;
		r->gpa -= r->gpa % SECTION;
	}
	r->len = (w->len + VOLT_REGION_ALIGN - 1) & ~(VOLT_REGION_ALIGN - 1);
	err =
	    fake_add_range(h, &(struct volt_range){.size = sizeof(struct volt_range),
				  .name = w->name,
				  .space = VOLT_SPACE_MMIO,
				  .sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4 | VOLT_IO_8,
				  .base = r->gpa,
				  .len = r->len,
				  .write = w->flags == VOLT_REGION_READ_ONLY ? w->refused : NULL});
	if (err)
		return err;
	f->region_count++;
	err = map(r, w);
	if (err)
		return fake_refuse(f, "region", err);
	*gpa = r->gpa;
	return 0;
}

const struct volt_region fake_region = {.size = sizeof(fake_region), .add = region_add};

uint8_t *fake_region_at(const struct fake_host *f, uint64_t gpa, uint64_t *left)
{
	for (unsigned i = 0; i < f->region_count; i++) {
		const struct fake_region *r = &f->regions[i];

		if (gpa < r->gpa || gpa - r->gpa >= r->len)
			continue;
		if (left)
			*left = r->len - (gpa - r->gpa);
		return r->bytes + (gpa - r->gpa);
	}
	return NULL;
}

void fake_finish_regions(struct fake_host *f)
{
	for (unsigned i = 0; i < f->region_count; i++)
		if (f->regions[i].bytes)
			munmap(f->regions[i].bytes, f->regions[i].len);
}
