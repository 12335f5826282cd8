/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/base/log.h"
#include "core/kvm/state.h"

#ifndef KVM_VCPU_TSC_CTRL
#define KVM_VCPU_TSC_CTRL   0
#define KVM_VCPU_TSC_OFFSET 0
#endif

#define TAG_CPUID  BLOCK_TAG('C', 'P', 'I', 'D')
#define TAG_MSRS   BLOCK_TAG('M', 'S', 'R', 'S')
#define TAG_TSC    BLOCK_TAG('T', 'S', 'C', 'O')
#define TAG_XSAVE  BLOCK_TAG('X', 'S', 'A', 'V')
#define TAG_XCRS   BLOCK_TAG('X', 'C', 'R', 'S')
#define TAG_MP     BLOCK_TAG('M', 'P', 'S', 'T')
#define TAG_REGS   BLOCK_TAG('R', 'E', 'G', 'S')
#define TAG_SREGS2 BLOCK_TAG('S', 'R', 'G', '2')
#define TAG_SREGS  BLOCK_TAG('S', 'R', 'E', 'G')
#define TAG_DEBUG  BLOCK_TAG('D', 'B', 'G', 'R')
#define TAG_LAPIC  BLOCK_TAG('L', 'A', 'P', 'C')
#define TAG_EVENTS BLOCK_TAG('E', 'V', 'N', 'T')

/* A request that fills one struct, and its counterpart. */
struct row {
	uint32_t tag, get, set, size;
	const char *name;
};

enum row_number {
	ROW_MP,
	ROW_REGS,
	ROW_SREGS2,
	ROW_SREGS,
	ROW_XSAVE2,
	ROW_XSAVE,
	ROW_XCRS,
	ROW_DEBUG,
	ROW_LAPIC,
	ROW_EVENTS,
	ROW_COUNT
};

#define ROW(tag_, name_, type_) \
	{ \
		.tag = (tag_), .get = KVM_GET_##name_, .set = KVM_SET_##name_, \
		.size = sizeof(type_), .name = #name_ \
	}

static const struct row rows[ROW_COUNT] = {
    [ROW_MP] = ROW(TAG_MP, MP_STATE, struct kvm_mp_state),
    [ROW_REGS] = ROW(TAG_REGS, REGS, struct kvm_regs),
    [ROW_SREGS2] = ROW(TAG_SREGS2, SREGS2, struct kvm_sregs2),
    [ROW_SREGS] = ROW(TAG_SREGS, SREGS, struct kvm_sregs),
    [ROW_XSAVE2] = {.tag = TAG_XSAVE,
	.get = KVM_GET_XSAVE2,
	.set = KVM_SET_XSAVE,
	.name = "XSAVE2"},
    [ROW_XSAVE] = {.tag = TAG_XSAVE, .get = KVM_GET_XSAVE, .set = KVM_SET_XSAVE, .name = "XSAVE"},
    [ROW_XCRS] = ROW(TAG_XCRS, XCRS, struct kvm_xcrs),
    [ROW_DEBUG] = ROW(TAG_DEBUG, DEBUGREGS, struct kvm_debugregs),
    [ROW_LAPIC] = ROW(TAG_LAPIC, LAPIC, struct kvm_lapic_state),
    [ROW_EVENTS] = ROW(TAG_EVENTS, VCPU_EVENTS, struct kvm_vcpu_events),
};

static bool is_there(const struct state_plan *p, enum row_number number)
{
	switch (number) {
	case ROW_SREGS2:
		return p->sregs2;
	case ROW_SREGS:
		return !p->sregs2;
	case ROW_XSAVE2:
		return p->xsave2;
	case ROW_XSAVE:
		return !p->xsave2 && p->xsave_size > 0;
	case ROW_XCRS:
		return p->xcrs;
	case ROW_DEBUG:
		return p->debugregs;
	default:
		return true;
	}
}

