/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_backend.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING 8u

enum { STATUS_OK = 15, STATUS_NEEDS_RESET = 64, ISR_QUEUE = 1, ISR_CONFIG = 2 };

extern const struct volt_plugin volt_plugin_vhost_user;

static struct fake_host *host;
static struct fake_driver *driver;
static const char *transport;

static int begin(const char *words)
{
	char params[128];

	host = fake_host_create(&volt_plugin_vhost_user);
	snprintf(params, sizeof(params), "socket=unix:/far,%s,%s", words, transport);
	const int err = fake_host_wire(host, params);

	if (err)
		return err;
	backend.fd = fake_param_peer(host, 0);
	return fake_host_run(host);
}

static void drive(void)
{
	driver = fake_driver_create(host, RAM, RAM_SIZE);
}

static int setup(void **state)
{
	backend_reset();
	host = NULL;
	driver = NULL;
	return 0;
}

static int teardown(void **state)
{
	if (driver)
		fake_driver_destroy(driver);
	if (host)
		fake_host_destroy(host);
	backend_close();
	return 0;
}

/* A disk with two queues whose driver is ready. */
static void go_live(void)
{
	assert_int_equal(begin("device=2,queues=2"), 0);
	drive();
	assert_true(fake_driver_start(driver, ALL_RINGS, 2, RING));
	fake_run_workers(host);
}

/* The back end gives entry 0 back, as the used ring's first. */
static void give_back(unsigned q)
{
	uint8_t *used = fake_driver_at(driver, fake_driver_ring(driver, q)->used);

	volt_put_le16(used + 2, (uint16_t)(volt_le16(used + 2) + 1));
	assert_true(fake_worker_event(host, 0));
	fake_run_workers(host);
}

static uint32_t status(void)
{
	return fake_driver_get(driver, FAKE_REG_STATUS);
}

static bool has_event(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) && n > 0;
}

/* ---------------------------------------------------------------- at the start */

static void the_driver_is_offered_what_the_back_end_has(void **state)
{
	backend.features |= UINT64_C(1) << 34 | UINT64_C(1) << 26 | UINT64_C(1) << 33;
	assert_int_equal(begin("device=2,queues=2"), 0);
	drive();
	assert_int_equal(fake_driver_get(driver, FAKE_REG_DEVICE_ID), 2);
	assert_int_equal(fake_driver_offered(driver), ALL_RINGS | FEATURE);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 4), 0x08070605);
	assert_int_equal(backend_asked(SET_PROTOCOL_FEATURES, NULL)->body.u64,
	    PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG);
	assert_int_equal(backend_times(SET_OWNER), 1);
	assert_int_equal(backend_times(SET_MEM_TABLE), 0);
}

static void a_file_system_has_its_tag(void **state)
{
	backend.protocol = 0;
	assert_int_equal(begin("device=26,queues=3,tag=work"), 0);
	drive();
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 0x6b726f77);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 4), 0);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 36), 2);
	assert_int_equal(backend_times(GET_CONFIG), 0);
}

static void expect_refused(const char *words, const char *why)
{
	assert_true(begin(words) < 0);
	if (!strstr(fake_host_message(host), why))
		fail_msg("\"%s\" is not in \"%s\"", why, fake_host_message(host));
}

static void a_tag_is_a_file_systems(void **state)
{
	expect_refused("device=2,queues=2,tag=work", "only a file system");
}

static void a_file_system_has_two_queues(void **state)
{
	expect_refused("device=26,tag=work", "queues=2");
}

static void too_few_queues_are_said(void **state)
{
	expect_refused("device=2,queues=5", "it has 4 queues");
}

static void a_back_end_of_before_virtio_1_is_refused(void **state)
{
	backend.features = FEATURE;
	expect_refused("device=2", "virtio 1");
}

static void a_configuration_of_another_size_is_said(void **state)
{
	expect_refused("device=2,config-size=64", "set config-size");
}

static void a_back_end_without_a_configuration_is_said(void **state)
{
	backend.protocol = 0;
	expect_refused("device=2", "configuration space");
}

/* ----------------------------------------------------------------- the rings */

static void expect_shared(int fd, uint64_t offset)
{
	uint8_t *bytes =
	    mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

	assert_ptr_not_equal(bytes, MAP_FAILED);
	bytes[0x1234] = 0x77;
	assert_int_equal(fake_driver_at(driver, RAM)[0x1234], 0x77);
	munmap(bytes, RAM_SIZE);
}

