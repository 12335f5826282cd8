/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_virtio-net.h"

struct fake_host *host;
struct fake_driver *driver;
int peer;

/* The kernel's side of a tap, which the fake host's socket is not: the offloads that it can do,
 * and those that it was told. */
#define TAP_ALL 0x6ful
static unsigned long tap_can = TAP_ALL;
unsigned long tap_told;
unsigned attached, switches;
bool tap_refuses;
static unsigned reads, writes; /* calls of the device */

static int switch_queue(int fd, const struct ifreq *request)
{
	const unsigned bit = 1u << (fd - near_end());
	const bool on = request->ifr_flags == IFF_ATTACH_QUEUE;

	/* The kernel refuses what changes nothing. */
	if (tap_refuses || on == !!(attached & bit)) {
		errno = EINVAL;
		return -1;
	}
	attached ^= bit;
	switches++;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	unsigned long arg;

	va_start(args, request);
	arg = va_arg(args, unsigned long);
	va_end(args);
	if (request == TUNSETQUEUE)
		return switch_queue(fd, (const struct ifreq *)arg);
	if (request != TUNSETOFFLOAD)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	if (arg & ~tap_can) {
		errno = EINVAL;
		return -1;
	}
	tap_told = arg;
	return 0;
}

ssize_t readv(int fd, const struct iovec *iovec, int count)
{
	reads++;
	return syscall(SYS_readv, fd, iovec, count);
}

ssize_t writev(int fd, const struct iovec *iovec, int count)
{
	writes++;
	return syscall(SYS_writev, fd, iovec, count);
}

void begin(const char *params, uint64_t features)
{
	host = fake_host_create(&volt_plugin_virtio_net);
	attached = ~0u;
	switches = 0;
	assert_int_equal(fake_host_wire(host, params), 0);
	assert_int_equal(fake_host_run(host), 0);
	driver = fake_driver_create(host, RAM, RAM_SIZE);
	peer = fake_param_peer(host, 0);
	assert_true(fake_driver_start(driver, features, 2, 8));
}

void begin_tap(uint64_t features)
{
	begin("tap=tap0,mac=52:54:00:12:34:56", features);
}

void begin_socket(uint64_t features)
{
	begin("socket=unix:/passt", features);
}

int teardown(void **state)
{
	fake_driver_destroy(driver);
	fake_host_destroy(host);
	driver = NULL;
	host = NULL;
	tap_can = TAP_ALL;
	tap_refuses = false;
	return 0;
}

uint8_t *at(uint64_t gpa)
{
	return fake_driver_at(driver, gpa);
}

/* Bytes of a frame that can be told apart. */
void fill(uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(seed + i * 7 + i / 256);
}

bool is_filled(const uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != (uint8_t)(seed + i * 7 + i / 256))
			return false;
	return true;
}

/* ------------------------------------------------------------ the peer */

static void far_sends_header(const uint8_t header[HEADER], size_t n, unsigned seed)
{
	static uint8_t packet[HEADER + 70000];

	memcpy(packet, header, HEADER);
	fill(packet + HEADER, n, seed);
	assert_int_equal(send(peer, packet, HEADER + n, 0), (ssize_t)(HEADER + n));
}

/* DATA_VALID, and fields that say nothing: a device without offloads passes none of it on. */
static void far_sends_tap(size_t n, unsigned seed)
{
	static const uint8_t header[HEADER] = {2, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};

	far_sends_header(header, n, seed);
}

