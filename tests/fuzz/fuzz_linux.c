/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tests/fuzz/fuzz_linux.h"

static void check_initrd(uint64_t size)
{
	const struct setup_header *h = &kit_params(&fuzz_vm)->hdr;

	if (h->ramdisk_size != size)
		fuzz_wrong("the initrd's size is another");
	if (size == 0)
		return;
	fuzz_check_module(h->ramdisk_image, size);
	if (h->initrd_addr_max != 0 && h->ramdisk_image + size - 1 > h->initrd_addr_max)
		fuzz_wrong("the initrd passes initrd_addr_max");
	if (h->init_size != 0 &&
	    fuzz_overlap(h->ramdisk_image, size, h->code32_start, h->init_size))
		fuzz_wrong("the initrd lies over the kernel");
}

bool fuzz_linux(int (*make)(void))
{
	static char room[40000];
	uint64_t initrd_size = 0;
	int initrd_fd = -1;
	int kernel_fd = make();

	if (fuzz_below(4) == 0)
		fuzz_scatter(kernel_fd, 1024);
	if (fuzz_below(2) == 0)
		initrd_fd = fuzz_module(&initrd_size);
	const char *cmdline = fuzz_below(3) != 0 ? "quiet" : fuzz_words(room, sizeof(room));
	if (fuzz_boot(kernel_fd, initrd_fd, cmdline) != 0)
		return false;
	const struct boot_params *bp = kit_params(&fuzz_vm);
	if (bp->e820_entries != 4 || bp->hdr.setup_data != 0)
		fuzz_wrong("boot_params are damaged");
	fuzz_check_guest(cmdline, bp->acpi_rsdp_addr);
	check_initrd(initrd_size);
	return true;
}
