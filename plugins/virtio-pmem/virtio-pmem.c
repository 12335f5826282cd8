/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio-pmem - a file as persistent memory of the guest, which reads and writes it as memory.
 *
 * Source: virtio 1.2, 5.19. Driver: Linux virtio_pmem, with nd_virtio.
 *
 * What the guest writes is in the host's page cache at once, and stable after a flush; the host
 * maps the file (volt.region/1), and this plugin answers flushes and nothing else.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <volt/draft/region.h>
#include <volt/virtio.h>

#define PMEM_DEVICE 27u /* virtio 5 */
#define RING        64u

#define REQUEST_FLUSH 0u /* virtio 5.19.6 */
#define ANSWER_OK     0u
#define ANSWER_EIO    1u

#define MIB (1024ull * 1024)

enum { PARAM_FILE, PARAM_READONLY, PARAM_PRIVATE };

enum {
	COUNT_FLUSHES = VOLT_VIRTIO_COUNT,
	COUNT_FAILED,
	COUNT_REFUSED,
	COUNT_DROPPED,
};

/* virtio 5.19.4, little-endian. */
struct pmem_config {
	uint64_t start, size;
};

struct pmem {
	struct volt_virtio v;
	struct volt_queue q[1];
	struct volt_virtio_type type;
	struct pmem_config config;
	int fd;
	uint32_t flags; /* of its region */
};

/* ------------------------------------------------------------------ requests */

/* What cannot become stable has no need to: it is not the file's. */
static bool sync_file(const struct pmem *p)
{
	if (p->flags)
		return true;
	while (fdatasync(p->fd))
		if (errno != EINTR) {
			volt_count(p->v.h, COUNT_FAILED, 1);
			return false;
		}
	return true;
}

static uint32_t serve(const struct pmem *p, uint32_t type)
{
	if (type != REQUEST_FLUSH) {
		volt_count(p->v.h, COUNT_REFUSED, 1);
		return ANSWER_EIO;
	}
	volt_count(p->v.h, COUNT_FLUSHES, 1);
	return sync_file(p) ? ANSWER_OK : ANSWER_EIO;
}

/* virtio 5.19.6: the type is read, the answer written, 32 bits each. */
static bool pmem_request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	const struct pmem *p = self;
	uint32_t type, answer;

	if (c->out_len < sizeof(type) || c->in_len < sizeof(answer)) {
		volt_count(p->v.h, COUNT_REFUSED, 1);
		volt_chain_done(q, c, 0);
		return true;
	}
	volt_chain_read(c, &type, sizeof(type));
	volt_put_le32(&answer, serve(p, volt_le32(&type)));
	volt_chain_write(c, &answer, sizeof(answer));
	volt_chain_done(q, c, sizeof(answer));
	return true;
}

/* A snapshot holds the guest's memory, and the file must be as old. */
static void pmem_drain(void *self, struct volt_queue *q)
{
	sync_file(self);
}

static void pmem_refused(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	volt_count(((const struct pmem *)self)->v.h, COUNT_DROPPED, 1);
}

/* -------------------------------------------------------------------- wiring */

static int check_size(const struct pmem *p, const struct volt_value *file)
{
	if (file->u == 0)
		return volt_fail(p->v.h, EINVAL, "cannot map %s: it is empty", file->s);
	/* What is behind the file would be lost with the VM, and the guest would not know. */
	if (p->flags == 0 && file->u % VOLT_REGION_ALIGN)
		return volt_fail(p->v.h, EINVAL,
		    "cannot map %s for writing: its size, %llu bytes, is not a multiple of 2M; "
		    "truncate -s %%2M makes it one",
		    file->s, (unsigned long long)file->u);
	return 0;
}

