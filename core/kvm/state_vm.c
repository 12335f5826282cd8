/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "core/base/log.h"
#include "core/kvm/state.h"

#define TAG_CLOCK BLOCK_TAG('C', 'L', 'C', 'K')
#define TAG_PIT   BLOCK_TAG('P', 'I', 'T', '2')

/* The two 8259s and the I/O APIC, in KVM's numbering. */
static const uint32_t chip_tags[] = {
    BLOCK_TAG('P', 'I', 'C', '0'),
    BLOCK_TAG('P', 'I', 'C', '1'),
    BLOCK_TAG('I', 'O', 'A', 'P'),
};

#define CHIPS (sizeof(chip_tags) / sizeof(chip_tags[0]))

uint32_t state_vm_requests(const struct state_plan *p, uint32_t requests[STATE_REQUESTS_MAX])
{
	uint32_t n = 0;

	requests[n++] = KVM_GET_CLOCK;
	if (p->own_chip) {
		requests[n++] = KVM_GET_IRQCHIP;
		requests[n++] = KVM_GET_PIT2;
	}
	return n;
}

size_t state_vm_size(const struct state_plan *p)
{
	return blocks_size(sizeof(struct state_clock)) +
	       CHIPS * blocks_size(sizeof(struct kvm_irqchip)) +
	       blocks_size(sizeof(struct kvm_pit_state2));
}

/* KVM tells the counter that belongs to its answer only where it has a master clock, which it has
 * not before the first entry, and never on a host without an invariant counter. */
static int read_clock(const struct kvm *k, struct state_clock *clock)
{
	struct kvm_clock_data data = {0};
	const uint64_t before = __rdtsc();

	if (ioctl(k->vm_fd, KVM_GET_CLOCK, &data) != 0)
		return -errno;
	const uint64_t after = __rdtsc();
	clock->ns = data.clock;
	clock->tsc =
	    data.flags & KVM_CLOCK_HOST_TSC ? data.host_tsc : before + (after - before) / 2;
	return 0;
}

static int read_chips(const struct kvm *k, struct blocks_out *out, const char **failed)
{
	for (uint32_t i = 0; i < CHIPS; i++) {
		struct kvm_irqchip *chip = blocks_put(out, chip_tags[i], sizeof(*chip));

		*failed = "IRQCHIP";
		if (!chip)
			return -ENOSPC;
		chip->chip_id = i;
		if (ioctl(k->vm_fd, KVM_GET_IRQCHIP, chip) != 0)
			return -errno;
	}
	void *pit = blocks_put(out, TAG_PIT, sizeof(struct kvm_pit_state2));
	*failed = "PIT2";
	if (!pit)
		return -ENOSPC;
	return ioctl(k->vm_fd, KVM_GET_PIT2, pit) == 0 ? 0 : -errno;
}

int state_read_vm(
    const struct state_plan *p, const struct kvm *k, struct blocks_out *out, const char **failed)
{
	struct state_clock *clock = blocks_put(out, TAG_CLOCK, sizeof(*clock));

	*failed = "CLOCK";
	if (!clock)
		return -ENOSPC;
	const int err = read_clock(k, clock);
	if (err || !p->own_chip)
		return err;
	return read_chips(k, out, failed);
}

/* -------------------------------------------------------------------- setting */

static int lacks(const char *name)
{
	return log_error(EINVAL, "the snapshot has no %s that this host's KVM takes", name);
}

static int set_clock(
    const struct kvm *k, const struct blocks *b, struct state_clock *saved, struct state_clock *now)
{
	const struct block *block = blocks_find(b, TAG_CLOCK);

	if (!block || block->length != sizeof(*saved))
		return lacks("CLOCK");
	memcpy(saved, block->bytes, sizeof(*saved));
	/* Flags of 0: with KVM_CLOCK_REALTIME, as KVM may have answered, it would add the time
	 * that has passed, and the guest's monotonic clock would jump. */
	const struct kvm_clock_data data = {.clock = saved->ns};
	const uint64_t before = __rdtsc();
	if (ioctl(k->vm_fd, KVM_SET_CLOCK, &data) != 0)
		return log_error(errno, "KVM_SET_CLOCK: %s", strerror(errno));
	const uint64_t after = __rdtsc();
	*now = (struct state_clock){.ns = saved->ns, .tsc = before + (after - before) / 2};
	return 0;
}

static int set_chips(const struct kvm *k, const struct blocks *b)
{
	for (uint32_t i = 0; i < CHIPS; i++) {
		const struct block *block = blocks_find(b, chip_tags[i]);
		struct kvm_irqchip chip;

		if (!block || block->length != sizeof(chip))
			return lacks("IRQCHIP");
		memcpy(&chip, block->bytes, sizeof(chip));
		chip.chip_id = i;
		if (ioctl(k->vm_fd, KVM_SET_IRQCHIP, &chip) != 0)
			return log_error(errno, "KVM_SET_IRQCHIP %u: %s", i, strerror(errno));
	}
	const struct block *pit = blocks_find(b, TAG_PIT);
	if (!pit || pit->length != sizeof(struct kvm_pit_state2))
		return lacks("PIT2");
	if (ioctl(k->vm_fd, KVM_SET_PIT2, pit->bytes) != 0)
		return log_error(errno, "KVM_SET_PIT2: %s", strerror(errno));
	return 0;
}

int state_set_vm(const struct state_plan *p, const struct kvm *k, const struct blocks *b,
    struct state_clock *saved, struct state_clock *now)
{
	const int err = set_clock(k, b, saved, now);

	return err || !p->own_chip ? err : set_chips(k, b);
}
