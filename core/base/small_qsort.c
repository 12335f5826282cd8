/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * small_qsort.c - qsort for small builds of volt (-Dsmall_libc=true), in place of the libc's.
 *
 * By insertion: volt sorts a few files and address ranges, once, which mostly are in order.
 */
#include <stdint.h>
#include <stdlib.h>

static void swap(uint8_t *left, uint8_t *right, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = left[i];

		left[i] = right[i];
		right[i] = byte;
	}
}

void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	for (size_t i = 1; i < count; i++)
		for (uint8_t *at = (uint8_t *)base + i * size;
		     at > (uint8_t *)base && compare(at - size, at) > 0; at -= size)
			swap(at - size, at, size);
}
