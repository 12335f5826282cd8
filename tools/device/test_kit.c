/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/device/test_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* A broken contract ends the test, and is a finding for the fuzzer. */
static void hold(bool true_)
{
	if (!true_)
		abort();
}

static uint32_t no_worker(void *self, uint32_t n)
{
	return VOLT_ANY;
}

static bool is_any_served(const struct kit *k)
{
	for (uint32_t n = 0; n < KIT_QUEUES; n++)
		if (k->served[n])
			return true;
	return false;
}

static int agree(void *self, uint64_t features)
{
	struct kit *k = self;

	if (is_any_served(k))
		return -EBUSY;
	if (features & ~(KIT_FEATURE | KIT_VERSION) || !(features & KIT_VERSION))
		return -EINVAL;
	k->agreed = features;
	return 0;
}

static int start(void *self, const struct volt_backend_ring *r)
{
	struct kit *k = self;

	hold(r->number < KIT_QUEUES && !k->served[r->number]);
	hold(r->entries && r->entries <= KIT_RING && !(r->entries & (r->entries - 1)));
	if (!k->agreed || !regions_at(&k->regions, r->desc, (uint64_t)16 * r->entries) ||
	    !regions_at(&k->regions, r->driver, 6 + (uint64_t)2 * r->entries) ||
	    !regions_at(&k->regions, r->device, 6 + (uint64_t)8 * r->entries))
		return -EINVAL;
	/* A device reads and writes it: what is not there kills it. */
	memset(regions_at(&k->regions, r->device, 4), 1, 4);
	k->ring[r->number] = *r;
	k->seen[r->number] = r->base;
	k->served[r->number] = true;
	k->starts++;
	return 0;
}

static int stop(void *self, uint32_t n)
{
	struct kit *k = self;

	hold(n < KIT_QUEUES && k->served[n]);
	k->served[n] = false;
	k->stops++;
	return k->seen[n];
}

static void kick(void *self, uint32_t n)
{
	struct kit *k = self;

	hold(n < KIT_QUEUES);
	k->kicks[n]++;
}

static void reset(void *self)
{
	struct kit *k = self;

	hold(!is_any_served(k));
	k->resets++;
	k->agreed = 0;
}

static void config_read(void *self, uint32_t off, void *to, uint32_t n)
{
	const struct kit *k = self;
	uint8_t *bytes = to;

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = off + i < KIT_CONFIG ? k->config[off + i] : 0;
}

static int config_write(void *self, uint32_t off, const void *from, uint32_t n)
{
	struct kit *k = self;

	if (off > KIT_CONFIG || n > KIT_CONFIG - off)
		return -EINVAL;
	memcpy(k->config + off, from, n);
	return 0;
}

static bool is_broken(void *self)
{
	return ((const struct kit *)self)->broken;
}

static const struct volt_backend_device device = {
    .size = sizeof(device),
    .id = 63,
    .features = KIT_FEATURE | KIT_VERSION,
    .queues = KIT_QUEUES,
    .ring = KIT_RING,
    .config_size = KIT_CONFIG,
    .worker = no_worker,
    .agree = agree,
    .start = start,
    .stop = stop,
    .kick = kick,
    .reset = reset,
    .config_read = config_read,
    .config_write = config_write,
    .is_broken = is_broken,
};

void kit_open(struct kit *k)
{
	int pair[2];

	*k = (struct kit){.s = {.device = &device, .self = k, .regions = &k->regions}};
	hold(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	k->far = pair[1];
	k->c.fd = pair[0];
	k->nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	k->memory = memfd_create("guest", MFD_CLOEXEC);
	hold(k->nothing >= 0 && k->epoll >= 0 && k->memory >= 0);
	hold(ftruncate(k->memory, KIT_MEMORY) == 0);
	hold(session_open(&k->s, k->nothing) == 0);
	for (uint32_t n = 0; n < KIT_QUEUES; n++) {
		k->s.waits[n] = (struct kick_wait){.epoll_fd = k->epoll, .data.u32 = n};
		k->config[n] = (uint8_t)(n + 1);
	}
}

void kit_close(struct kit *k)
{
	channel_done(&k->c);
	regions_clear(&k->regions);
	for (int fd = SLOT_FIRST; fd < SLOT_FIRST + (int)SLOT_COUNT; fd++)
		close(fd);
	close(k->far);
	close(k->c.fd);
	close(k->nothing);
	close(k->epoll);
	close(k->memory);
}

void kit_turn(struct kit *k)
{
	while (channel_receive(&k->c)) {
		session_handle(&k->s, &k->c);
		channel_done(&k->c);
	}
}

void kit_send(struct kit *k, uint32_t request, uint32_t flags, const void *body, uint32_t size,
    const int *fds, unsigned count)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(64 * sizeof(int))];
	} control = {.room = {0}};
	uint32_t header[] = {request, flags, size};
	struct iovec iov[] = {{header, sizeof(header)}, {(void *)(uintptr_t)body, size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = size ? 2 : 1};

	if (count > 0) {
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)),
		    .cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	hold(sendmsg(k->far, &msg, MSG_NOSIGNAL) == (ssize_t)(sizeof(header) + size));
	kit_turn(k);
}

bool kit_answer(struct kit *k, struct message *m)
{
	if (recv(k->far, m, HEADER_SIZE, MSG_DONTWAIT) != (ssize_t)HEADER_SIZE)
		return false;
	hold(m->size <= PAYLOAD_MAX && m->flags == (FLAG_VERSION | FLAG_REPLY));
	hold(!m->size || recv(k->far, &m->body, m->size, MSG_DONTWAIT) == (ssize_t)m->size);
	return true;
}

unsigned kit_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	hold(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}