static int add_region(struct pmem *p, const struct volt_value *file)
{
	const struct volt_host *h = p->v.h;
	const struct volt_region *regions = h->get_ext(h, VOLT_EXT_REGION);
	const struct volt_region_want want = {.size = sizeof(want),
	    .flags = p->flags,
	    .name = "pmem-file",
	    .fd = file->fd,
	    .len = file->u,
	    .refused = pmem_refused};
	uint64_t gpa;

	if (!regions)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_REGION);
	const int err = regions->add(h, &want, &gpa);
	if (err)
		return volt_fail(h, -err, "cannot give the guest %s of %llu MiB", file->s,
		    (unsigned long long)(file->u / MIB));
	volt_put_le64(&p->config.start, gpa);
	volt_put_le64(&p->config.size,
	    (file->u + VOLT_REGION_ALIGN - 1) / VOLT_REGION_ALIGN * VOLT_REGION_ALIGN);
	return 0;
}

static int pmem_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct pmem *p = self;
	const struct volt_value *file = volt_arg(a, PARAM_FILE);
	const bool readonly = volt_arg(a, PARAM_READONLY)->u, own = volt_arg(a, PARAM_PRIVATE)->u;

	p->v.h = h;
	p->fd = file->fd;
	p->flags = readonly ? VOLT_REGION_READ_ONLY : own ? VOLT_REGION_PRIVATE : 0;
	p->type = (struct volt_virtio_type){
	    .size = sizeof(p->type),
	    .id = PMEM_DEVICE,
	    .name = "pmem",
	    .queues = 1,
	    .ring = RING,
	    .segments = 8,
	    .workers = 1,
	    .config = &p->config,
	    .config_size = sizeof(p->config),
	    .request = pmem_request,
	    .drain = pmem_drain,
	};
	if (readonly && own)
		return volt_fail(h, EINVAL, "readonly=on and private=on exclude each other");
	int err = check_size(p, file);
	if (err)
		return err;
	err = add_region(p, file);
	return err ? err : volt_virtio_init(p, p->q, &p->type, h, a);
}

/* --------------------------------------------------------------------- state */

static int validate(const void *candidate)
{
	const struct pmem *p = candidate;

	return volt_virtio_validate(&p->v, p->q);
}

static const char *obstacle(const void *self)
{
	const struct pmem *p = self;

	return p->flags == VOLT_REGION_PRIVATE
		   ? "with private=on what the guest wrote is in no file, and in no snapshot"
		   : NULL;
}

static const struct volt_field fields[] = {VOLT_VIRTIO_FIELDS(struct pmem)};

static const struct volt_state state = {
    .size = sizeof(state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .pause = volt_virtio_pause,
    .resume = volt_virtio_resume,
    .validate = validate,
    .obstacle = obstacle,
};

static const void *pmem_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) == 0 ? &state : NULL;
}

static const struct volt_param params[] = {
    [PARAM_FILE] = {.name = "file",
	.type = VOLT_PARAM_DISK,
	.help = "the file or block device that the guest has as memory"},
    [PARAM_READONLY] = {.name = "readonly",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "the guest cannot write, and several VMs can read"},
    [PARAM_PRIVATE] = {.name = "private",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "what the guest writes is its VM's alone and ends with it; several VMs can read"},
    VOLT_VIRTIO_PARAMS(),
};

static const struct volt_need needs[] = {
    {.syscall = "fdatasync",
	.reason = "makes writes stable when the guest flushes",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 1,
	.tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_FILE}}},
};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_FLUSHES] = {"flushes", "flushes by the guest"},
    [COUNT_FAILED] = {"failed", "flushes that the host's file failed"},
    [COUNT_REFUSED] = {"refused", "requests that are malformed or of an unknown type"},
    [COUNT_DROPPED] = {"dropped", "writes to memory that the guest can only read"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "virtio-pmem",
    .version = "0.1.0",
    .summary = "gives the guest a file as persistent memory",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct pmem),
    VOLT_PARAMS(params),
    VOLT_NEEDS(needs),
    VOLT_COUNTERS(counters),
    .init = pmem_init,
    .reset = volt_virtio_reset,
    .get_ext = pmem_get_ext,
};
