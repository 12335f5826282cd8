/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * threads_blk - a clone with two queues under a host whose workers are threads.
 *
 * Two drivers write, read back and flush pieces that share clusters, while the loop pauses and
 * resumes the device and changes its rate. Each driver must read what it wrote, and in the end the
 * file must hold it. Built with -fsanitize=thread the program also tells whether library and
 * workers race; a driver's own loads and stores are left out of that, as those of a guest are.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <volt/describe.h>

#include "blk.h"

#define QUEUES   2u
#define RING_OF  16u
#define ROUNDS   400u
#define PIECE    2048u /* half of a cluster */
#define PIECES   64u
#define DISK     (PIECES * PIECE)
#define RAM      0x100000u
#define RAM_SIZE 0x40000u
#define GUEST    __attribute__((no_sanitize("thread")))

extern const struct volt_plugin volt_plugin_virtio_blk;

static uint8_t ram[RAM_SIZE] __attribute__((aligned(4096)));
static struct blk *device;
static pthread_mutex_t instance = PTHREAD_MUTEX_INITIALIZER;
static struct volt_range registers;
static bool ended;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	abort();
}

/* ------------------------------------------------------------------------- host */

static struct worker {
	pthread_t thread;
	sem_t posts;
	void (*job)(void *self, uint32_t worker);
	uint32_t begun, over;
} workers[QUEUES];
static uint32_t worker_count;

static void *work(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		while (sem_wait(&w->posts))
			;
		if (__atomic_load_n(&ended, __ATOMIC_ACQUIRE))
			return NULL;
		__atomic_fetch_add(&w->begun, 1, __ATOMIC_SEQ_CST);
		w->job(device, (uint32_t)(w - workers));
		__atomic_fetch_add(&w->over, 1, __ATOMIC_SEQ_CST);
	}
}

static int add_worker(const struct volt_host *h, const char *name,
    void (*job)(void *self, uint32_t worker), uint32_t *worker)
{
	workers[worker_count].job = job;
	must(sem_init(&workers[worker_count].posts, 0, 0) == 0, "sem_init");
	*worker = worker_count++;
	return 0;
}

static void post(const struct volt_host *h, uint32_t worker)
{
	sem_post(&workers[worker].posts);
}

static int run(const struct volt_host *h, uint32_t worker)
{
	struct worker *w = &workers[worker];
	const uint32_t ticket = __atomic_load_n(&w->begun, __ATOMIC_SEQ_CST) + 1;

	if (!w->thread)
		return -EAGAIN;
	post(h, worker);
	while ((int32_t)(__atomic_load_n(&w->over, __ATOMIC_SEQ_CST) - ticket) < 0)
		sched_yield();
	return 0;
}

static const struct volt_worker worker_table = {
    .size = sizeof(worker_table), .add = add_worker, .post = post, .run = run};

static void *map(const struct volt_host *h, uint64_t gpa, size_t n, bool writable)
{
	if (gpa < RAM || gpa - RAM > RAM_SIZE || n > RAM_SIZE - (gpa - RAM))
		return NULL;
	return ram + (gpa - RAM);
}

static void dirty(const struct volt_host *h, uint64_t gpa, size_t n)
{
}

static const struct volt_mem mem_table = {.size = sizeof(mem_table), .map = map, .dirty = dirty};

static int add_doorbell(
    const struct volt_host *h, const struct volt_doorbell_at *at, uint32_t *doorbell)
{
	return 0;
}

static const struct volt_doorbell doorbell_table = {
    .size = sizeof(doorbell_table), .add = add_doorbell};

static int describe(const struct volt_host *h, const struct volt_acpi_device *d)
{
	return 0;
}

static const struct volt_describe describe_table = {
    .size = sizeof(describe_table), .device = describe};

/* The timer is the loop's, below: it posts all the time. */
static int add_timer(const struct volt_host *h, void (*fire)(void *self), uint32_t *timer)
{
	return 0;
}

static void arm(const struct volt_host *h, uint32_t timer, uint64_t deadline_ns)
{
}

static uint64_t now(const struct volt_host *h)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const struct volt_loop loop_table = {
    .size = sizeof(loop_table), .add_timer = add_timer, .arm = arm, .now = now};

static const void *get_ext(const struct volt_host *h, const char *id)
{
	if (strcmp(id, VOLT_EXT_WORKER) == 0)
		return &worker_table;
	if (strcmp(id, VOLT_EXT_MEM) == 0)
		return &mem_table;
	if (strcmp(id, VOLT_EXT_DOORBELL) == 0)
		return &doorbell_table;
	if (strcmp(id, VOLT_EXT_LOOP) == 0)
		return &loop_table;
	return strcmp(id, VOLT_EXT_DESCRIBE) ? NULL : &describe_table;
}

