/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/msi.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/base/exitcode.h"

/* Intel SDM vol. 3, 11.11.1 and 11.11.2, and 11.5.2 for vectors. */
#define ADDRESS_FIRST 0xfee00000ull
#define ADDRESS_LAST  0xfeefffffull
#define DELIVERY_MODE (7u << 8)
#define MODE_FIXED    (0u << 8)
#define MODE_LOWEST   (1u << 8)
#define MODE_NMI      (4u << 8)
#define MODE_INIT     (5u << 8)
#define VECTOR        0xffu
#define VECTOR_MIN    16u

/* KVM takes reserved modes for messages of its own, and has no use for SMI and ExtINT. */
static bool can_be_sent(uint64_t address, uint32_t data)
{
	const uint32_t mode = data & DELIVERY_MODE;

	if (address < ADDRESS_FIRST || address > ADDRESS_LAST)
		return false;
	if (mode == MODE_FIXED || mode == MODE_LOWEST)
		return (data & VECTOR) >= VECTOR_MIN;
	return mode == MODE_NMI || mode == MODE_INIT;
}

int msi_alloc(struct msi *s, struct callee *owner, uint32_t count, uint32_t *first)
{
	if (count == 0)
		return -EINVAL;
	if (count > MSI_MAX - s->count)
		return -ENOSPC;
	*first = s->count;
	for (; count > 0; count--)
		s->vectors[s->count++] = (struct msi_vector){.owner = owner};
	return 0;
}

static struct msi_vector *own_vector(struct msi *s, const struct callee *owner, uint32_t vector)
{
	return vector < s->count && s->vectors[vector].owner == owner ? &s->vectors[vector] : NULL;
}

/* After either of message and pending was written, so that one of two threads sees both. */
static void send_pending(struct msi *s, struct msi_vector *v)
{
	const uint64_t message = __atomic_load_n(&v->message, __ATOMIC_SEQ_CST);

	if (message != 0 && s->wired && __atomic_exchange_n(&v->pending, 0, __ATOMIC_SEQ_CST))
		msi_send(s, message >> 32, (uint32_t)message);
}

int msi_set(struct msi *s, struct callee *owner, uint32_t vector, uint64_t address, uint32_t data)
{
	struct msi_vector *v = own_vector(s, owner, vector);

	if (!v || (address != 0 && !can_be_sent(address, data)))
		return -EINVAL;
	/* An address that can be sent has 32 bits: both halves are one store. */
	__atomic_store_n(&v->message, address != 0 ? address << 32 | data : 0, __ATOMIC_SEQ_CST);
	send_pending(s, v);
	return 0;
}

/* KVM answers how many local APICs took the message: 0 if none wants it now, and -1, which
 * the C library turns into EPERM, if none has that destination. Either is lost, as the
 * write would be on a bus. */
void msi_send(struct msi *s, uint64_t address, uint32_t data)
{
	const struct kvm_msi request = {
	    .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data};

	if (ioctl(s->kvm->vm_fd, KVM_SIGNAL_MSI, &request) < 0 && errno != EPERM)
		vm_end(s->end, EXIT_KVM, "KVM_SIGNAL_MSI: %s", strerror(errno));
}

void msi_fire(struct msi *s, struct callee *owner, uint32_t vector)
{
	struct msi_vector *v = own_vector(s, owner, vector);

	if (!v || !s->wired)
		return;
	const uint64_t message = __atomic_load_n(&v->message, __ATOMIC_SEQ_CST);
	if (message != 0)
		msi_send(s, message >> 32, (uint32_t)message);
	else
		msi_set_pending(s, owner, vector, true);
}

bool msi_pending(struct msi *s, struct callee *owner, uint32_t vector)
{
	const struct msi_vector *v = own_vector(s, owner, vector);

	return v && __atomic_load_n(&v->pending, __ATOMIC_SEQ_CST);
}

void msi_set_pending(struct msi *s, struct callee *owner, uint32_t vector, bool pending)
{
	struct msi_vector *v = own_vector(s, owner, vector);

	if (!v)
		return;
	__atomic_store_n(&v->pending, pending, __ATOMIC_SEQ_CST);
	send_pending(s, v);
}

int msi_inject(struct msi *s, uint64_t address, uint32_t data)
{
	if (!can_be_sent(address, data))
		return -EINVAL;
	msi_send(s, address, data);
	return 0;
}
