/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "mock.h"

/* As splitmix64 ends: Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators". */
static uint64_t stir(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void take(struct mock *p, uint64_t what, uint64_t off, uint64_t n, uint64_t val)
{
	p->count++;
	p->seen = stir(p->seen + stir(what) + stir(off ^ n << 56) + val);
}

/* A status that changes with each look, as of a FIFO: asking twice is not asking once. */
static uint64_t mock_read(void *device, uint64_t off, uint32_t n)
{
	struct mock *p = device;

	take(p, 1, off, n, 0);
	return p->seen;
}

static void mock_write(void *device, uint64_t off, uint32_t n, uint64_t val)
{
	take(device, 2, off, n, val);
}

#define RANGE(s, b, l, z, fl, nm) \
	{ \
		.size = sizeof(struct volt_range), .space = VOLT_SPACE_##s, .base = (b), \
		.len = (l), .sizes = (z), .flags = (fl), .name = (nm), .read = mock_read, \
		.write = mock_write \
	}
#define ALL_SIZES (VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4 | VOLT_IO_8)

static const struct volt_range ranges[] = {
    RANGE(PIO, 0x64, 1, VOLT_IO_1, 0, "one port"),
    RANGE(PIO, 0x3f8, 8, VOLT_IO_1, VOLT_RANGE_SPLIT, "ports"),
    RANGE(PIO, 0xcf8, 8, VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4, 0, "wide ports"),
    RANGE(PIO, 0xfffc, 4, VOLT_IO_4, 0, "last ports"),
    RANGE(MMIO, 0xfe000000, 4096, ALL_SIZES, VOLT_RANGE_PARALLEL, "page"),
    RANGE(MMIO, 0xfe002000, 32, VOLT_IO_4, VOLT_RANGE_SPLIT, "registers"),
    RANGE(MMIO, 0xffffff8000000000, 0x7fffffffff, VOLT_IO_8 | VOLT_IO_1, 0, "far and odd"),
    {
	.size = sizeof(struct volt_range),
	.space = VOLT_SPACE_MMIO,
	.base = 0xfe003000,
	.len = 16,
	.sizes = ALL_SIZES,
	.name = "nothing behind",
    },
};

unsigned mock_put(struct mock *p, struct fake_host *f)
{
	unsigned count = 0;

	*p = (struct mock){.f = f, .seen = 1};
	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		count += fake_filter_put(f, &ranges[i], p) != NULL;
	return count;
}