size_t far_frame(uint8_t *to, size_t n, unsigned seed)
{
	const uint8_t length[4] = {
	    (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	memcpy(to, length, sizeof(length));
	fill(to + 4, n, seed);
	return n + 4;
}

void far_writes(const uint8_t *from, size_t n)
{
	assert_int_equal(write(peer, from, n), (ssize_t)n);
}

/* The kernel would wake the worker. */
void far_is_ready(uint32_t queue, int fd)
{
	assert_true(fake_file_ready(host, queue, fd));
	for (unsigned i = 0; i < 100 && fake_run_workers(host); i++)
		;
}

int near_end(void)
{
	const struct volt_value *v = fake_host_values(host);

	return v[0].fd >= 0 ? v[0].fd : v[1].fd;
}

void frames_came(void)
{
	far_is_ready(RX, near_end());
}

static void there_is_room(void)
{
	far_is_ready(TX, near_end());
}

/* -------------------------------------------------------------- the guest */

void offer(uint64_t gpa, uint32_t n)
{
	const struct fake_segment s = {gpa, n, true};

	assert_true(fake_driver_add(driver, RX, &s, 1, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, RX);
}

/* Bytes that the next buffer holds, or -1. */
long received(void)
{
	uint32_t head, len;

	return fake_driver_used(driver, RX, &head, &len) ? (long)len : -1;
}

static void expect_frame(uint64_t gpa, size_t n, unsigned seed)
{
	static const uint8_t header[HEADER] = {[10] = 1};

	assert_int_equal(received(), (long)(HEADER + n));
	assert_memory_equal(at(gpa), header, HEADER);
	assert_true(is_filled(at(gpa) + HEADER, n, seed));
}

/* Sends a frame behind `header`; true: its chain came back. */
static bool transmit(const uint8_t *header, size_t n, unsigned seed)
{
	const struct fake_segment s[] = {
	    {OUT, HEADER, false}, {OUT + HEADER, 5, false}, {OUT + 17, (uint32_t)n - 5, false}};
	uint32_t head, len;

	memcpy(at(OUT), header, HEADER);
	fill(at(OUT + HEADER), n, seed);
	assert_true(fake_driver_add(driver, TX, s, 3, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, TX);
	if (!fake_driver_used(driver, TX, &head, &len))
		return false;
	assert_int_equal(len, 0);
	return true;
}

static const uint8_t plain[HEADER];

uint64_t count(const char *name)
{
	return fake_counter(host, name);
}

/* ----------------------------------------------------------- configuration */

static void a_tap_has_offloads_that_its_kernel_does(void **state)
{
	begin_tap(BOTH);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_DEVICE_ID), 1);
	assert_true(fake_driver_offered(driver) == (BOTH | CONTROLS | CTRL_OFFLOADS | CSUM | TSO |
						       HUSO | GCSUM | GTSO4 | GTSO6 | GECN | GUSO));
	teardown(NULL);
	tap_can = TAP_ALL & ~0x60ul; /* before Linux 6.2 */
	begin_tap(BOTH);
	assert_true(fake_driver_offered(driver) ==
		    (BOTH | CONTROLS | CTRL_OFFLOADS | CSUM | TSO | GCSUM | GTSO4 | GTSO6 | GECN));
	teardown(NULL);
	tap_can = 0;
	begin_tap(BOTH);
	assert_true(fake_driver_offered(driver) == (BOTH | CONTROLS | CSUM | TSO));
}

static void a_socket_has_none(void **state)
{
	begin_socket(BOTH);
	assert_true(fake_driver_offered(driver) == (BOTH | CONTROLS));
}

static void the_configuration_says_address_link_and_mtu(void **state)
{
	begin("tap=tap0,mac=52:54:00:ab:CD:ef,mtu=9000", BOTH);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 0xab005452);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 4), 0x1efcd);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 8), 9000u << 16);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 12), 0);
}

void refused(const char *params, const char *why)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_net);

	assert_true(fake_host_wire(f, params) < 0);
	assert_non_null(strstr(fake_host_message(f), why));
	fake_host_destroy(f);
}

static void bad_parameters_have_their_line(void **state)
{
	refused(NULL, "tap=NAME");
	refused("tap=tap0,socket=unix:/passt", "one peer");
	refused("tap=tap0,mac=52:54:00:12:34", "mac");
	refused("tap=tap0,mac=52:54:00:12:34:5g", "mac");
	refused("tap=tap0,mac=01:00:5e:00:00:01", "mac");
	refused("tap=tap0,mac=00:00:00:00:00:00", "mac");
	refused("tap=tap0,mtu=67", "mtu");
	refused("tap=tap0,queues=0", "queues");
	refused("tap=tap0,queues=8", "queues");
	refused("socket=unix:/passt,queues=2", "one pair of queues");
	refused("tap=tap0,burst-bytes=1M", "a burst needs its rate");
	refused("tap=tap0,rate-bytes=1M,burst-ops=1", "a burst needs its rate");
}

static void set_link(const char *to)
{
	const struct volt_call_arg arg = {.name = "state", .value = to};

	assert_int_equal(fake_command(host, "link", &arg, 1), 0);
}

uint32_t link_status(void)
{
	return fake_driver_get(driver, FAKE_REG_CONFIG + 4) >> 16;
}

static void the_link_goes_down_and_up_by_command(void **state)
{
	begin_tap(BOTH);
	const uint32_t generation = fake_driver_get(driver, FAKE_REG_GENERATION);

	set_link("down");
	assert_int_equal(link_status(), 0);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_ISR), 2);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_GENERATION), generation + 1);
	set_link("down");
	assert_int_equal(fake_driver_get(driver, FAKE_REG_GENERATION), generation + 1);
	offer(IN, 2048);
	far_sends_tap(100, 1);
	frames_came();
	assert_int_equal(received(), -1);
	assert_true(transmit(plain, 60, 1));
	assert_int_equal(count("tx_dropped"), 1);
	set_link("up");
	fake_run_workers(host);
	assert_int_equal(link_status(), 1);
	expect_frame(IN, 100, 1);
}

/* -------------------------------------------------------------------- tap */

static void a_frame_from_a_tap_is_received(void **state)
{
	begin_tap(BOTH);
	offer(IN, 2048);
	assert_int_equal(received(), -1);
	far_sends_tap(1514, 3);
	frames_came();
	expect_frame(IN, 1514, 3);
	assert_int_equal(at(IN)[HEADER + 1514], 0);
	assert_int_equal(count("rx_packets"), 1);
	assert_int_equal(count("rx_bytes"), 1514);
}

static void frames_wait_for_buffers(void **state)
{
	begin_tap(BOTH);
	far_sends_tap(60, 1);
	far_sends_tap(61, 2);
	frames_came();
	offer(IN, 2048);
	expect_frame(IN, 60, 1);
	offer(IN, 2048);
	expect_frame(IN, 61, 2);
}

