/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The state file of a snapshot, read as `volt --restore` reads it: the file itself, the machine
 * that it describes, memory, CPUID, what goes into KVM, and a device's fields. KVM is played. If
 * the first byte of an input is odd the sums of the file are made right.
 */
#include "cover.h"

#include "core/vm/restore.c"
#include "core/vm/snapshot.h"
#include "tests/core/kit.h"
#include "tests/fuzz/snapshot_sums.h"
#include "tests/fuzz/state_device.h"

#define RAM (16ull << 20)

static const struct volt_param params[] = {
    {.name = "words", .type = VOLT_PARAM_UINT, .def = "7", .max = 7, .help = "how many"},
    {.name = "name", .type = VOLT_PARAM_STRING, .def = "a b", .help = "of the device"},
};

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return 0;
}

static const struct volt_plugin plugin = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "cover",
    .version = "1",
    .summary = "a device",
    .instance_size = sizeof(struct device),
    VOLT_PARAMS(params),
    .init = init,
};

/* ------------------------------------------------------------------------ KVM */

int __wrap_ioctl(int fd, unsigned long request, ...);

/* A host that has all there is, and takes all that it is given. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	static const uint32_t msrs[] = {0x174, 0x10, MSR_TSC_DEADLINE};
	va_list ap;

	va_start(ap, request);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return (uintptr_t)arg == KVM_CAP_XSAVE2 ? sizeof(struct kvm_xsave) : 1;
	case KVM_GET_TSC_KHZ:
		return 1000000;
	case KVM_GET_XCRS:
		((struct kvm_xcrs *)arg)->nr_xcrs = 1;
		return 0;
	case KVM_GET_MSR_INDEX_LIST:
		((struct kvm_msr_list *)arg)->nmsrs = sizeof(msrs) / sizeof(msrs[0]);
		memcpy(((struct kvm_msr_list *)arg)->indices, msrs, sizeof(msrs));
		return 0;
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		return (int)((struct kvm_msrs *)arg)->nmsrs;
	default:
		return 0;
	}
}

static void make_host(struct cpuid *c)
{
	static const struct kvm_cpuid_entry2 leaves[] = {
	    {.function = 0, .eax = 0xd, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69},
	    {.function = 1, .ecx = 0x7ffafbff, .edx = 0xffffffff},
	    {.function = 7, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .ebx = 1u << 5},
	    {.function = 0xd, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 7},
	    {.function = 0x80000008, .eax = 0x3027},
	};

	c->head.nent = sizeof(leaves) / sizeof(leaves[0]);
	memcpy(c->entries, leaves, sizeof(leaves));
}

/* -------------------------------------------------------------------- machine */

static struct machine *m;
static struct options options;
static struct cpuid host, guest;
static struct vcpu vcpu;
static struct instance *instance;
static struct device *device;
static char folder[] = "/tmp/volt-cover-XXXXXX";
static int state_fd;

static void remove_folder(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/state", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/memory", folder);
	unlink(path);
	rmdir(folder);
}

static int make_file(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	must(fd >= 0, path);
	return fd;
}

/* LSan of gcc is a library, which sees only what the program exports. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

/* The machine stays; sealed memory points to parts of it, where LSan does not look. */
const char *__lsan_default_suppressions(void)
{
	return "leak:make_machine";
}

static void make_machine(void)
{
	m = kit_machine();
	log_set_fd(-1);
	m->options = &options;
	m->vcpus = &vcpu;
	make_host(&host);
	m->cpuid = &host;
	instance = kit_instance(m, &plugin, "words=5");
	must(instance != NULL, "no instance");
	instance->saved = &table;
	device = instance->callee.self;
	must(mkdtemp(folder) != NULL, "no folder");
	atexit(remove_folder);
	state_fd = make_file("state");
	const int memory_fd = make_file("memory");
	must(ftruncate(memory_fd, RAM) == 0, "no memory file");
	close(memory_fd);
}

/* -------------------------------------------------------------------- reading */

/* Padding counts, too: a device that was refused is left alone. */
static bool is_same(const void *a, const void *b, size_t n)
{
	return memcmp(a, b, n) == 0;
}

static void check_device(const struct device *before, int err)
{
	must(device->guard == before->guard && device->tail == before->tail,
	    "something outside of the fields changed");
	must(!err || is_same(device, before, sizeof(*before)), "refused, and not whole");
	must(err || (device->small >= 3 && device->small <= 9 && device->index <= 6),
	    "outside of its limits");
}

/* Mapped where nothing else lies, so that a range outside of it is noticed. */
static int map_memory(void)
{
	must(options.memory <= RAM, "more memory than its file holds");
	m->memory.low_size = options.memory;
	m->memory.host = mmap(
	    NULL, options.memory, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(m->memory.host != MAP_FAILED, "no address space");
	const int err = restore_map(m);
	munmap(m->memory.host, options.memory);
	return err;
}

static void restore(void)
{
	*device = (struct device){.guard = 1, .small = 5, .tail = 2};
	const struct device before = *device;

	if (restore_open(m, &options) || restore_check(m) || map_memory() ||
	    restore_cpuid(m, 0, &host, &guest))
		return;
	must(guest.head.nent <= CPUID_MAX, "a CPUID of too many leaves");
	if (restore_plan(m) || restore_kvm(m))
		return;
	check_device(&before, restore_fields(m, 0));
}

static void forget(void)
{
	struct restore *r = m->restore;

	if (r->memory_fd >= 0)
		close(r->memory_fd);
	free(r->bytes);
	free(r->scratch);
	free(r->cpus);
	free(r);
	m->restore = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!m)
		make_machine();
	if (size == 0)
		return 0;
	uint8_t *bytes = (uint8_t *)text_of(data + 1, size - 1);
	if ((data[0] & 1) != 0)
		snapshot_mend(bytes, size - 1);
	must(pwrite(state_fd, bytes, size - 1, 0) == (ssize_t)size - 1 &&
		 ftruncate(state_fd, (off_t)size - 1) == 0,
	    "no state file");
	free(bytes);
	options = (struct options){.restore = folder, .cpus = 1, .cpus_given = true};
	restore();
	forget();
	return 0;
}