static int place(const struct volt_host *h, const struct volt_range *r, uint64_t *base)
{
	registers = *r;
	*base = 0xd0000000;
	return 0;
}

static int add_irq(const struct volt_host *h, uint32_t gsi, uint32_t flags, uint32_t *line)
{
	return 0;
}

static uint32_t irq_number(const struct volt_host *h, uint32_t line)
{
	return 23;
}

static void pulse(const struct volt_host *h, uint32_t line)
{
}

static int find(const struct volt_host *h, const char *id, struct volt_peer *peer)
{
	return -ENOENT;
}

static int refuse(const struct volt_host *h, int32_t err, const char *msg)
{
	fprintf(stderr, "%s\n", msg);
	return -err;
}

static uint64_t counters[64];
static const struct volt_host host = {
    .size = sizeof(host),
    .counters = counters,
    .fail = refuse,
    .add_irq = add_irq,
    .get_ext = get_ext,
    .place = place,
    .irq_number = irq_number,
    .pulse = pulse,
    .find = find,
};

/* ---------------------------------------------------------------------- drivers */

static struct driver {
	pthread_t thread;
	unsigned queue;
	uint64_t ring, header, status, data; /* guest physical */
	uint16_t next;
	uint32_t number;          /* of its newest write */
	uint32_t written[PIECES]; /* number of the newest write to each of its pieces */
} drivers[QUEUES];

GUEST static uint8_t *at(uint64_t gpa)
{
	return ram + (gpa - RAM);
}

/* Loads and stores of a guest: no instrument sees them, and none is an atomic's. */
GUEST static void put16(uint64_t gpa, uint16_t v)
{
	*(volatile uint16_t *)(void *)at(gpa) = v;
}

GUEST static void put32(uint64_t gpa, uint32_t v)
{
	*(volatile uint32_t *)(void *)at(gpa) = v;
}

GUEST static void put64(uint64_t gpa, uint64_t v)
{
	*(volatile uint64_t *)(void *)at(gpa) = v;
}

GUEST static uint16_t load_used(const struct driver *d)
{
	const uint16_t index = *(volatile uint16_t *)(void *)at(d->ring + 0x202);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return index;
}

GUEST static void put_descriptor(
    const struct driver *d, unsigned i, uint64_t gpa, uint32_t len, uint16_t flags)
{
	const uint64_t p = d->ring + 16 * i;

	put64(p, gpa);
	put32(p + 8, len);
	put16(p + 12, flags);
	put16(p + 14, (uint16_t)(i + 1));
}

GUEST static void fill(uint64_t gpa, uint32_t value)
{
	for (unsigned i = 0; i < PIECE; i += 4)
		put32(gpa + i, value);
}

GUEST static bool holds(const uint8_t *p, uint32_t value)
{
	for (unsigned i = 0; i < PIECE; i += 4)
		if (*(const volatile uint32_t *)(const void *)(p + i) != value)
			return false;
	return true;
}

/* One request, to its end. */
GUEST static void ask(struct driver *d, uint32_t type, unsigned piece, uint32_t n)
{
	const uint16_t before = load_used(d);
	const uint64_t avail = d->ring + 0x100;

	put32(d->header, type);
	put64(d->header + 8, (uint64_t)piece * PIECE / SECTOR);
	*(volatile uint8_t *)at(d->status) = 0xee;
	put_descriptor(d, 0, d->header, 16, 1);
	put_descriptor(d, 1, d->data, n, type == 0 ? 3 : 1);
	put_descriptor(d, 2, d->status, 1, 2);
	put16(avail + 4 + 2 * (d->next % RING_OF), 0);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	put16(avail + 2, ++d->next);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	post(&host, device->v.workers[d->queue]);
	while (load_used(d) == before)
		sched_yield();
	must(*(volatile uint8_t *)at(d->status) == 0, "a request failed");
}

/* Pieces of one driver are each beside one of the other's, in the same cluster. */
static void *drive(void *arg)
{
	struct driver *d = arg;
	unsigned seed = d->queue + 1;

	for (unsigned i = 0; i < ROUNDS; i++) {
		const unsigned piece = 2 * ((unsigned)rand_r(&seed) % (PIECES / 2)) + d->queue;

		fill(d->data, d->queue << 24 | ++d->number);
		ask(d, 1, piece, PIECE);
		d->written[piece] = d->queue << 24 | d->number;
		if (i % 5 == 0)
			ask(d, 4, 0, 0);
		fill(d->data, 0);
		ask(d, 0, piece, PIECE);
		must(holds(at(d->data), d->written[piece]), "a driver reads what it did not write");
	}
	ask(d, 4, 0, 0);
	return NULL;
}