static void the_back_end_gets_the_guests_memory(void **state)
{
	const int *fds;

	go_live();
	const struct vhost_message *m = backend_asked(SET_MEM_TABLE, &fds);
	const struct vhost_region r = m->body.memory.regions[0];

	assert_int_equal(m->body.memory.count, 1);
	assert_int_equal(r.gpa, RAM);
	assert_int_equal(r.size, RAM_SIZE);
	assert_int_equal(r.user, RAM);
	expect_shared(fds[0], r.offset);
	assert_int_equal(fds[1], -1);
	assert_int_equal(
	    backend_asked(SET_FEATURES, NULL)->body.u64, ALL_RINGS | F_PROTOCOL_FEATURES);
}

static void the_back_end_gets_each_ring(void **state)
{
	go_live();
	const struct fake_ring *r = fake_driver_ring(driver, 1);
	const struct vhost_address a = backend_asked(SET_VRING_ADDR, NULL)->body.address;
	const struct vhost_state n = backend_asked(SET_VRING_NUM, NULL)->body.state;
	const struct vhost_state e = backend_asked(SET_VRING_ENABLE, NULL)->body.state;

	assert_int_equal(backend_times(SET_VRING_ADDR), 2);
	assert_int_equal(a.index, 1);
	assert_int_equal(a.desc, r->desc);
	assert_int_equal(a.avail, r->avail);
	assert_int_equal(a.used, r->used);
	assert_int_equal(n.index, 1);
	assert_int_equal(n.num, RING);
	assert_int_equal(e.index, 1);
	assert_int_equal(e.num, 1);
	assert_int_equal(backend_asked(SET_VRING_BASE, NULL)->body.state.num, 0);
}

/* It is kicked once at the start, for what is there already. */
static void a_kick_goes_straight_to_the_back_end(void **state)
{
	const int *fds;

	go_live();
	assert_int_equal(backend_asked(SET_VRING_KICK, &fds)->body.u64, 1);
	assert_true(has_event(fds[0]));
	assert_false(has_event(fds[0]));
	const unsigned runs = fake_worker_runs(host, 0);

	fake_driver_kick(driver, 1);
	assert_true(has_event(fds[0]));
	assert_int_equal(fake_worker_runs(host, 0), runs);
}

static void a_call_interrupts_for_the_queue_that_moved(void **state)
{
	go_live();
	const unsigned before = fake_driver_interrupts(driver);

	give_back(1);
	assert_int_equal(fake_driver_interrupts(driver), before + 1);
	assert_int_equal(fake_counter(host, "calls"), 1);
	assert_true(fake_worker_event(host, 0)); /* for nothing */
	fake_run_workers(host);
	assert_int_equal(fake_driver_interrupts(driver), before + 1);
}

static void without_protocol_features_rings_are_on(void **state)
{
	backend.features &= ~F_PROTOCOL_FEATURES;
	assert_int_equal(begin("device=26,queues=2,tag=a"), 0);
	drive();
	assert_true(fake_driver_start(driver, ALL_RINGS, 2, RING));
	fake_run_workers(host);
	assert_int_equal(backend_times(SET_VRING_ENABLE), 0);
	assert_int_equal(backend_times(SET_VRING_KICK), 2);
	assert_int_equal(backend_asked(SET_FEATURES, NULL)->flags, FLAG_VERSION);
}

static void a_queue_that_is_not_ready_is_not_started(void **state)
{
	assert_int_equal(begin("device=2,queues=2"), 0);
	drive();
	assert_true(fake_driver_start(driver, ALL_RINGS, 1, RING));
	fake_run_workers(host);
	assert_int_equal(backend_times(SET_VRING_NUM), 1);
}

static void a_reset_stops_the_rings_and_begins_anew(void **state)
{
	go_live();
	backend.base[0] = backend.base[1] = 5;
	fake_driver_reset(driver);
	assert_int_equal(backend_times(GET_VRING_BASE), 2);
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, ALL_RINGS, 2, RING));
	fake_run_workers(host);
	assert_int_equal(backend_asked(SET_VRING_BASE, NULL)->body.state.num, 0);
	assert_int_equal(backend_times(SET_MEM_TABLE), 1);
	give_back(0);
	assert_int_equal(fake_counter(host, "calls"), 1);
}

/* A save is refused; around it, the VM pauses and goes on. */
static void a_pause_keeps_where_the_back_end_was(void **state)
{
	size_t n;

	go_live();
	backend.base[0] = 0xfffe;
	backend.base[1] = 7;
	assert_null(fake_state_save(host, &n));
	assert_non_null(strstr(fake_host_message(host), "in another process"));
	fake_run_workers(host);
	assert_int_equal(backend_times(GET_VRING_BASE), 2);
	assert_int_equal(backend_times(SET_VRING_BASE), 4);
	assert_int_equal(backend_asked(SET_VRING_BASE, NULL)->body.state.num, 7);
	assert_int_equal(status(), STATUS_OK);
	give_back(1);
	assert_int_equal(fake_counter(host, "calls"), 1);
}

