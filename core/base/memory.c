/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/config.h"

#define GUARD (64ull << 10)
#define HUGE  (2ull << 20)

/* Maps `size` bytes with inaccessible pages on either side, so that an overrun of guest memory
 * faults instead of reaching the monitor's own. The start is aligned to `align`, and nothing else
 * lies in the `room` bytes from there on. */
static uint8_t *map_guarded(uint64_t size, uint64_t room, uint64_t align, int flags, int fd)
{
	uint64_t whole = room + 2 * align;
	uint8_t *area =
	    mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	/* GUARD bytes at least on either side of the aligned start and the end. */
	uint8_t *start =
	    (uint8_t *)(((uintptr_t)area + GUARD + align - 1) & ~(uintptr_t)(align - 1));
	if (mmap(start, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) == MAP_FAILED) {
		munmap(area, whole);
		return NULL;
	}
	/* Give back what alignment left over, keeping the guards. */
	if (start - area > (ptrdiff_t)GUARD)
		munmap(area, (size_t)(start - area) - GUARD);
	uint8_t *end = start + room;
	uint8_t *area_end = area + whole;
	if (area_end - end > (ptrdiff_t)GUARD)
		munmap(end + GUARD, (size_t)(area_end - end) - GUARD);
	return start;
}

uint64_t memory_window(const struct memory *m)
{
	uint64_t window = HUGE;

	while (window < m->low_size + m->high_size + MEMORY_ALONE)
		window *= 2;
	return window;
}

static bool is_alone(const struct memory *m)
{
	return VOLT_HAS_DISCARD && m->alone;
}

static uint8_t *map_room(const struct memory *m, int flags, int fd)
{
	const uint64_t size = m->low_size + m->high_size;

	if (!is_alone(m))
		return map_guarded(size, size, HUGE, flags, fd);
	return map_guarded(size, memory_window(m), memory_window(m), flags, fd);
}

void memory_plan(struct memory *m, uint64_t size)
{
	m->low_size = size < MEMORY_HOLE_START ? size : MEMORY_HOLE_START;
	m->high_size = size - m->low_size;
}

/* Of the size that it has then for good: a process that could make it shorter could end this one
 * by SIGBUS. -1 with errno if it cannot be. */
static int make_file(uint64_t size, bool hugepages)
{
	const unsigned huge = hugepages ? MFD_HUGETLB | (21u << MAP_HUGE_SHIFT) : 0;
	const int fd = memfd_create("volt-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING | huge);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	close(fd);
	return -1;
}

static uint8_t *map_memory(struct memory *m, bool hugepages)
{
	const int huge = hugepages ? MAP_HUGETLB | (21 << MAP_HUGE_SHIFT) : MAP_NORESERVE;

	if (!VOLT_HAS_SHARING || !m->shared)
		return map_room(m, MAP_PRIVATE | MAP_ANONYMOUS | huge, -1);
	m->fd = make_file(m->low_size + m->high_size, hugepages);
	return m->fd < 0 ? NULL : map_room(m, MAP_SHARED | (hugepages ? 0 : MAP_NORESERVE), m->fd);
}

int memory_init(struct memory *m, uint64_t size, bool hugepages)
{
	memory_plan(m, size);
	m->host = map_memory(m, hugepages);
	if (!m->host && hugepages)
		return log_error(ENOMEM,
		    "--hugepages: the host has fewer than %llu free huge pages of 2M: raise "
		    "/proc/sys/vm/nr_hugepages",
		    (unsigned long long)(size / HUGE));
	if (!m->host)
		return log_error(ENOMEM, "--memory: cannot map %llu MiB for the guest: %s",
		    (unsigned long long)(size >> 20), strerror(errno));
	if (VOLT_HAS_SNAPSHOT && m->covered)
		return 0;
	/* Fewer faults; refusal costs nothing. Not for the lowest part, of which most guests
	 * use a few pages that hold tables, whatever the host does unasked. */
	if (!hugepages) {
		madvise(m->host, HUGE, MADV_NOHUGEPAGE);
		madvise(m->host + HUGE, size - HUGE, MADV_HUGEPAGE);
	}
	madvise(m->host, size, MADV_DONTFORK);
	madvise(m->host, size, MADV_DONTDUMP);
	return 0;
}

void memory_finish(struct memory *m)
{
	const uint64_t size = is_alone(m) ? memory_window(m) : m->low_size + m->high_size;

	if (m->host)
		munmap(m->host - GUARD, size + 2 * GUARD);
	if (VOLT_HAS_SHARING && m->shared && m->host)
		close(m->fd);
	memset(m, 0, sizeof(*m));
}

void *memory_at(const struct memory *m, uint64_t gpa, uint64_t len)
{
	if (gpa < m->low_size && len <= m->low_size - gpa)
		return m->host + gpa;
	if (gpa < MEMORY_HIGH_START)
		return NULL;
	uint64_t off = gpa - MEMORY_HIGH_START;
	if (off < m->high_size && len <= m->high_size - off)
		return m->host + m->low_size + off;
	return NULL;
}

bool memory_overlaps(const struct memory *m, uint64_t gpa, uint64_t len)
{
	uint64_t last;

	if (len == 0)
		return false;
	if (__builtin_add_overflow(gpa, len - 1, &last))
		last = UINT64_MAX;
	if (gpa < m->low_size)
		return true;
	return m->high_size > 0 && last >= MEMORY_HIGH_START &&
	       gpa < MEMORY_HIGH_START + m->high_size;
}

#if VOLT_HAS_REGIONS

bool memory_region_is_lost(const struct memory *m, uint64_t gpa, bool write)
{
	for (uint32_t i = 0; i < m->region_count; i++) {
		const struct memory_region *r = &m->regions[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->len)
			return !(write && r->read_only);
	}
	return false;
}

#endif
