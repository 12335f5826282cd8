/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* state_device - the device whose saved state both kinds of fuzzer read. */
#ifndef TESTS_FUZZ_STATE_DEVICE_H
#define TESTS_FUZZ_STATE_DEVICE_H

#include "sdk/common/state.h"

struct device {
	uint64_t guard;
	uint8_t small;
	bool flag;
	uint16_t words[7];
	uint32_t index; /* < 7 */
	struct {
		uint8_t kind;
		uint64_t value;
	} pins[5];
	uint64_t tail;
};

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct device, small, VOLT_F_U8, 1), .min = 3, .max = 9},
    {VOLT_FIELD(struct device, flag, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct device, words, VOLT_F_U16, 7)},
    {VOLT_FIELD(struct device, index, VOLT_F_U32, 1), .max = 6},
    {VOLT_FIELD_EACH(struct device, pins, kind, VOLT_F_U8)},
    {VOLT_FIELD_EACH(struct device, pins, value, VOLT_F_U64), .max = UINT64_MAX / 2},
};

/* The kinds must be in order: what no limit of a field can say. */
static int validate(const void *candidate)
{
	const struct device *d = candidate;

	for (unsigned i = 1; i < 5; i++)
		if (d->pins[i].kind < d->pins[i - 1].kind)
			return -1;
	return 0;
}

static const struct volt_state table = {
    .size = sizeof(table),
    .version = 3,
    .oldest = 2,
    .field_stride = sizeof(fields[0]),
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .fields = fields,
    .validate = validate,
};

#endif