static void set(uint64_t reg, uint64_t value)
{
	pthread_mutex_lock(&instance);
	registers.write(device, reg, 4, value);
	pthread_mutex_unlock(&instance);
}

static void make_queue(struct driver *d, unsigned q)
{
	const uint64_t base = RAM + 0x10000u * (q + 1);

	*d = (struct driver){.queue = q, .ring = base, .header = base + 0x1000};
	d->status = base + 0x1100;
	d->data = base + 0x2000;
	set(0x30, q);
	set(0x38, RING_OF);
	set(0x80, d->ring);
	set(0x90, d->ring + 0x100);
	set(0xa0, d->ring + 0x200);
	set(0x44, 1);
}

static void start_device(void)
{
	set(0x70, 0);
	set(0x70, 3);
	set(0x24, 0);
	set(0x20, F_FLUSH | F_MQ);
	set(0x24, 1);
	set(0x20, 1);
	set(0x70, 11);
	for (unsigned q = 0; q < QUEUES; q++)
		make_queue(&drivers[q], q);
	set(0x70, 15);
}

/* ------------------------------------------------------------------------- loop */

static void turn(unsigned i)
{
	const struct volt_rate rate = {.ops = i % 3 ? 0 : 20000};

	pthread_mutex_lock(&instance);
	volt_limit_set(&device->limit, &rate);
	if (i % 4 == 0) {
		volt_virtio_pause(device);
		volt_virtio_resume(device);
	}
	volt_virtio_config_changed(&device->v);
	pthread_mutex_unlock(&instance);
	for (unsigned w = 0; w < worker_count; w++)
		post(&host, w);
}

static void *loop(void *arg)
{
	for (unsigned i = 0; !__atomic_load_n((bool *)arg, __ATOMIC_ACQUIRE); i++) {
		turn(i);
		usleep(300);
	}
	return NULL;
}

/* ------------------------------------------------------------------------ device */

static int make_file(uint64_t bytes)
{
	char path[] = "/tmp/volt-blk-XXXXXX";
	const int fd = mkstemp(path);

	must(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0, "mkstemp");
	unlink(path);
	return fd;
}

static void make_device(int own, int base)
{
	const struct volt_plugin *p = &volt_plugin_virtio_blk;
	struct volt_value values[32] = {0};
	const struct volt_args args = {
	    sizeof(args), sizeof(values[0]), (uint16_t)p->param_count, values};

	must(p->param_count <= 32 && p->counter_count <= 64, "the tables are larger");
	for (unsigned i = 0; i < p->param_count; i++) {
		values[i].fd = -1;
		values[i].s = "";
		if (strcmp(p->params[i].name, "disk") == 0)
			values[i] = (struct volt_value){.s = "own", .fd = own};
		if (strcmp(p->params[i].name, "base") == 0)
			values[i] = (struct volt_value){.s = "base", .fd = base, .u = DISK};
		if (strcmp(p->params[i].name, "queues") == 0)
			values[i].u = QUEUES;
		if (strcmp(p->params[i].name, "transport") == 0)
			values[i].s = "mmio";
	}
	device = calloc(1, p->instance_size);
	must(device && p->init(device, &host, &args) == 0, "init");
	p->reset(device);
}

static void join(void)
{
	for (unsigned i = 0; i < QUEUES; i++)
		pthread_join(drivers[i].thread, NULL);
}

static void check_file(int own)
{
	uint8_t bytes[PIECE];

	for (unsigned i = 0; i < PIECES; i++) {
		const uint32_t value = drivers[i % QUEUES].written[i];

		if (!value)
			continue;
		must(pread(own, bytes, PIECE, (off_t)(device->overlay.data + i * PIECE)) == PIECE,
		    "pread");
		must(holds(bytes, value), "the file holds other bytes");
	}
}

int main(void)
{
	const int own = make_file(0);
	pthread_t looper;
	bool over = false;

	make_device(own, make_file(DISK));
	for (unsigned i = 0; i < QUEUES; i++)
		must(!pthread_create(&workers[i].thread, NULL, work, &workers[i]), "thread");
	start_device();
	for (unsigned i = 0; i < QUEUES; i++)
		must(!pthread_create(&drivers[i].thread, NULL, drive, &drivers[i]), "thread");
	must(!pthread_create(&looper, NULL, loop, &over), "thread");
	join();
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(looper, NULL);
	set(0x70, 0);
	check_file(own);
	__atomic_store_n(&ended, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < QUEUES; i++) {
		post(&host, i);
		pthread_join(workers[i].thread, NULL);
	}
	volt_plugin_virtio_blk.fini(device);
	free(device);
	return 0;
}
