/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/region.h - a file as memory of a device, which the guest reads and writes without an
 * exit: "volt.region/1".
 *
 * Stability: draft. A region lies at a place of its own above the guest's RAM and above 4 GiB, so
 * no guest takes it for memory of its own: the device tells where it is. The host chooses the
 * place, the same one for the same VM, and maps the file there. The plugin has no access to the
 * bytes, and volt.mem/1 does not know them: a request's buffers cannot lie in a region. They are
 * not part of a snapshot.
 *
 * A file can become shorter, and a file system full, while the guest has it mapped. The guest's
 * access to what is gone then ends the VM, with a line that says so, or hangs it where the host's
 * KVM tells nobody (Linux 6.1).
 */
#ifndef VOLT_DRAFT_REGION_H
#define VOLT_DRAFT_REGION_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_REGION "volt.region/1"

/* A region's length is a multiple of it, and its place too. */
#define VOLT_REGION_ALIGN (UINT64_C(2) << 20)

/* Flags of a region, one of them at most; without any, what the guest writes is the file's. */
#define VOLT_REGION_READ_ONLY 1u /* the guest cannot write */
#define VOLT_REGION_PRIVATE   2u /* what the guest writes is this VM's alone, and ends with it */

/* What a region shall be. */
struct volt_region_want {
	uint32_t size;
	uint32_t flags;   /* VOLT_REGION_*, or 0 */
	const char *name; /* as that of a range; copied */
	int32_t fd; /* of the instance's own VOLT_PARAM_DISK, open for writing without flags */
	uint32_t reserved; /* 0 */
	/* Bytes of the file, from its start, 1 or more; without flags a multiple of
	 * VOLT_REGION_ALIGN. Else the region has that length rounded up to the next multiple, and
	 * zeros behind the file. */
	uint64_t len;
	/* [io] The guest wrote n bytes (1, 2, 4 or 8) at `off` of a region with
	 * VOLT_REGION_READ_ONLY; nothing has changed. NULL: nobody wants to know. */
	void (*refused)(void *self, uint64_t off, uint32_t n, uint64_t val);
};

/* What the host gives. */
struct volt_region {
	uint32_t size, reserved;
	/* [wire] Adds a region: *gpa gets its guest physical address. 0; -EINVAL: malformed, or
	 * not a descriptor of the instance's; -ENOSPC: more than 16 in the VM, or no place for it
	 * among the addresses that the host's CPU has; -ENOMEM; another errno by which the
	 * host's kernel refuses to map the file; -EPERM after the seal. */
	int (*add)(const struct volt_host *h, const struct volt_region_want *want, uint64_t *gpa);
};

#ifdef __cplusplus
}
#endif

#endif