static void the_back_end_gets_what_the_driver_writes_to_the_configuration(void **state)
{
	go_live();
	fake_write(host, VOLT_SPACE_MMIO, 0, 1, 0); /* of nobody */
	fake_driver_set(driver, FAKE_REG_CONFIG + 32, 0x01020304);
	fake_run_workers(host);
	const struct vhost_config c = backend_asked(SET_CONFIG, NULL)->body.config;

	assert_int_equal(c.offset, 32);
	assert_int_equal(c.size, 4);
	assert_int_equal(c.flags, 0);
	assert_int_equal(c.bytes[0], 4);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 32), 0x01020304);
	fake_driver_reset(driver);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 32), 0x24232221);
	for (unsigned i = 0; i < WRITES_MAX + 3; i++)
		fake_driver_set(driver, FAKE_REG_CONFIG + 32, i);
	fake_run_workers(host);
	assert_int_equal(fake_counter(host, "config_lost"), 3);
	assert_int_equal(backend_times(SET_CONFIG), 1 + WRITES_MAX);
}

/* ------------------------------------------------------------------ back ends that lie */

static unsigned count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void restart(void)
{
	teardown(NULL);
	setup(NULL);
}

/* An empty answer is a refusal where the protocol has one, and an acknowledgement may not. */
static void every_lie_at_the_start_is_refused(void **state)
{
	static const uint32_t requests[] = {
	    GET_FEATURES, GET_PROTOCOL_FEATURES, SET_OWNER, GET_QUEUE_NUM, GET_CONFIG};

	for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		for (enum lie lie = OTHER_REQUEST; lie < RANDOM; lie++) {
			if (lie == TWICE || (lie == REFUSED && requests[i] != SET_OWNER))
				continue;
			backend.lie = lie;
			backend.lie_at = requests[i];
			if (begin("device=2,queues=2") == 0)
				fail_msg("lie %u about message %u was taken", lie, requests[i]);
			assert_non_null(strstr(fake_host_message(host), "cannot use the back end"));
			restart();
		}
}

static void expect_loss(void)
{
	const unsigned before = fake_driver_interrupts(driver);

	assert_int_equal(fake_counter(host, "lost"), 1);
	assert_int_equal(status(), STATUS_OK | STATUS_NEEDS_RESET);
	assert_true(before > 0);
	assert_non_null(strstr(fake_host_logged(host, NULL), "is lost"));
	/* Once; and the next driver finds it so, too. */
	fake_run_workers(host);
	assert_int_equal(fake_driver_interrupts(driver), before);
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, ALL_RINGS, 2, RING));
	fake_run_workers(host);
	assert_int_equal(status(), STATUS_OK | STATUS_NEEDS_RESET);
	assert_int_equal(fake_counter(host, "lost"), 1);
}

static void every_lie_about_a_ring_costs_the_device(void **state)
{
	static const uint32_t requests[] = {SET_FEATURES, SET_MEM_TABLE, SET_VRING_NUM,
	    SET_VRING_BASE, SET_VRING_ADDR, SET_VRING_CALL, SET_VRING_KICK, SET_VRING_ENABLE};

	for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		for (enum lie lie = OTHER_REQUEST; lie < RANDOM; lie++) {
			if (lie == TWICE)
				continue;
			assert_int_equal(begin("device=2,queues=2"), 0);
			backend.lie = lie;
			backend.lie_at = requests[i];
			drive();
			assert_true(fake_driver_start(driver, ALL_RINGS, 2, RING));
			fake_run_workers(host);
			expect_loss();
			restart();
		}
}

static void every_lie_at_a_reset_costs_the_device(void **state)
{
	for (enum lie lie = OTHER_REQUEST; lie < RANDOM; lie++) {
		if (lie == TWICE || lie == REFUSED)
			continue;
		go_live();
		backend.lie = lie;
		backend.lie_at = GET_VRING_BASE;
		fake_driver_reset(driver);
		assert_int_equal(status(), 0);
		assert_int_equal(fake_counter(host, "lost"), 1);
		assert_true(fake_driver_start(driver, ALL_RINGS, 2, RING));
		fake_run_workers(host);
		expect_loss();
		restart();
	}
}

static void a_ring_that_stopped_nowhere_is_a_lie(void **state)
{
	go_live();
	backend.base[0] = 0x10000;
	fake_driver_reset(driver);
	assert_int_equal(fake_counter(host, "lost"), 1);
}

static void the_end_of_another_ring_is_a_lie(void **state)
{
	go_live();
	backend.base_index = 1;
	fake_driver_reset(driver);
	assert_int_equal(fake_counter(host, "lost"), 1);
}

