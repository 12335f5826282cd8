/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Kernels of every protocol. The first byte chooses --boot and how files come into memory. */
#include "cover.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/boot_kit.h"

#define RAM (24ull << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kit kit;
	int kernel = memfd_create("kernel", MFD_CLOEXEC);

	if (size == 0 || kernel < 0) {
		close(kernel);
		return 0;
	}
	must(write(kernel, data + 1, size - 1) == (ssize_t)(size - 1), "no room for the kernel");
	kit_init(&kit, RAM);
	kit.choice = (enum boot_choice)(data[0] & 3);
	kit.files = (enum boot_files)((data[0] >> 2) % 3);
	int err = kit_boot(&kit, kernel, -1, "quiet");
	must((err != 0) == (kit_errors == 1), "not one line for a refusal");
	must(err || kit.entry.rip < RAM, "an entry outside of the memory");
	kit_finish(&kit);
	return 0;
}
