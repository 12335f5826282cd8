/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/device/regions.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/ledger.h"

#define PAGE      4096u
#define PROT      (PROT_READ | PROT_WRITE)
#define MAP_FLAGS (MAP_SHARED | MAP_NORESERVE)

static bool fits(uint64_t start, uint64_t size)
{
	uint64_t end;

	return !__builtin_add_overflow(start, size, &end);
}

static bool meet(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* Rings are aligned in guest physical memory, so whole pages keep them aligned here. */
static const char *find_fault(const struct regions *r, const struct region_at *p)
{
	if (p->size == 0 || p->gpa % PAGE || p->offset % PAGE)
		return "a region is empty or begins within a page";
	if (!fits(p->gpa, p->size) || !fits(p->user, p->size) || !fits(p->offset, p->size))
		return "a region's end is beyond all addresses";
	for (uint32_t i = 0; i < r->count; i++) {
		const struct region_at *o = &r->list[i].where;

		if (meet(p->gpa, p->size, o->gpa, o->size) ||
		    meet(p->user, p->size, o->user, o->size))
			return "a region overlaps another";
	}
	return NULL;
}

/* By number: glibc's fstat() is another call in each of its releases. */
static int check_file(const struct region_at *p, int fd, uint64_t *page)
{
	struct stat st;

	if (syscall(SYS_fstat, fd, &st) != 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || p->offset + p->size > (uint64_t)st.st_size)
		return -EINVAL;
	/* A file of huge pages is mapped in those, and tells their size. */
	*page = st.st_blksize > (long)PAGE && (st.st_blksize & (st.st_blksize - 1)) == 0
		    ? (uint64_t)st.st_blksize
		    : PAGE;
	return 0;
}

int regions_add(struct regions *r, const struct region_at *part, int fd, const char **why)
{
	uint64_t page, end;

	*why = find_fault(r, part);
	if (*why)
		return -EINVAL;
	*why = "there are too many regions";
	if (r->count == REGIONS_MAX)
		return -ENOSPC;
	*why = "a region's file is not a regular one, or is shorter than the region";
	if (check_file(part, fd, &page) != 0)
		return -EINVAL;
	const uint64_t start = part->offset & ~(page - 1);

	*why = "a region is larger than this process can map";
	if (__builtin_add_overflow(part->offset + part->size, page - 1, &end))
		return -EINVAL;
	end &= ~(page - 1);
	void *map = mmap(NULL, end - start, PROT, MAP_FLAGS, fd, (off_t)start);

	if (map == MAP_FAILED)
		return -errno;
	r->list[r->count] = (struct region){.where = *part,
	    .at = (uint8_t *)map + (part->offset - start),
	    .map = map,
	    .map_size = end - start};
	__atomic_store_n(
	    &r->count, r->count + 1, __ATOMIC_RELEASE); /* who sees it sees all of it */
	return 0;
}

static void unmap(const struct region *region)
{
	munmap(region->map, region->map_size);
}

int regions_remove(struct regions *r, const struct region_at *part)
{
	for (uint32_t i = 0; i < r->count; i++) {
		const struct region_at *o = &r->list[i].where;

		if (o->gpa != part->gpa || o->size != part->size || o->user != part->user)
			continue;
		unmap(&r->list[i]);
		r->list[i] = r->list[--r->count];
		return 0;
	}
	return -ENOENT;
}

void regions_clear(struct regions *r)
{
	while (r->count > 0)
		unmap(&r->list[--r->count]);
}

void *regions_at(const struct regions *r, uint64_t gpa, uint64_t n)
{
	const uint32_t count = __atomic_load_n(&r->count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++) {
		const struct region_at *o = &r->list[i].where;

		if (gpa >= o->gpa && gpa - o->gpa < o->size && n <= o->size - (gpa - o->gpa))
			return n ? r->list[i].at + (gpa - o->gpa) : NULL;
	}
	return NULL;
}

int regions_to_gpa(const struct regions *r, uint64_t user, uint64_t *gpa)
{
	for (uint32_t i = 0; i < r->count; i++) {
		const struct region_at *o = &r->list[i].where;

		if (user < o->user || user - o->user >= o->size)
			continue;
		*gpa = o->gpa + (user - o->user);
		return 0;
	}
	return -EFAULT;
}

/* The file of mmap() may be any: what is open here may be written all the same, but for a base. */
void regions_declare(struct ledger *l)
{
	const struct volt_rule rules[] = {
	    {.syscall = "mmap",
		.reason = "maps the guest's memory",
		.test_count = 2,
		.tests = {ledger_is(2, PROT), ledger_is(3, MAP_FLAGS)}},
	    {.syscall = "munmap", .reason = "gives back what is not the guest's memory any more"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct volt_rule rule = rules[i];

		rule.asked_by = "volt-device";
		ledger_call(l, LEDGER_LOOP, &rule);
	}
}