static uint32_t size_of(const struct state_plan *p, enum row_number number)
{
	return rows[number].tag == TAG_XSAVE ? p->xsave_size : rows[number].size;
}

/* ------------------------------------------------------------------- the plan */

/* A pending page fault keeps its address, and a pending triple fault is not forgotten. */
void state_prepare(const struct kvm *k)
{
	static const uint32_t caps[] = {
	    KVM_CAP_EXCEPTION_PAYLOAD,
	    KVM_CAP_X86_TRIPLE_FAULT_EVENT,
	};

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		const struct kvm_enable_cap cap = {.cap = caps[i], .args = {1}};

		if (ioctl(k->vm_fd, KVM_ENABLE_CAP, &cap) != 0)
			log_debug("KVM_ENABLE_CAP %u: %s", caps[i], strerror(errno));
	}
}

/* How much KVM writes for XSAVE2; with AMX allowed it is more than XSAVE can hold. */
static void plan_xsave(struct state_plan *p, const struct kvm *k)
{
	const int size = ioctl(k->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	p->xsave2 = size >= (int)sizeof(struct kvm_xsave);
	if (p->xsave2)
		p->xsave_size = (uint32_t)size;
	else if (ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE) > 0)
		p->xsave_size = sizeof(struct kvm_xsave);
}

static struct kvm_device_attr tsc_attr(uint64_t *offset)
{
	return (struct kvm_device_attr){
	    .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)offset};
}

static bool has_tsc_offset(const struct vcpu *v)
{
	const struct kvm_device_attr attr = tsc_attr(NULL);

	return ioctl(v->fd, KVM_HAS_DEVICE_ATTR, &attr) == 0;
}

static bool has_xcrs(const struct kvm *k, const struct vcpu *v)
{
	struct kvm_xcrs xcrs;

	return ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) > 0 &&
	       ioctl(v->fd, KVM_GET_XCRS, &xcrs) == 0 && xcrs.nr_xcrs > 0;
}

/* One request of all stops at the first that cannot be read; the rest is asked for anew. */
void state_plan_reading(struct state_plan *p, const struct vcpu *v)
{
	uint32_t done = 0;

	while (done < p->msr_count) {
		struct state_msrs *s = &p->scratch;

		s->count = p->msr_count - done;
		for (uint32_t i = 0; i < s->count; i++)
			s->entries[i] = (struct kvm_msr_entry){.index = p->msrs[done + i]};
		const int n = ioctl(v->fd, KVM_GET_MSRS, s);
		done += n > 0 ? (uint32_t)n : 0;
		if (done >= p->msr_count)
			return;
		p->msr_count--;
		memmove(
		    p->msrs + done, p->msrs + done + 1, (p->msr_count - done) * sizeof(p->msrs[0]));
	}
}

int state_plan(struct state_plan *p, const struct kvm *k, const struct vcpu *vcpus, uint32_t count,
    const struct cpuid *cpuid, bool own_chip)
{
	p->cpus = count;
	p->cpuid = cpuid;
	p->own_chip = own_chip;
	p->tsc_khz = vcpu_tsc_khz(&vcpus[0]);
	p->sregs2 = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_SREGS2) > 0;
	p->debugregs = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_DEBUGREGS) > 0;
	p->xcrs = has_xcrs(k, &vcpus[0]);
	p->tsc_offset = has_tsc_offset(&vcpus[0]);
	plan_xsave(p, k);
	const int n = state_list_msrs(k, p->msrs);
	if (n < 0)
		return n;
	p->msr_count = (uint32_t)n;
	return 0;
}

uint32_t state_vcpu_requests(const struct state_plan *p, uint32_t requests[STATE_REQUESTS_MAX])
{
	uint32_t n = 0;

	for (enum row_number i = 0; i < ROW_COUNT; i++)
		if (is_there(p, i))
			requests[n++] = rows[i].get;
	requests[n++] = KVM_GET_MSRS;
	if (p->tsc_offset)
		requests[n++] = KVM_GET_DEVICE_ATTR;
	return n;
}