static void a_header_may_be_split_anywhere(void **state)
{
	const struct fake_segment s[] = {{IN, 11, true}, {IN + 11, 3, true}, {IN + 14, 2000, true}};

	begin_tap(BOTH);
	assert_true(fake_driver_add(driver, RX, s, 3, FAKE_INDIRECT) >= 0);
	far_sends_tap(600, 5);
	fake_driver_kick(driver, RX);
	expect_frame(IN, 600, 5);
}

static void a_frame_is_spread_over_buffers(void **state)
{
	begin_tap(BOTH & ~MTU);
	for (unsigned i = 0; i < 4; i++)
		offer(IN + 0x400 * i, 1024);
	far_sends_tap(3000, 9);
	frames_came();
	assert_int_equal(received(), 1024);
	assert_int_equal(received(), 1024);
	assert_int_equal(received(), 964);
	assert_int_equal(received(), -1);
	assert_int_equal(volt_le16(at(IN + 10)), 3);
	assert_true(is_filled(at(IN + HEADER), 3000, 9));
	far_sends_tap(60, 1);
	frames_came();
	expect_frame(IN + 0xc00, 60, 1);
	assert_int_equal(count("rx_packets"), 2);
}

static void none_of_it_is_shown_where_buffers_are_few(void **state)
{
	begin_tap(BOTH & ~MTU);
	offer(IN, 1024);
	offer(IN + 0x400, 1024);
	far_sends_tap(3000, 9);
	far_sends_tap(60, 2);
	frames_came();
	assert_int_equal(count("rx_dropped"), 1);
	expect_frame(IN, 60, 2);
	assert_int_equal(received(), -1);
}

static void none_of_it_is_shown_where_the_ring_is_small(void **state)
{
	begin_socket(BOTH & ~MTU);
	static uint8_t bytes[4000];
	size_t n = far_frame(bytes, 1500, 1);

	for (unsigned i = 0; i < 8; i++)
		offer(IN + 0x100 * i, 100);
	n += far_frame(bytes + n, 60, 2);
	far_writes(bytes, n);
	frames_came();
	assert_int_equal(count("rx_dropped"), 1);
	expect_frame(IN, 60, 2);
	assert_int_equal(received(), -1);
}

static void a_frame_longer_than_its_buffer_is_dropped(void **state)
{
	begin_tap(BOTH & ~MERGE);
	offer(IN, 200);
	far_sends_tap(1000, 1);
	far_sends_tap(100, 2);
	frames_came();
	expect_frame(IN, 100, 2);
	assert_int_equal(count("rx_dropped"), 1);
}

static void a_frame_longer_than_the_mtu_is_dropped(void **state)
{
	begin_tap(BOTH);
	offer(IN, 4096);
	far_sends_tap(1519, 1);
	far_sends_tap(1518, 2);
	frames_came();
	expect_frame(IN, 1518, 2);
	assert_int_equal(count("rx_dropped"), 1);
}

static void a_flood_of_bad_frames_ends(void **state)
{
	begin_tap(BOTH);
	offer(IN, 2048);
	for (unsigned i = 0; i < 100; i++) {
		far_sends_tap(13, 1);
		frames_came();
	}
	assert_int_equal(count("rx_dropped"), 100);
	assert_int_equal(received(), -1);
}

static void a_frame_to_a_tap_has_its_header(void **state)
{
	uint8_t got[2000];

	begin_tap(BOTH);
	assert_true(transmit(plain, 1000, 4));
	assert_int_equal(recv(peer, got, sizeof(got), 0), 1012);
	assert_memory_equal(got, plain, HEADER);
	assert_true(is_filled(got + HEADER, 1000, 4));
	assert_int_equal(count("tx_packets"), 1);
	assert_int_equal(count("tx_bytes"), 1000);
}

static void offloads_can_be_left_out(void **state)
{
	tap_told = 0;
	begin("tap=tap0,offload=off", BOTH);
	assert_true(fake_driver_offered(driver) == (BOTH | CONTROLS));
	offer(IN, 2048);
	assert_int_equal(tap_told, 0);
}

static void told(uint64_t features, unsigned long bits)
{
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, BOTH | features, 2, 8));
	offer(IN, 2048);
	assert_int_equal(tap_told, bits);
}

/* virtio 5.1.3.1: segments and ECN need checksums; the tap's UDP has both versions of IP. */
static void a_tap_is_told_what_was_agreed(void **state)
{
	begin_tap(BOTH);
	told(GCSUM | GTSO4 | GTSO6 | GECN | GUSO, 0x6f);
	told(GCSUM, 1);
	told(GCSUM | GTSO4, 3);
	told(GCSUM | GTSO6 | GECN, 0xd);
	told(GCSUM | GECN, 1);
	told(GCSUM | UINT64_C(1) << 54, 1);
	told(GTSO4 | GTSO6, 0);
	told(GCSUM | GUSO, 0x61);
	told(0, 0);
}

