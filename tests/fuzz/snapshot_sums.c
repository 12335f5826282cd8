/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tests/fuzz/snapshot_sums.h"

#include <string.h>

#include "sdk/common/snapshot.h"
#include "sdk/common/state.h"

void snapshot_mend(uint8_t *bytes, size_t n)
{
	uint32_t rows, crc;

	if (n < SNAPSHOT_HEAD)
		return;
	memcpy(&rows, bytes + 12, sizeof(rows));
	for (uint32_t i = 0; i < rows && SNAPSHOT_HEAD + (i + 1ull) * SNAPSHOT_ROW <= n; i++) {
		uint8_t *const row = bytes + SNAPSHOT_HEAD + (size_t)i * SNAPSHOT_ROW;
		uint64_t offset, length;

		memcpy(&offset, row + 16, 8);
		memcpy(&length, row + 24, 8);
		if (offset > n || length > n - offset)
			continue;
		crc = state_crc(bytes + offset, length);
		memcpy(row + 8, &crc, sizeof(crc));
	}
	if (rows <= (n - SNAPSHOT_HEAD) / SNAPSHOT_ROW) {
		crc = state_crc(bytes + SNAPSHOT_HEAD, (size_t)rows * SNAPSHOT_ROW);
		memcpy(bytes + 56, &crc, sizeof(crc));
	}
	crc = state_crc(bytes, 60);
	memcpy(bytes + 60, &crc, sizeof(crc));
}