static size_t cpuid_bytes(const struct state_plan *p)
{
	return p->cpuid->head.nent * sizeof(p->cpuid->entries[0]);
}

size_t state_vcpu_size(const struct state_plan *p)
{
	size_t n = blocks_size(cpuid_bytes(p)) +
		   blocks_size(p->msr_count * sizeof(p->scratch.entries[0])) +
		   blocks_size(sizeof(uint64_t) * 2);

	for (enum row_number i = 0; i < ROW_COUNT; i++)
		if (is_there(p, i))
			n += blocks_size(size_of(p, i));
	return n;
}

/* -------------------------------------------------------------------- reading */

static void put_cpuid(const struct state_plan *p, uint32_t id, struct blocks_out *out)
{
	struct kvm_cpuid_entry2 *to = blocks_put(out, TAG_CPUID, cpuid_bytes(p));

	/* What differs between vCPUs is worked out again when it is set. */
	if (to)
		memcpy(to, p->cpuid->entries, cpuid_bytes(p));
}

static int read_rows(const struct state_plan *p, const struct vcpu *v, enum row_number from,
    enum row_number last, struct blocks_out *out, const char **failed)
{
	for (enum row_number i = from; i <= last; i++) {
		if (!is_there(p, i))
			continue;
		void *to = blocks_put(out, rows[i].tag, size_of(p, i));

		*failed = rows[i].name;
		if (!to)
			return -ENOSPC;
		if (ioctl(v->fd, rows[i].get, to) != 0)
			return -errno;
	}
	return 0;
}

static int read_msrs(struct state_plan *p, const struct vcpu *v, struct blocks_out *out)
{
	struct state_msrs *s = &p->scratch;

	s->count = p->msr_count;
	for (uint32_t i = 0; i < s->count; i++)
		s->entries[i] = (struct kvm_msr_entry){.index = p->msrs[i]};
	const int n = ioctl(v->fd, KVM_GET_MSRS, s);
	if (n < 0)
		return -errno;
	if ((uint32_t)n != s->count)
		return -EIO;
	void *to = blocks_put(out, TAG_MSRS, s->count * sizeof(s->entries[0]));
	if (to)
		memcpy(to, s->entries, s->count * sizeof(s->entries[0]));
	return 0;
}

/* The offset and the rate that it belongs to, in kHz. */
static int read_tsc(const struct state_plan *p, const struct vcpu *v, struct blocks_out *out)
{
	uint64_t *to = blocks_put(out, TAG_TSC, 2 * sizeof(*to));

	if (!to)
		return -ENOSPC;
	to[1] = p->tsc_khz;
	const struct kvm_device_attr attr = tsc_attr(to);
	return !p->tsc_offset || ioctl(v->fd, KVM_GET_DEVICE_ATTR, &attr) == 0 ? 0 : -errno;
}

/* MP_STATE first: it takes an INIT or SIPI that is pending and may change CS and RIP with it.
 * LAPIC before the MSRs, and the events last: what is read before them may move some. */
int state_read_vcpu(
    struct state_plan *p, const struct vcpu *v, struct blocks_out *out, const char **failed)
{
	put_cpuid(p, v->id, out);
	int err = read_rows(p, v, ROW_MP, ROW_LAPIC, out, failed);
	if (err)
		return err;
	*failed = "MSRS";
	err = read_msrs(p, v, out);
	if (err)
		return err;
	*failed = "TSC_OFFSET";
	err = read_tsc(p, v, out);
	if (err)
		return err;
	err = read_rows(p, v, ROW_EVENTS, ROW_EVENTS, out, failed);
	return err ? err : out->overflowed ? -ENOSPC : 0;
}

/* -------------------------------------------------------------------- setting */

static int lacks(const struct vcpu *v, const char *name)
{
	return log_error(
	    EINVAL, "the snapshot has no %s of vCPU %u that this host's KVM takes", name, v->id);
}

