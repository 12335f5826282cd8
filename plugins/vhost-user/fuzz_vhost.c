/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_vhost - a hostile back end, whose answers are the bytes of an input, and a restless driver.
 *
 * The first byte chooses the device, and whether the back end lies from the first message on. The
 * bytes of a back end that lies answer each message: the honest answer, that one with a byte
 * changed, or anything. Between its answers the driver resets, starts and kicks, and the back end
 * calls, writes to used rings, says what nobody asked for, or goes. Afterwards the device must
 * still be there: a reset works, and the next driver's start ends in DRIVER_OK, with or without
 * DEVICE_NEEDS_RESET.
 */
#include "test_backend.h"

#include <sys/socket.h>
#include <unistd.h>

#define INPUT_MAX 512u
#define SMALL_RAM 0x8000u
#define RING      8u

extern const struct volt_plugin volt_plugin_vhost_user;

static const char *const kinds[] = {
    "socket=unix:/far,device=2,queues=2",
    "socket=unix:/far,device=26,queues=3,tag=a",
    "socket=unix:/far,device=2,transport=pci",
    "socket=unix:/far,device=18,config-size=256,transport=pci",
};
static const unsigned queues[] = {2, 3, 1, 1};

static struct fake_host *host;
static struct fake_driver *driver;
static unsigned kind;

static uint8_t next(void)
{
	if (backend.random_size == 0)
		return 0;
	backend.random_size--;
	return *backend.random++;
}

static void start(void)
{
	const uint64_t offered = fake_driver_offered(driver); /* whatever a liar has */

	fake_driver_free_all(driver);
	fake_driver_start(driver, offered & ALL_RINGS, queues[kind], RING);
	fake_run_workers(host);
}

static void scribble(void)
{
	const struct fake_ring *r = fake_driver_ring(driver, next() % queues[kind]);
	const uint8_t index = next();

	if (!r->used)
		return;
	volt_put_le16(fake_driver_at(driver, r->used) + 2, index);
	fake_worker_event(host, 0);
}

static void speak(void)
{
	const uint8_t byte = next();

	if (send(backend.fd, &byte, 1, MSG_NOSIGNAL) == 1)
		fake_worker_event(host, 0);
}

static void pause_and_resume(void)
{
	size_t n;

	fake_state_save(host, &n);
}

static void act(void)
{
	switch (next() % 8) {
	case 0:
		start();
		break;
	case 1:
		fake_driver_reset(driver);
		break;
	case 2:
		if (fake_driver_ring(driver, 0)->desc)
			fake_driver_kick(driver, next() % queues[kind]);
		break;
	case 3:
		scribble();
		break;
	case 4:
		speak();
		break;
	case 5:
		fake_driver_set(driver, FAKE_REG_CONFIG + (next() & ~3u), next());
		break;
	case 6:
		pause_and_resume();
		break;
	default:
		backend.lie = next() % 2 ? HONEST : RANDOM;
	}
	fake_run_workers(host);
}

static void play(void)
{
	driver = fake_driver_create(host, RAM, SMALL_RAM);
	backend.lie = RANDOM;
	while (backend.random_size)
		act();
	start();
	if ((fake_driver_get(driver, FAKE_REG_STATUS) & 15) != 15 ||
	    fake_counter(host, "lost") > 1) {
		fprintf(stderr, "the device is gone: status %u, lost %u\n",
		    fake_driver_get(driver, FAKE_REG_STATUS), (unsigned)fake_counter(host, "lost"));
		abort();
	}
	fake_driver_destroy(driver);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n < 2 || n > INPUT_MAX)
		return 0;
	backend_reset();
	backend.random = bytes;
	backend.random_size = n;
	backend.config_size = CONFIG_MAX;
	const uint8_t first = next();

	kind = first % (sizeof(kinds) / sizeof(kinds[0]));
	backend.lie = first & 0x80 ? RANDOM : HONEST;
	host = fake_host_create(&volt_plugin_vhost_user);
	if (fake_host_wire(host, kinds[kind]))
		abort();
	backend.fd = fake_param_peer(host, 0);
	if (fake_host_run(host) == 0)
		play();
	backend_close();
	fake_host_destroy(host);
	return 0;
}