/* 5,000 bytes of segments, longer than the MTU, over three buffers. */
static void segments_for_the_guest_pass_where_they_are_agreed(void **state)
{
	static const uint8_t sent[HEADER] = {1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0, 7, 7};
	static const uint8_t seen[HEADER] = {1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0, 3, 0};

	begin_tap(BOTH | GCSUM | GTSO4 | GECN);
	for (unsigned i = 0; i < 3; i++)
		offer(IN + 2048 * i, 2048);
	far_sends_header(sent, 5000, 4);
	frames_came();
	assert_int_equal(received(), 2048);
	assert_int_equal(received(), 2048);
	assert_int_equal(received(), HEADER + 5000 - 4096);
	assert_memory_equal(at(IN), seen, HEADER);
	assert_true(is_filled(at(IN) + HEADER, 5000, 4));
}

static void sums_for_the_guest_pass_where_they_are_agreed(void **state)
{
	static const uint8_t sent[][HEADER] = {
	    {1, 0, 0, 0, 0, 0, 34, 0, 16}, {2, 0, 9, 9, 9, 9, 9, 9, 9, 9}, {0}};
	static const uint8_t seen[][HEADER] = {
	    {1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 1}, {2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, {[10] = 1}};

	begin_tap(BOTH | GCSUM);
	for (unsigned i = 0; i < 3; i++) {
		offer(IN, 2048);
		far_sends_header(sent[i], 1000, i);
		frames_came();
		assert_int_equal(received(), HEADER + 1000);
		assert_memory_equal(at(IN), seen[i], HEADER);
		assert_true(is_filled(at(IN) + HEADER, 1000, i));
	}
}

/* The tap may still hold frames of an agreement that a reset has ended. */
static void offloads_for_the_guest_that_are_not_agreed_are_dropped(void **state)
{
	static const uint8_t bad[][HEADER] = {
	    {1, 4, 74, 0, 0xa0, 5, 54, 0, 16},    /* TCPv6: not agreed */
	    {1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16}, /* ECN: not agreed */
	    {1, 5, 42, 0, 0xb4, 5, 34, 0, 6},     /* UDP: not agreed */
	    {0, 1, 54, 0, 0xb4, 5},               /* segments without sums */
	    {1, 1, 54, 0, 0, 0, 34, 0, 16},       /* segments of no bytes */
	};

	begin_tap(BOTH | GCSUM | GTSO4);
	offer(IN, 2048);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		far_sends_header(bad[i], 1000, i);
		frames_came();
		assert_int_equal(count("rx_dropped"), i + 1);
	}
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, BOTH, 2, 8));
	offer(IN, 2048);
	far_sends_header((const uint8_t[HEADER]){1, 0, 0, 0, 0, 0, 34, 0, 16}, 1000, 1);
	frames_came();
	assert_int_equal(count("rx_dropped"), sizeof(bad) / sizeof(bad[0]) + 1);
	far_sends_tap(60, 2);
	frames_came();
	expect_frame(IN, 60, 2);
}

static void offloads_pass_where_they_are_agreed(void **state)
{
	/* NEEDS_CSUM and a bit that says nothing; TCPv4 with ECN; num_buffers is the device's */
	static const uint8_t asked[HEADER] = {3, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0, 7, 7};
	static const uint8_t sent[HEADER] = {1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0};
	uint8_t got[8000];

	begin_tap(BOTH | CSUM | TSO);
	assert_true(transmit(asked, 5000, 4));
	assert_int_equal(recv(peer, got, sizeof(got), 0), 5012);
	assert_memory_equal(got, sent, HEADER);
}

static void offloads_that_are_not_agreed_are_dropped(void **state)
{
	static const uint8_t bad[][HEADER] = {
	    {1, 0, 0, 0, 0, 0, 200, 3, 0x5f, 0}, /* the sum's place: one byte past the end */
	    {0, 1, 54, 0, 0xb4, 5},              /* segments without sums */
	    {1, 1, 54, 0, 0, 0, 34, 0, 16},      /* segments of no bytes */
	    {1, 3, 54, 0, 0xb4, 5, 34, 0, 6},    /* UDP: not offered */
	    {1, 4, 54, 0, 0xb4, 5, 34, 0, 16},   /* TCPv6: not agreed */
	    {1, 0x80, 54, 0, 0xb4, 5, 34, 0, 16},
	    {1, 0xff, 54, 0, 0xb4, 5, 34, 0, 16},
	};
	uint8_t got[2000];

	begin_tap(BOTH | CSUM | UINT64_C(1) << 11 | UINT64_C(1) << 13);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(transmit(bad[i], 1000, 4));
		assert_int_equal(count("tx_dropped"), i + 1);
	}
	assert_int_equal(recv(peer, got, sizeof(got), 0), -1);
	assert_true(transmit(plain, 1000, 4));
	assert_int_equal(count("tx_packets"), 1);
}

/* ----------------------------------------------------------------- socket */

static void frames_of_a_stream_may_be_cut_anywhere(void **state)
{
	static uint8_t bytes[4000];
	size_t n = far_frame(bytes, 60, 1);

	begin_socket(BOTH);
	n += far_frame(bytes + n, 1514, 2);
	for (unsigned i = 0; i < 3; i++)
		offer(IN + 0x800 * i, 2048);
	for (size_t i = 0; i < n; i++) {
		far_writes(bytes + i, 1);
		frames_came();
	}
	expect_frame(IN, 60, 1);
	expect_frame(IN + 0x800, 1514, 2);
	assert_int_equal(received(), -1);
}

