/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <stdlib.h>
#include <string.h>

#include <fuzz_driver.h>

uint64_t fuzz_next(struct fuzz_driver *z, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | (z->at < z->end ? *z->at++ : 0);
	return v;
}

unsigned fuzz_queue(struct fuzz_driver *z)
{
	return (unsigned)fuzz_next(z, 1) % z->queues;
}

/* The sizes of a split ring's parts: virtio 1.2, 2.7. */
uint64_t fuzz_address(struct fuzz_driver *z)
{
	const struct fake_ring *r = fake_driver_ring(z->driver, fuzz_queue(z));
	const uint64_t which = fuzz_next(z, 1), off = fuzz_next(z, 2), size = r->size + 1ull;

	switch (which % 8) {
	case 0:
		return r->desc + off % (16 * size);
	case 1:
		return r->avail + off % (6 + 2 * size);
	case 2:
		return r->used + off % (6 + 8 * size);
	case 3:
		return off << 48 | off;
	default:
		return z->ram + off % z->ram_size;
	}
}

void fuzz_act_descriptor(struct fuzz_driver *z)
{
	const struct fake_ring *r = fake_driver_ring(z->driver, fuzz_queue(z));
	const unsigned i = (unsigned)fuzz_next(z, 1);
	const uint64_t at = fuzz_address(z);
	const uint32_t units = (uint32_t)fuzz_next(z, 2), len = units << fuzz_next(z, 1) % 17;
	const uint16_t flags = (uint16_t)fuzz_next(z, 1), next = (uint16_t)fuzz_next(z, 1);

	if (r->size > 0)
		fake_driver_put(z->driver, r->desc, i % r->size, at, len, flags, next);
}

unsigned fuzz_act_show(struct fuzz_driver *z)
{
	const unsigned q = fuzz_queue(z), more = (unsigned)fuzz_next(z, 1);
	const struct fake_ring *r = fake_driver_ring(z->driver, q);

	if (r->size > 0)
		fake_driver_show(z->driver, q, (uint16_t)(more % (r->size + 2)));
	return q;
}

void fuzz_act_memory(struct fuzz_driver *z)
{
	const uint64_t at = fuzz_address(z) - z->ram;

	if (at < z->ram_size)
		*fake_driver_at(z->driver, z->ram + at) = (uint8_t)fuzz_next(z, 1);
}

void fuzz_act_register(struct fuzz_driver *z)
{
	const uint32_t reg = (uint32_t)fuzz_next(z, 2) % 0x140 & ~3u;

	fake_driver_set(z->driver, reg, (uint32_t)fuzz_next(z, 2));
	fake_driver_get(z->driver, reg);
}

void fuzz_act_state(struct fuzz_driver *z)
{
	size_t n;
	const uint8_t *saved = fake_state_save(z->host, &n);

	if (!saved)
		return;
	uint8_t *copy = malloc(n);
	if (!copy)
		abort();
	memcpy(copy, saved, n);
	for (unsigned i = (unsigned)fuzz_next(z, 1) % 4; i; i--) {
		const uint64_t at = fuzz_next(z, 2) % n;

		copy[at] = (uint8_t)fuzz_next(z, 1);
	}
	fake_state_load(z->host, copy, n);
	free(copy);
}
