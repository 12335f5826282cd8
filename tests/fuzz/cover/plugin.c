/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Plugin files, before a byte of them runs. */
#include "cover.h"

#include "core/plugin/vet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vet_result found = {.image_fd = -1};
	char why[512] = "";
	int err = vet_image(data, size, &found, why, sizeof(why));

	must(err <= 0, "neither taken nor refused");
	must((err == 0) == (why[0] == '\0'), "a refusal without a reason, or a reason without one");
	must(err || found.descriptor_at < size + (1ull << 32), "a descriptor outside the image");
	return 0;
}
