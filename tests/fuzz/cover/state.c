/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A saved state. If the first byte is odd its length and CRC are made right. */
#include "cover.h"

#include "sdk/common/state.h"
#include "tests/fuzz/state_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct device d = {.guard = 1, .small = 5, .tail = 2}, scratch;
	const struct device before = d;
	const struct state_target t = {.id = "d",
	    .plugin = "cover",
	    .table = &table,
	    .self = &d,
	    .scratch = &scratch,
	    .instance_size = sizeof(d)};
	char why[200] = "", id[33];

	if (size == 0)
		return 0;
	uint8_t *bytes = (uint8_t *)text_of(data + 1, size - 1);
	if ((data[0] & 1) != 0 && size - 1 >= STATE_HEAD)
		state_mend(bytes, size - 1);
	state_next(bytes, size - 1, id);
	int err = state_load(&t, bytes, size - 1, why, sizeof(why));
	must(d.guard == 1 && d.tail == 2, "something outside of the fields changed");
	must(!err || (why[0] != '\0' && memcmp(&d, &before, sizeof(d)) == 0),
	    "refused without a reason, or not whole");
	must(err || (d.small >= 3 && d.small <= 9 && d.index <= 6), "outside of its limits");
	free(bytes);
	return 0;
}