int state_set_cpuid(const struct blocks *b, const struct cpuid *host, uint32_t vcpu, uint32_t cpus,
    struct cpuid *guest)
{
	const struct block *saved = blocks_find(b, TAG_CPUID);
	const size_t one = sizeof(guest->entries[0]);
	char why[256];

	if (!saved || saved->length % one != 0 || saved->length / one > CPUID_MAX)
		return log_error(EINVAL, "the snapshot's CPUID of vCPU %u is malformed", vcpu);
	memset(guest, 0, sizeof(*guest));
	guest->head.nent = (uint32_t)(saved->length / one);
	memcpy(guest->entries, saved->bytes, saved->length);
	if (!state_compare_cpuid(host, guest, why, sizeof(why)))
		return log_error(ENOTSUP,
		    "the snapshot cannot go on here: %s; boot the guest on a host like this one, "
		    "or restore it on one like the saver's",
		    why);
	cpuid_set_vcpu(guest, vcpu, cpus);
	return 0;
}

static int set_rows(const struct state_plan *p, const struct vcpu *v, const struct blocks *b,
    enum row_number from, enum row_number last)
{
	for (enum row_number i = from; i <= last; i++) {
		if (!is_there(p, i))
			continue;
		const struct block *saved = blocks_find(b, rows[i].tag);

		if (!saved || saved->length != size_of(p, i))
			return lacks(v, rows[i].name);
		if (ioctl(v->fd, rows[i].set, saved->bytes) != 0)
			return log_error(errno, "KVM_SET_%s of vCPU %u: %s", rows[i].name, v->id,
			    strerror(errno));
	}
	return 0;
}

static bool is_planned(const struct state_plan *p, uint32_t index)
{
	for (uint32_t i = 0; i < p->msr_count; i++)
		if (p->msrs[i] == index)
			return true;
	return false;
}

/* One that this KVM lacks does not matter as long as the guest left it alone. */
static int take_msrs(
    struct state_plan *p, const struct vcpu *v, const struct blocks *b, bool deadline)
{
	const struct block *saved = blocks_find(b, TAG_MSRS);
	const struct kvm_msr_entry *entries = saved ? (const void *)saved->bytes : NULL;
	struct state_msrs *s = &p->scratch;

	if (!saved || saved->length % sizeof(*entries) != 0 ||
	    saved->length / sizeof(*entries) > STATE_MSR_MAX)
		return lacks(v, "MSRS");
	s->count = 0;
	for (uint32_t i = 0; i < saved->length / sizeof(*entries); i++) {
		if ((entries[i].index == MSR_TSC_DEADLINE) != deadline)
			continue;
		if (state_why_not_msr(entries[i].index))
			return log_error(EINVAL, "the snapshot has MSR 0x%x of vCPU %u: %s",
			    entries[i].index, v->id, state_why_not_msr(entries[i].index));
		if (is_planned(p, entries[i].index))
			s->entries[s->count++] = entries[i];
		else if (entries[i].data != 0)
			return log_error(ENOTSUP,
			    "this host's KVM lacks MSR 0x%x, which the guest set to 0x%llx",
			    entries[i].index, (unsigned long long)entries[i].data);
	}
	return 0;
}

static int set_msrs(struct state_plan *p, const struct vcpu *v)
{
	struct state_msrs *s = &p->scratch;

	while (s->count > 0) {
		const int n = ioctl(v->fd, KVM_SET_MSRS, s);

		if (n == (int)s->count)
			return 0;
		if (n < 0)
			return log_error(
			    errno, "KVM_SET_MSRS of vCPU %u: %s", v->id, strerror(errno));
		const struct kvm_msr_entry *refused = &s->entries[n];
		if (refused->data != 0)
			return log_error(ENOTSUP,
			    "this host's KVM does not set MSR 0x%x of vCPU %u to 0x%llx",
			    refused->index, v->id, (unsigned long long)refused->data);
		s->count -= (uint32_t)n + 1;
		memmove(s->entries, refused + 1, s->count * sizeof(*refused));
	}
	return 0;
}

