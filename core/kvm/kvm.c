/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/config.h"

/* Says in one line why the host's KVM cannot run Linux, or NULL. */
static const char *find_limit(void)
{
	if (access("/sys/module/kvm_pvm", F_OK) == 0)
		return "this host's KVM (kvm_pvm) has no VMX or SVM underneath and emulates guest "
		       "kernels; it cannot boot Linux: use a host with kvm_intel or kvm_amd, or "
		       "run volt inside scripts/lab";
	return NULL;
}

int kvm_open(struct kvm *k, const char *path)
{
	k->fd = open(path, O_RDWR | O_CLOEXEC);
	if (k->fd < 0 && errno == ENOENT)
		return log_error(ENOENT,
		    "%s does not exist: load kvm_intel or kvm_amd, or enable virtualization "
		    "in the firmware (a VM needs nested virtualization)",
		    path);
	if (k->fd < 0 && (errno == EACCES || errno == EPERM))
		return log_error(EACCES,
		    "no right to open %s: join the group that owns it (usually kvm), or run as "
		    "root",
		    path);
	if (k->fd < 0)
		return log_error(errno, "cannot open %s: %s", path, strerror(errno));
	int version = ioctl(k->fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		return log_error(
		    errno, "%s: cannot ask for its version: %s", path, strerror(errno));
	if (version != KVM_API_VERSION)
		return log_error(ENOTSUP, "%s speaks KVM API version %d, volt needs %d", path,
		    version, KVM_API_VERSION);
	for (unsigned i = 0; i < kvm_need_count; i++)
		if (ioctl(k->fd, KVM_CHECK_EXTENSION, kvm_needs[i].number) <= 0)
			return log_error(ENOTSUP,
			    "the host's KVM lacks %s, needed for %s: use a newer kernel",
			    kvm_needs[i].name, kvm_needs[i].use);
	int size = ioctl(k->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return log_error(EPROTO, "KVM_GET_VCPU_MMAP_SIZE answered %d", size);
	k->run_size = (uint32_t)size;
	int cpus = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	k->max_cpus = cpus > 0 ? (uint32_t)cpus : 4;
	k->tsc_deadline = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	k->limit = find_limit();
	return 0;
}

int kvm_create_vm(struct kvm *k)
{
	/* Three pages for Intel CPUs without unrestricted guests and one for the identity
	 * map (KVM API, 4.35 and 4.41); in the hole, above every device. */
	uint64_t identity_map = KVM_PAGES_BASE;

	do
		k->vm_fd = ioctl(k->fd, KVM_CREATE_VM, 0);
	while (k->vm_fd < 0 && errno == EINTR);
	if (k->vm_fd < 0)
		return log_error(errno, "KVM_CREATE_VM: %s", strerror(errno));
	fcntl(k->vm_fd, F_SETFD, FD_CLOEXEC);
	if (ioctl(k->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) != 0 ||
	    ioctl(k->vm_fd, KVM_SET_TSS_ADDR, KVM_PAGES_BASE + 0x1000) != 0)
		return log_error(errno, "KVM_SET_TSS_ADDR: %s", strerror(errno));
	return 0;
}

static int map_slot(struct kvm *k, uint32_t slot, uint64_t gpa, uint64_t size, uint8_t *host)
{
	struct kvm_userspace_memory_region region = {
	    .slot = slot,
	    .guest_phys_addr = gpa,
	    .memory_size = size,
	    .userspace_addr = (uintptr_t)host,
	};

	if (ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) != 0)
		return log_error(errno, "KVM_SET_USER_MEMORY_REGION of %llu MiB at 0x%llx: %s",
		    (unsigned long long)(size >> 20), (unsigned long long)gpa, strerror(errno));
	return 0;
}

/* Whoever asks the VM for something declares that: irq.c. */
void kvm_declare(const struct kvm *k, struct ledger *l)
{
	ledger_file(l, k->vm_fd, "core", "VM");
}

int kvm_map_memory(struct kvm *k, const struct memory *m)
{
	const int err = map_slot(k, 0, 0, m->low_size, m->host);

	if (err)
		return err;
	if (m->high_size > 0)
		return map_slot(k, 1, MEMORY_HIGH_START, m->high_size, m->host + m->low_size);
	return 0;
}

#if VOLT_HAS_SNAPSHOT || VOLT_HAS_REGIONS

int kvm_map_device(struct kvm *k, uint32_t number, const struct memory_region *r)
{
	struct kvm_userspace_memory_region region = {
	    .slot = 2 + number,
	    .flags = r->read_only ? KVM_MEM_READONLY : 0,
	    .guest_phys_addr = r->gpa,
	    .memory_size = r->len,
	    .userspace_addr = (uintptr_t)r->host,
	};

	if (ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) != 0)
		return log_error(errno,
		    "KVM_SET_USER_MEMORY_REGION of a device's memory at 0x%llx: %s",
		    (unsigned long long)r->gpa, strerror(errno));
	return 0;
}

#endif

int kvm_create_irqchip(struct kvm *k)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

	if (ioctl(k->vm_fd, KVM_CREATE_IRQCHIP, 0) != 0)
		return log_error(errno, "KVM_CREATE_IRQCHIP: %s", strerror(errno));
	if (ioctl(k->vm_fd, KVM_CREATE_PIT2, &pit) != 0)
		return log_error(errno, "KVM_CREATE_PIT2: %s", strerror(errno));
	return 0;
}

int kvm_split_irqchip(struct kvm *k, uint32_t pins)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {pins}};

	if (ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_SPLIT_IRQCHIP) <= 0)
		return log_error(ENOTSUP, "the host's KVM lacks KVM_CAP_SPLIT_IRQCHIP, needed for "
					  "an interrupt controller "
					  "plugin: leave it out to use KVM's own");
	if (ioctl(k->vm_fd, KVM_ENABLE_CAP, &cap) != 0)
		return log_error(errno, "KVM_CAP_SPLIT_IRQCHIP: %s", strerror(errno));
	return 0;
}
