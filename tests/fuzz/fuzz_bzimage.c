/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* fuzz_bzimage - compressed Linux kernels whose setup headers are nearly right. */
#include "tests/fuzz/fuzz_linux.h"

static const struct fuzz_field bz_header[] = {
    FUZZ_FIELD(struct setup_header, setup_sects),
    FUZZ_FIELD(struct setup_header, syssize),
    FUZZ_FIELD(struct setup_header, boot_flag),
    FUZZ_FIELD(struct setup_header, jump),
    FUZZ_FIELD(struct setup_header, version),
    FUZZ_FIELD(struct setup_header, loadflags),
    FUZZ_FIELD(struct setup_header, initrd_addr_max),
    FUZZ_FIELD(struct setup_header, kernel_alignment),
    FUZZ_FIELD(struct setup_header, relocatable_kernel),
    FUZZ_FIELD(struct setup_header, xloadflags),
    FUZZ_FIELD(struct setup_header, cmdline_size),
    FUZZ_FIELD(struct setup_header, payload_offset),
    FUZZ_FIELD(struct setup_header, payload_length),
    FUZZ_FIELD(struct setup_header, setup_data),
    FUZZ_FIELD(struct setup_header, pref_address),
    FUZZ_FIELD(struct setup_header, init_size),
};

static int make_bzimage(void)
{
	struct kit_bzimage bz = kit_bzimage_default();

	for (uint64_t n = fuzz_below(4); n > 0; n--)
		fuzz_corrupt(&bz.header, bz_header, FUZZ_COUNT(bz_header));
	bz.file_size = fuzz_size(bz.file_size);
	return kit_bzimage_file(&bz);
}

static bool play(void)
{
	return fuzz_linux(make_bzimage);
}

int main(void)
{
	return fuzz_main(play);
}