static void frames_come_many_at_once(void **state)
{
	static uint8_t bytes[4000];
	size_t n = 0;

	begin_socket(BOTH);
	for (unsigned i = 0; i < 5; i++)
		n += far_frame(bytes + n, 100 + i, i);
	far_writes(bytes, n);
	for (unsigned i = 0; i < 5; i++) {
		offer(IN, 2048);
		expect_frame(IN, 100 + i, i);
	}
}

static void a_length_that_cannot_be_is_skipped(void **state)
{
	static uint8_t bytes[90000];
	size_t n = far_frame(bytes, 80000, 1);

	begin_socket(BOTH);
	offer(IN, 2048);
	n += far_frame(bytes + n, 0, 1);
	n += far_frame(bytes + n, 13, 1);
	n += far_frame(bytes + n, 14, 6);
	for (size_t i = 0; i < n; i += 1000) {
		far_writes(bytes + i, n - i < 1000 ? n - i : 1000);
		frames_came();
	}
	expect_frame(IN, 14, 6);
	assert_int_equal(count("rx_dropped"), 3);
}

static void a_frame_to_a_socket_has_its_length(void **state)
{
	static const uint8_t length[4] = {0, 0, 3, 0xe8};
	uint8_t got[2000];

	begin_socket(BOTH);
	assert_true(transmit(plain, 1000, 4));
	assert_int_equal(recv(peer, got, sizeof(got), 0), 1004);
	assert_memory_equal(got, length, sizeof(length));
	assert_true(is_filled(got + 4, 1000, 4));
}

/* Frames until the socket takes no more; then the peer reads all that were sent. */
static void a_socket_that_is_full_loses_nothing(void **state)
{
	static uint8_t got[4 + 60000];
	unsigned sent = 0, seen = 0;
	size_t have = 0;
	uint32_t head, len;
	int small = 20000;

	begin_socket(BOTH);
	assert_int_equal(setsockopt(near_end(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (transmit(plain, 60000, sent))
		assert_true(++sent < 100);
	sent++; /* the one that waits */
	for (unsigned idle = 0; seen < sent && idle < 100; idle++) {
		const ssize_t n = recv(peer, got + have, sizeof(got) - have, 0);

		there_is_room();
		if (n <= 0)
			continue;
		idle = 0;
		have += (size_t)n;
		if (have < sizeof(got))
			continue;
		assert_int_equal(volt_le32(got), 0x60ea0000);
		assert_true(is_filled(got + 4, 60000, seen));
		have = 0;
		seen++;
	}
	assert_int_equal(seen, sent);
	assert_true(fake_driver_used(driver, TX, &head, &len));
	assert_int_equal(count("tx_packets"), sent);
}

static void a_peer_that_goes_takes_the_link_down(void **state)
{
	const struct volt_call_arg up = {.name = "state", .value = "up"};

	begin_socket(BOTH);
	offer(IN, 2048);
	assert_int_equal(shutdown(peer, SHUT_RDWR), 0);
	frames_came();
	fake_advance(host, 1);
	assert_int_equal(link_status(), 0);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_ISR), 2);
	assert_true(transmit(plain, 60, 1));
	assert_int_equal(count("tx_dropped"), 1);
	assert_true(fake_command(host, "link", &up, 1) < 0);
}

/* ---------------------------------------------------------------- a record */

#define PCAP_FILE 24u
#define PCAP_EACH 16u

static char pcap_path[] = "/tmp/volt-pcap-XXXXXX";

static size_t read_pcap(uint8_t *to, size_t size)
{
	FILE *file = fopen(pcap_path, "rb");
	size_t n;

	assert_non_null(file);
	n = fread(to, 1, size, file);
	fclose(file);
	return n;
}

static int remove_pcap(void **state)
{
	unlink(pcap_path);
	strcpy(pcap_path, "/tmp/volt-pcap-XXXXXX");
	return teardown(state);
}

static void begin_pcap(const char *far, const char *more)
{
	char params[128];
	int fd = mkstemp(pcap_path);

	assert_true(fd >= 0);
	close(fd);
	snprintf(params, sizeof(params), "%s,pcap=%s%s", far, pcap_path, more);
	begin(params, BOTH);
}

/* The record of a frame at `p`, and the next one. */
static const uint8_t *expect_record(const uint8_t *p, size_t n, unsigned seed)
{
	assert_true(volt_le32(p + 4) < 1000000000u);
	assert_int_equal(volt_le32(p + 8), n);
	assert_int_equal(volt_le32(p + 12), n);
	assert_true(is_filled(p + PCAP_EACH, n, seed));
	return p + PCAP_EACH + n;
}

static void frames_of_a_tap_are_recorded(void **state)
{
	static const uint8_t header[PCAP_FILE] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, [20] = 1};
	static uint8_t found[16384];
	const uint8_t *p = found;

	begin_pcap("tap=tap0,mtu=9000", "");
	assert_true(transmit(plain, 1000, 1));
	for (unsigned i = 0; i < 3; i++)
		offer(IN + 2048 * i, 2048);
	far_sends_tap(5000, 2); /* in three buffers */
	frames_came();
	assert_int_equal(count("rx_packets"), 1);
	assert_int_equal(read_pcap(found, sizeof(found)), PCAP_FILE + 2 * PCAP_EACH + 6000);
	assert_memory_equal(p, header, 16);
	assert_memory_equal(p + 20, header + 20, 4);
	p = expect_record(p + PCAP_FILE, 1000, 1);
	expect_record(p, 5000, 2);
}