/* REGS clears pending exceptions, so the events come later. SREGS holds the APIC's base: before
 * the local APIC. The local APIC comes before the MSRs, as a TSC deadline is dropped while its
 * timer is in another mode. */
int state_set_vcpu(struct state_plan *p, const struct vcpu *v, const struct blocks *b)
{
	int err = set_rows(p, v, b, ROW_MP, ROW_LAPIC);

	if (err)
		return err;
	err = take_msrs(p, v, b, false);
	return err ? err : set_msrs(p, v);
}

/* Two rates that far apart are one: by so much a guest's own measurement may be wrong (QEMU's
 * tolerance, 250 ppm). */
static bool is_same_rate(uint64_t a, uint64_t b)
{
	const uint64_t apart = a > b ? a - b : b - a;

	return apart <= b / 4000;
}

/* The guest's counter goes on from where it stood, as its kvm-clock does. One instant for all
 * vCPUs, so that they keep the differences that they had. */
static int set_tsc(const struct state_plan *p, const struct vcpu *v, const struct blocks *b,
    const struct state_clock *saved, const struct state_clock *now)
{
	const struct block *block = blocks_find(b, TAG_TSC);
	uint64_t was[2], must, is = 0;

	if (!block || block->length != sizeof(was))
		return lacks(v, "TSC offset");
	memcpy(was, block->bytes, sizeof(was));
	if (!is_same_rate(was[1], p->tsc_khz))
		return log_error(ENOTSUP,
		    "the guest's time-stamp counter ran at %llu kHz, and this host's runs at %u "
		    "kHz",
		    (unsigned long long)was[1], p->tsc_khz);
	if (!p->tsc_offset)
		return log_error(ENOTSUP,
		    "this host's KVM cannot set a time-stamp counter by its offset: it needs Linux "
		    "5.16");
	must = was[0] + saved->tsc - now->tsc;
	const struct kvm_device_attr set = tsc_attr(&must), get = tsc_attr(&is);
	if (ioctl(v->fd, KVM_SET_DEVICE_ATTR, &set) != 0)
		return log_error(
		    errno, "KVM_VCPU_TSC_OFFSET of vCPU %u: %s", v->id, strerror(errno));
	if ((ioctl(v->fd, KVM_GET_DEVICE_ATTR, &get) != 0 || is != must) && v->id == 0)
		log_warn(
		    "this host's KVM ignores the offset of the time-stamp counter: it jumps in "
		    "the guest");
	return 0;
}

/* 0 while the timer is in that mode: none is armed, or its interrupt was due and not delivered. A
 * guest bears one that it did not wait for, and not the loss of one. Any time that is past is due
 * at once. */
static void renew_deadline(struct state_plan *p, const struct blocks *b)
{
	enum { LVT_TIMER = 0x320, MODE = 3 << 17, TSC_DEADLINE = 2 << 17, MASKED = 1 << 16 };
	const struct block *lapic = blocks_find(b, TAG_LAPIC);
	uint32_t lvt = 0;

	if (lapic && lapic->length >= LVT_TIMER + sizeof(lvt))
		memcpy(&lvt, lapic->bytes + LVT_TIMER, sizeof(lvt));
	if (p->scratch.count == 1 && p->scratch.entries[0].data == 0 &&
	    (lvt & (MODE | MASKED)) == TSC_DEADLINE)
		p->scratch.entries[0].data = 1;
}

/* The deadline is armed from the counter, so it comes after it. */
int state_finish_vcpu(struct state_plan *p, const struct vcpu *v, const struct blocks *b,
    const struct state_clock *saved, const struct state_clock *now)
{
	int err = set_tsc(p, v, b, saved, now);

	if (err)
		return err;
	err = take_msrs(p, v, b, true);
	if (err)
		return err;
	renew_deadline(p, b);
	err = set_msrs(p, v);
	return err ? err : set_rows(p, v, b, ROW_EVENTS, ROW_EVENTS);
}
