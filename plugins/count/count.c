/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * count - a filter that counts what a driver does to a device.
 */
#include <string.h>

#include <volt/filter.h>
#include <volt/plugin.h>

enum {
	COUNT_READS,
	COUNT_WRITES,
	COUNT_BYTES_READ,
	COUNT_BYTES_WRITTEN,
	COUNT_POLLS,
	COUNT_ONES,
};

struct count {
	const struct volt_host *h;
	/* The newest access, if it was a read: who waits for a register to change repeats it. */
	const struct volt_layer *newest;
	uint64_t newest_offset, newest_value;
};

static bool is_all_ones(uint64_t val, uint32_t n)
{
	return val == (n == 8 ? UINT64_MAX : (1ull << (8 * n & 63)) - 1);
}

static void count_read(
    struct count *c, const struct volt_layer *below, const struct volt_access *a, uint64_t val)
{
	volt_count(c->h, COUNT_READS, 1);
	volt_count(c->h, COUNT_BYTES_READ, a->n);
	if (is_all_ones(val, a->n))
		volt_count(c->h, COUNT_ONES, 1);
	if (c->newest == below && c->newest_offset == a->offset && c->newest_value == val)
		volt_count(c->h, COUNT_POLLS, 1);
	c->newest = below;
	c->newest_offset = a->offset;
	c->newest_value = val;
}

static uint64_t count_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	struct count *c = self;
	/* A write counts before it acts: it may end the VM. */
	if (a->write) {
		volt_count(c->h, COUNT_WRITES, 1);
		volt_count(c->h, COUNT_BYTES_WRITTEN, a->n);
		c->newest = NULL;
		return below->pass(below, a);
	}
	uint64_t val = below->pass(below, a);
	count_read(c, below, a, val);
	return val;
}

static int count_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	((struct count *)self)->h = h;
	return 0;
}

static const void *count_get_ext(const char *id)
{
	static const struct volt_filter filter = {.size = sizeof(filter), .access = count_access};

	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &filter : NULL;
}

static const struct volt_counter counters[] = {
    [COUNT_READS] = {"reads", "reads of the device"},
    [COUNT_WRITES] = {"writes", "writes to the device"},
    [COUNT_BYTES_READ] = {"bytes_read", "bytes that reads returned"},
    [COUNT_BYTES_WRITTEN] = {"bytes_written", "bytes that writes brought"},
    [COUNT_POLLS] = {"polls", "reads that found what the access just before had read"},
    [COUNT_ONES] = {"ones", "reads of all ones, as of a register that is not there"},
};

VOLT_PLUGIN(VOLT_KIND_FILTER) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER),
    .name = "count",
    .version = "0.1.0",
    .summary = "counts what a driver does to a device",
    .instance_size = sizeof(struct count),
    VOLT_COUNTERS(counters),
    .init = count_init,
    .get_ext = count_get_ext,
};