static void frames_of_a_stream_are_recorded(void **state)
{
	static uint8_t bytes[200], found[4096];
	const uint8_t *p = found;
	const size_t n = far_frame(bytes, 100, 1);

	begin_pcap("socket=unix:/passt", "");
	offer(IN, 2048);
	far_writes(bytes, n);
	frames_came();
	assert_true(transmit(plain, 1000, 2));
	assert_int_equal(read_pcap(found, sizeof(found)), PCAP_FILE + 2 * PCAP_EACH + 1100);
	p = expect_record(p + PCAP_FILE, 100, 1);
	expect_record(p, 1000, 2);
}

static void a_record_ends_at_its_limit(void **state)
{
	static uint8_t found[4096];

	begin_pcap("tap=tap0", ",pcap-limit=2000");
	for (unsigned i = 0; i < 3; i++)
		assert_true(transmit(plain, 950, i));
	assert_true(transmit(plain, 20, 1)); /* would fit, but would hide the one before */
	assert_int_equal(count("tx_packets"), 4);
	assert_int_equal(read_pcap(found, sizeof(found)), PCAP_FILE + 2 * (PCAP_EACH + 950));
}

static void a_record_overwrites_nothing_but_a_record(void **state)
{
	static uint8_t found[4096];
	char params[128];
	int fd = mkstemp(pcap_path);

	snprintf(params, sizeof(params), "tap=tap0,pcap=%s", pcap_path);
	for (unsigned i = 0; i < 2; i++) {
		begin(params, BOTH);
		assert_true(transmit(plain, 100 + i, i));
		assert_int_equal(read_pcap(found, sizeof(found)), PCAP_FILE + PCAP_EACH + 100 + i);
		teardown(NULL);
	}
	assert_int_equal(pwrite(fd, "text", 4, 0), 4);
	close(fd);
	refused(params, "neither an empty file nor an earlier record");
	assert_int_equal(read_pcap(found, sizeof(found)), PCAP_FILE + PCAP_EACH + 101);
	refused("tap=tap0,pcap=/dev/null", "neither an empty file nor an earlier record");
}

/* --------------------------------------------------------- system calls */

static void a_tap_takes_a_call_for_each_frame(void **state)
{
	begin_tap(BOTH);
	for (unsigned i = 0; i < 6; i++)
		far_sends_tap(1000, i);
	for (unsigned i = 0; i < 7; i++) {
		const struct fake_segment s = {IN + 2048 * i, 2048, true};

		assert_true(fake_driver_add(driver, RX, &s, 1, FAKE_DIRECT) >= 0);
	}
	reads = writes = 0;
	fake_driver_kick(driver, RX);
	assert_int_equal(count("rx_packets"), 6);
	assert_int_equal(reads, 7); /* the last one finds nothing */
	for (unsigned i = 0; i < 6; i++)
		assert_true(transmit(plain, 1000, i));
	assert_int_equal(writes, 6);
}

static void a_stream_takes_a_call_for_all_frames_that_came(void **state)
{
	static uint8_t bytes[8000];
	size_t n = 0;

	begin_socket(BOTH);
	for (unsigned i = 0; i < 6; i++)
		n += far_frame(bytes + n, 1000, i);
	for (unsigned i = 0; i < 7; i++) {
		const struct fake_segment s = {IN + 2048 * i, 2048, true};

		assert_true(fake_driver_add(driver, RX, &s, 1, FAKE_DIRECT) >= 0);
	}
	fake_driver_kick(driver, RX);
	far_writes(bytes, n);
	reads = writes = 0;
	frames_came();
	assert_int_equal(count("rx_packets"), 6);
	assert_int_equal(reads, 1);
	for (unsigned i = 0; i < 6; i++)
		assert_true(transmit(plain, 1000, i));
	assert_int_equal(writes, 6);
}

/* A run that finds the stream empty does not keep the next one from looking. */
static void a_stream_that_was_empty_is_read_again(void **state)
{
	static uint8_t bytes[200];
	const size_t n = far_frame(bytes, 100, 1);

	begin_socket(BOTH);
	for (unsigned i = 0; i < 3; i++) {
		offer(IN, 2048);
		far_writes(bytes, n);
		frames_came();
		expect_frame(IN, 100, 1);
	}
	far_writes(bytes, n); /* nobody has a buffer for it, and the wake-up is spent */
	frames_came();
	offer(IN, 2048);
	expect_frame(IN, 100, 1);
}

/* -------------------------------------------------------- hostile drivers */

static void one_honest_frame(uint64_t features)
{
	uint8_t got[200];

	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, features, 2, 8));
	while (recv(peer, got, sizeof(got), 0) > 0)
		;
	assert_true(transmit(plain, 60, 1));
	assert_int_equal(recv(peer, got, sizeof(got), 0), 72);
	offer(IN, 2048);
	far_sends_tap(60, 2);
	frames_came();
	expect_frame(IN, 60, 2);
}

