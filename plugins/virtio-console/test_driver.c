/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_virtio-console.h"

struct fake_host *host;
struct fake_driver *driver;
static uint64_t buffer_of[16][RING]; /* of each descriptor that heads a chain */

void wire(const char *params)
{
	host = fake_host_create(&volt_plugin_virtio_console);
	assert_int_equal(fake_host_wire(host, params), 0);
	assert_int_equal(fake_host_run(host), 0);
	driver = fake_driver_create(host, RAM, RAM_SIZE);
}

void begin(const char *params, uint64_t features, unsigned queues)
{
	wire(params);
	assert_true(fake_driver_start(driver, features | LIBRARY, queues, RING));
	for (unsigned q = 0; q < queues; q += 2)
		give(q, RING);
}

int teardown(void **state)
{
	fake_driver_destroy(driver);
	fake_host_destroy(host);
	driver = NULL;
	return 0;
}

void give(unsigned q, unsigned buffers)
{
	while (buffers--) {
		const uint64_t gpa = fake_driver_alloc(driver, ROOM, 1);
		const struct fake_segment s = {gpa, ROOM, true};
		const int head = fake_driver_add(driver, q, &s, 1, FAKE_DIRECT);

		assert_true(head >= 0);
		buffer_of[q][head] = gpa;
	}
	fake_driver_kick(driver, q);
}

void settle(void)
{
	fake_driver_kick(driver, 0);
}

bool guest_sends(unsigned q, const void *bytes, size_t n)
{
	const uint64_t gpa = fake_driver_alloc(driver, n, 1);
	const struct fake_segment s = {gpa, (uint32_t)n, false};
	uint32_t head, len;

	memcpy(fake_driver_at(driver, gpa), bytes, n);
	assert_true(fake_driver_add(driver, q, &s, 1, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, q);
	return fake_driver_used(driver, q, &head, &len);
}

const uint8_t *guest_gets(unsigned q, uint32_t *n)
{
	uint32_t head;

	if (!fake_driver_used(driver, q, &head, n))
		return NULL;
	const uint8_t *bytes = fake_driver_at(driver, buffer_of[q][head]);

	give(q, 1);
	return bytes;
}

void control(uint32_t port, uint16_t event, uint16_t value)
{
	uint8_t m[8];

	volt_put_le32(m, port);
	volt_put_le16(m + 4, event);
	volt_put_le16(m + 6, value);
	assert_true(guest_sends(CONTROL_TRANSMIT, m, sizeof(m)));
}

bool hears(struct said *s)
{
	uint32_t n;
	const uint8_t *m = guest_gets(CONTROL_RECEIVE, &n);

	if (!m)
		return false;
	assert_true(n >= 8);
	*s = (struct said){volt_le32(m), volt_le16(m + 4), volt_le16(m + 6), n - 8, m + 8};
	return true;
}

void expect_said(uint32_t port, uint16_t event, uint16_t value, const void *bytes, uint32_t n)
{
	struct said s = {0};

	assert_true(hears(&s));
	assert_int_equal(s.port, port);
	assert_int_equal(s.event, event);
	assert_int_equal(s.value, value);
	assert_int_equal(s.more, n);
	if (n)
		assert_memory_equal(s.bytes, bytes, n);
}

void expect_silence(void)
{
	struct said s;

	assert_false(hears(&s));
}

void open_port(uint32_t port)
{
	struct said s;

	control(0, DEVICE_READY, 1);
	while (hears(&s))
		assert_int_equal(s.event, DEVICE_ADD);
	control(port, PORT_READY, 1);
	while (hears(&s))
		assert_int_equal(s.port, port);
	control(port, PORT_OPEN, 1);
}
