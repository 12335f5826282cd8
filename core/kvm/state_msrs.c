/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/base/log.h"
#include "core/kvm/state.h"

#define LISTED_MAX 2048u

/* Numbers: Intel SDM vol. 4; AMD APM vol. 2, appendix A; Linux, Documentation/virt/kvm/x86/msr.rst
 * and arch/x86/include/uapi/asm/hyperv.h. */
static const struct {
	uint32_t first, last;
	const char *why;
} left_out[] = {
    {0x10, 0x10, "TSC: it is set by its offset, for all vCPUs at once"},
    {0x11, 0x12, "the old names of kvm-clock's 0x4b564d00 and 0x4b564d01"},
    {0x1b, 0x1b, "APIC_BASE is one of the special registers"},
    {0x3a, 0x3a, "FEAT_CTL: a guest has no VMX"},
    {0x49, 0x49, "PRED_CMD can only be written"},
    {0x8b, 0x8b, "the microcode's revision is the host's"},
    {0xc1, 0xc8, "performance counters: a guest has none"},
    {0xce, 0xce, "PLATFORM_INFO is the host's"},
    {0x10a, 0x10a, "ARCH_CAPABILITIES is the host's"},
    {0x10b, 0x10b, "FLUSH_CMD can only be written"},
    {0x186, 0x18d, "performance counters"},
    {0x309, 0x30c, "performance counters"},
    {0x345, 0x345, "PERF_CAPABILITIES: a guest has no counters"},
    {0x38d, 0x390, "performance counters"},
    {0x3f1, 0x3f2, "PEBS: a guest has no counters"},
    {0x480, 0x493, "VMX: there are no nested guests"},
    {0x4c1, 0x4c8, "performance counters"},
    {0x600, 0x600, "DS_AREA: a guest has no debug store"},
    {0x800, 0xbff, "x2APIC: the local APIC is read as a whole"},
    {0x40000000, 0x400001ff, "Hyper-V: a guest is told of KVM alone"},
    {0xc0000104, 0xc0000104, "TSC_RATIO: there are no nested guests"},
    {0xc0000300, 0xc0000302, "performance counters"},
    {0xc0010000, 0xc0010007, "performance counters"},
    {0xc0010114, 0xc0010117, "SVM: there are no nested guests"},
    {0xc0010200, 0xc001020b, "performance counters"},
};

/* State that KVM does not list: MTRRs (SDM vol. 3, 12.11), PAT, and the one machine-check bank. */
static const struct {
	uint32_t first, last;
} added[] = {
    {0x200, 0x20f}, /* variable ranges */
    {0x250, 0x250},
    {0x258, 0x259},
    {0x268, 0x26f}, /* fixed ranges */
    {0x277, 0x277}, /* PAT */
    {0x2ff, 0x2ff}, /* the default type: after the ranges */
    {0x17a, 0x17b},
    {0x400, 0x403},
};

/* Enabling async page faults wakes all who wait for a page, by the interrupt that another one
 * of these registers names: it is set last. */
#define MSR_ASYNC_PF_EN 0x4b564d02u

const char *state_why_not_msr(uint32_t index)
{
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (index >= left_out[i].first && index <= left_out[i].last)
			return left_out[i].why;
	return NULL;
}

static bool has(const uint32_t *list, uint32_t count, uint32_t index)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == index)
			return true;
	return false;
}

static uint32_t append(uint32_t *list, uint32_t count, uint32_t index)
{
	if (count < STATE_MSR_MAX && !state_why_not_msr(index) && !has(list, count, index))
		list[count++] = index;
	return count;
}

uint32_t state_choose_msrs(const uint32_t *listed, uint32_t count, uint32_t *list)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		if (listed[i] != MSR_ASYNC_PF_EN)
			n = append(list, n, listed[i]);
	for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++)
		for (uint32_t index = added[i].first; index <= added[i].last; index++)
			n = append(list, n, index);
	if (has(listed, count, MSR_ASYNC_PF_EN))
		n = append(list, n, MSR_ASYNC_PF_EN);
	return n;
}

int state_list_msrs(const struct kvm *k, uint32_t *list)
{
	struct {
		uint32_t count;
		uint32_t indices[LISTED_MAX];
	} *listed = malloc(sizeof(*listed));

	if (!listed)
		return log_error(ENOMEM, "no memory for the list of MSRs");
	listed->count = LISTED_MAX;
	if (ioctl(k->fd, KVM_GET_MSR_INDEX_LIST, listed) != 0) {
		const int err = errno;

		free(listed);
		return log_error(err, "KVM_GET_MSR_INDEX_LIST: %s", strerror(err));
	}
	const uint32_t n = state_choose_msrs(listed->indices, listed->count, list);
	free(listed);
	return (int)n;
}