/* Gives one chain to a queue; the bytes that came back, or -1. */
static long give(unsigned queue, const struct fake_segment *s, unsigned n)
{
	uint32_t head, len;

	assert_true(fake_driver_add(driver, queue, s, n, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, queue);
	return fake_driver_used(driver, queue, &head, &len) ? (long)len : -1;
}

static void buffers_of_the_wrong_kind_go_back_empty(void **state)
{
	const struct fake_segment readable[] = {{IN, 64, false}, {IN + 64, 2048, true}};
	const struct fake_segment writable[] = {{OUT, 100, false}, {OUT + 100, 64, true}};
	const struct fake_segment head = {IN, HEADER, true};
	const struct fake_segment little = {OUT, HEADER + 13, false};
	const struct fake_segment part = {OUT, 3, false};
	const struct fake_segment empty = {OUT, 0, false};
	const struct fake_segment much[] = {{RAM, 0x8000, false}, {RAM, 0x8020, false}};

	begin_tap(BOTH);
	far_sends_tap(60, 1);
	assert_int_equal(give(RX, readable, 2), 0);
	assert_int_equal(give(RX, &head, 1), 0);
	assert_int_equal(give(RX, &empty, 1), 0);
	assert_int_equal(give(TX, writable, 2), 0);
	assert_int_equal(give(TX, &little, 1), 0);
	assert_int_equal(give(TX, &part, 1), 0);
	assert_int_equal(give(TX, &empty, 1), 0);
	assert_int_equal(give(TX, much, 2), 0);
	assert_int_equal(count("tx_dropped"), 5);
	assert_int_equal(count("rx_packets"), 0);
	offer(IN, 2048);
	expect_frame(IN, 60, 1);
	one_honest_frame(BOTH);
}

static void a_bad_buffer_amid_a_frame_holds_nothing(void **state)
{
	const struct fake_segment s[] = {
	    {IN, 512, true}, {IN + 0x800, 64, false}, {IN + 512, 2048, true}};

	begin_tap(BOTH);
	for (unsigned i = 0; i < 3; i++)
		assert_true(fake_driver_add(driver, RX, &s[i], 1, FAKE_DIRECT) >= 0);
	far_sends_tap(1000, 8);
	fake_driver_kick(driver, RX);
	assert_int_equal(received(), 512);
	assert_int_equal(received(), 0);
	assert_int_equal(received(), 500);
	assert_int_equal(volt_le16(at(IN + 10)), 3);
	assert_true(is_filled(at(IN + HEADER), 1000, 8));
	one_honest_frame(BOTH);
}

static void buffers_outside_of_memory_break_their_queue(void **state)
{
	const struct fake_segment away = {0xfee00000, 2048, true};
	const struct fake_segment end = {RAM + RAM_SIZE - 64, 128, false};

	begin_tap(BOTH);
	assert_int_equal(give(RX, &away, 1), -1);
	assert_int_equal(count("broken"), 1);
	assert_int_equal(give(TX, &end, 1), -1);
	assert_int_equal(count("broken"), 2);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_STATUS) & 64, 64);
	one_honest_frame(BOTH);
	assert_int_equal(count("rx_packets"), 1);
}

static void a_frame_that_breaks_off_is_not_shown(void **state)
{
	const struct fake_segment s[] = {{IN, 512, true}, {0xfee00000, 2048, true}};

	begin_tap(BOTH);
	for (unsigned i = 0; i < 2; i++)
		assert_true(fake_driver_add(driver, RX, &s[i], 1, FAKE_DIRECT) >= 0);
	far_sends_tap(1000, 8);
	fake_driver_kick(driver, RX);
	assert_int_equal(received(), -1);
	assert_int_equal(count("broken"), 1);
	one_honest_frame(BOTH);
}