static void a_back_end_that_ends_costs_the_device(void **state)
{
	go_live();
	shutdown(backend.fd, SHUT_RDWR);
	assert_true(fake_file_ready(host, 0, ((struct vhost *)fake_host_self(host))->fd));
	fake_run_workers(host);
	assert_non_null(strstr(fake_host_logged(host, NULL), "it ended the connection"));
	expect_loss();
}

/* What it gave back before is the driver's. */
static void its_last_answers_reach_the_driver(void **state)
{
	go_live();
	shutdown(backend.fd, SHUT_RDWR);
	give_back(0);
	assert_int_equal(fake_counter(host, "calls"), 1);
	expect_loss();
}

static void an_answer_that_comes_twice_costs_the_device(void **state)
{
	go_live();
	assert_int_equal(write(backend.fd, "x", 1), 1);
	assert_true(fake_worker_event(host, 0));
	fake_run_workers(host);
	assert_non_null(strstr(fake_host_logged(host, NULL), "nobody asked for"));
	expect_loss();
}

static void descriptors_that_come_along_are_dropped(void **state)
{
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(begin("device=2,queues=2"), 0);
	backend_close();
	const unsigned before = count_descriptors();

	drive();
	const unsigned ram = count_descriptors() - before;

	backend.extra_fd = fd;
	assert_true(fake_driver_start(driver, ALL_RINGS, 2, RING));
	fake_run_workers(host);
	fake_driver_reset(driver);
	assert_int_equal(backend_times(GET_VRING_BASE), 2);
	backend_close();
	assert_int_equal(count_descriptors(), before + ram);
	assert_int_equal(fake_counter(host, "lost"), 0);
	close(fd);
}

static void a_back_end_that_answers_late_each_time_is_lost(void **state)
{
	assert_int_equal(begin("device=2,queues=2"), 0);
	drive();
	fake_now_step(host, VHOST_RUN_NS / 5);
	assert_true(fake_driver_start(driver, ALL_RINGS, 2, RING));
	fake_run_workers(host);
	assert_non_null(strstr(fake_host_logged(host, NULL), "too long"));
	expect_loss();
}

/* A hostile driver's mistakes are the library's to find: here, rings that are no memory. */
static void a_ring_outside_of_memory_is_not_given_away(void **state)
{
	assert_int_equal(begin("device=2,queues=2"), 0);
	drive();
	assert_true(fake_driver_negotiate(driver, ALL_RINGS));
	assert_true(fake_driver_queue(driver, 0, RING));
	fake_driver_ring(driver, 1)->size = RING;
	fake_driver_ring(driver, 1)->desc = 0x10000000;
	assert_false(fake_driver_tell_queue(driver, 1));
	fake_driver_set(driver, FAKE_REG_STATUS, STATUS_OK);
	fake_run_workers(host);
	assert_int_equal(backend_times(SET_VRING_ADDR), 1);
	assert_int_equal(fake_counter(host, "lost"), 0);
}

static int use_mmio(void **state)
{
	transport = "transport=mmio";
	return 0;
}

static int use_pci(void **state)
{
	transport = "transport=pci";
	return 0;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(the_driver_is_offered_what_the_back_end_has),
	    T(a_file_system_has_its_tag),
	    T(a_tag_is_a_file_systems),
	    T(a_file_system_has_two_queues),
	    T(too_few_queues_are_said),
	    T(a_back_end_of_before_virtio_1_is_refused),
	    T(a_configuration_of_another_size_is_said),
	    T(a_back_end_without_a_configuration_is_said),
	    T(the_back_end_gets_the_guests_memory),
	    T(the_back_end_gets_each_ring),
	    T(a_kick_goes_straight_to_the_back_end),
	    T(a_call_interrupts_for_the_queue_that_moved),
	    T(without_protocol_features_rings_are_on),
	    T(a_queue_that_is_not_ready_is_not_started),
	    T(a_reset_stops_the_rings_and_begins_anew),
	    T(a_pause_keeps_where_the_back_end_was),
	    T(the_back_end_gets_what_the_driver_writes_to_the_configuration),
	    T(every_lie_at_the_start_is_refused),
	    T(every_lie_about_a_ring_costs_the_device),
	    T(every_lie_at_a_reset_costs_the_device),
	    T(a_ring_that_stopped_nowhere_is_a_lie),
	    T(the_end_of_another_ring_is_a_lie),
	    T(a_back_end_that_ends_costs_the_device),
	    T(its_last_answers_reach_the_driver),
	    T(an_answer_that_comes_twice_costs_the_device),
	    T(descriptors_that_come_along_are_dropped),
	    T(a_back_end_that_answers_late_each_time_is_lost),
	    T(a_ring_outside_of_memory_is_not_given_away),
	};
#undef T
	return cmocka_run_group_tests_name("mmio", tests, use_mmio, NULL) +
	       cmocka_run_group_tests_name("pci", tests, use_pci, NULL);
}