static void a_reset_amid_a_sent_frame_keeps_the_stream_whole(void **state)
{
	static uint8_t got[4 + 60000];
	unsigned sent = 0;
	size_t have = 0;
	int small = 20000;

	begin_socket(BOTH);
	assert_int_equal(setsockopt(near_end(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (transmit(plain, 60000, sent))
		assert_true(++sent < 100);
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, BOTH, 2, 8));
	(void)transmit(plain, 60, 77);
	for (unsigned frame = 0; frame <= sent + 1; frame++) {
		const size_t size = frame <= sent ? sizeof(got) : 64;

		for (unsigned idle = 0; have < size && idle < 100; idle++) {
			const ssize_t n = recv(peer, got + have, size - have, 0);

			have += n > 0 ? (size_t)n : 0;
			there_is_room();
		}
		assert_int_equal(have, size);
		assert_true(is_filled(got + 4, size - 4, frame <= sent ? frame : 77));
		have = 0;
	}
}

/* ------------------------------------------------------------------ rates */

#define SECOND UINT64_C(1000000000)

static void run_all(void)
{
	for (unsigned i = 0; i < 100 && fake_run_workers(host); i++)
		;
}

static void each_way_waits_for_its_rate(void **state)
{
	begin("tap=tap0,rate-bytes=1000,burst-bytes=100", BOTH);
	assert_true(transmit(plain, 60, 1));
	assert_true(transmit(plain, 1000, 2)); /* longer than the burst, and paid for afterwards */
	assert_false(transmit(plain, 60, 3));
	assert_true(count("throttled") > 0);
	offer(IN, 2048); /* the other way has its own */
	far_sends_tap(60, 4);
	frames_came();
	expect_frame(IN, 60, 4);
	fake_advance(host, SECOND / 2);
	run_all();
	assert_int_equal(count("tx_packets"), 2);
	fake_advance(host, SECOND);
	run_all();
	assert_int_equal(count("tx_packets"), 3);
}

static void frames_for_the_guest_wait_at_the_peer(void **state)
{
	begin("tap=tap0,rate-ops=1,burst-ops=1", BOTH);
	offer(IN, 2048);
	offer(IN + 0x800, 2048);
	far_sends_tap(60, 1);
	far_sends_tap(60, 2);
	frames_came();
	expect_frame(IN, 60, 1);
	assert_int_equal(received(), -1);
	fake_advance(host, 2 * SECOND);
	run_all();
	expect_frame(IN + 0x800, 60, 2);
	assert_int_equal(count("rx_dropped"), 0);
}

static void rates_change_by_command(void **state)
{
	const struct volt_call_arg args[] = {{"ops", "1"}, {"burst-ops", "1"}};

	begin_tap(BOTH);
	for (unsigned i = 0; i < 5; i++)
		assert_true(transmit(plain, 60, i));
	assert_int_equal(fake_command(host, "rate", args, 2), 0);
	assert_true(transmit(plain, 60, 1));
	assert_false(transmit(plain, 60, 2));
	assert_int_equal(fake_command(host, "rate", NULL, 0), 0); /* none: what waited goes */
	run_all();
	assert_int_equal(count("tx_packets"), 7);
	assert_int_equal(fake_command(host, "rate", args + 1, 1), -EINVAL);
}

/* ------------------------------------------------------------------ state */

static void a_saved_card_goes_on_elsewhere(void **state)
{
	uint8_t saved[8192];
	size_t n;

	begin_tap(BOTH);
	offer(IN, 2048);
	set_link("down");
	const uint8_t *bytes = fake_state_save(host, &n);

	assert_true(n <= sizeof(saved));
	memcpy(saved, bytes, n);
	set_link("up");
	fake_run_workers(host);
	assert_int_equal(fake_state_load(host, saved, n), 0);
	assert_int_equal(link_status(), 0);
	set_link("up");
	far_sends_tap(60, 1);
	frames_came();
	expect_frame(IN, 60, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_tap_has_offloads_that_its_kernel_does),
	    T(offloads_can_be_left_out),
	    T(a_tap_is_told_what_was_agreed),
	    T(segments_for_the_guest_pass_where_they_are_agreed),
	    T(sums_for_the_guest_pass_where_they_are_agreed),
	    T(offloads_for_the_guest_that_are_not_agreed_are_dropped),
	    T(a_socket_has_none),
	    cmocka_unit_test_teardown(frames_of_a_tap_are_recorded, remove_pcap),
	    cmocka_unit_test_teardown(frames_of_a_stream_are_recorded, remove_pcap),
	    cmocka_unit_test_teardown(a_record_ends_at_its_limit, remove_pcap),
	    cmocka_unit_test_teardown(a_record_overwrites_nothing_but_a_record, remove_pcap),
	    T(a_tap_takes_a_call_for_each_frame),
	    T(a_stream_takes_a_call_for_all_frames_that_came),
	    T(a_stream_that_was_empty_is_read_again),
	    T(the_configuration_says_address_link_and_mtu),
	    cmocka_unit_test(bad_parameters_have_their_line),
	    T(the_link_goes_down_and_up_by_command),
	    T(a_frame_from_a_tap_is_received),
	    T(frames_wait_for_buffers),
	    T(a_header_may_be_split_anywhere),
	    T(a_frame_is_spread_over_buffers),
	    T(none_of_it_is_shown_where_buffers_are_few),
	    T(none_of_it_is_shown_where_the_ring_is_small),
	    T(a_frame_longer_than_its_buffer_is_dropped),
	    T(a_frame_longer_than_the_mtu_is_dropped),
	    T(a_flood_of_bad_frames_ends),
	    T(a_frame_to_a_tap_has_its_header),
	    T(offloads_pass_where_they_are_agreed),
	    T(offloads_that_are_not_agreed_are_dropped),
	    T(frames_of_a_stream_may_be_cut_anywhere),
	    T(frames_come_many_at_once),
	    T(a_length_that_cannot_be_is_skipped),
	    T(a_frame_to_a_socket_has_its_length),
	    T(a_socket_that_is_full_loses_nothing),
	    T(a_peer_that_goes_takes_the_link_down),
	    T(buffers_of_the_wrong_kind_go_back_empty),
	    T(a_bad_buffer_amid_a_frame_holds_nothing),
	    T(buffers_outside_of_memory_break_their_queue),
	    T(a_frame_that_breaks_off_is_not_shown),
	    T(a_reset_amid_a_sent_frame_keeps_the_stream_whole),
	    T(each_way_waits_for_its_rate),
	    T(frames_for_the_guest_wait_at_the_peer),
	    T(rates_change_by_command),
	    T(a_saved_card_goes_on_elsewhere),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL) + run_control_tests() + run_rebind_tests();
}
