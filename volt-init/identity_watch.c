/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * The process that acts when the guest goes on from a snapshot. Linux wakes it: its own driver of
 * the generation ID logs a line. Kernels without the driver say nothing, so it also looks once a
 * second, at a page that costs no exit to read.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "identity.h"
#include "ipconfig.h"
#include "network.h"
#include "small.h"
#include "text.h"

/* linux/random.h, which musl's compiler does not find */
#define RNDADDENTROPY _IOW('R', 0x03, int[2])
#define RNDRESEEDCRNG _IO('R', 0x07)

#define HOOKS "/etc/volt/restored.d"

enum { POLL_MS = 1000, IOMEM_MAX = 16384 };

static const volatile uint8_t *map_page(int mem, const char *iomem, const char *id)
{
	const uint64_t at = identity_find(iomem, id);

	if (!at)
		return NULL;
	const void *page = mmap(NULL, IDENTITY_PAGE, PROT_READ, MAP_SHARED, mem, (off_t)at);
	return page != MAP_FAILED ? page : NULL;
}

static void set_clock(const volatile uint8_t *clock, const struct identity *id)
{
	uint64_t ns = clock ? identity_time(clock, __rdtsc()) : 0;

	if (!ns)
		ns = id->realtime_ns;
	const struct timespec time = {
	    .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
	if (syscall(SYS_clock_settime, CLOCK_REALTIME, &time))
		complain("restored: the clock cannot be set: %s", strerror(errno));
}

/* The generation is drawn by the host for this VM alone, so two copies' numbers part here. */
static void seed(const struct identity *id)
{
	struct {
		int bits, size;
		uint8_t bytes[16];
	} entropy = {.bits = 128, .size = 16};
	const int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	memcpy(entropy.bytes, id->generation, sizeof(entropy.bytes));
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &entropy) || ioctl(fd, RNDRESEEDCRNG))
		complain("restored: random numbers cannot be seeded: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void set_network(const struct identity *id)
{
	char device[16] = "eth0", text[64];
	uint32_t address, netmask, gateway, none;
	uint8_t mac[6];
	int error = 0;

	identity_value(id, "device", device, sizeof(device));
	if (identity_value(id, "mac", text, sizeof(text)))
		error = identity_mac(text, mac) ? interface_set_mac(device, mac) : -EINVAL;
	if (!error && identity_value(id, "address", text, sizeof(text))) {
		if (!identity_address(text, &address, &netmask))
			error = -EINVAL;
		else
			error = interface_set_address(device, address, netmask);
		if (!error)
			error = interface_up(device);
		const size_t n =
		    identity_value(id, "gateway", text, sizeof(text) - 3) ? strlen(text) : 0;
		if (!error && n > 0) {
			memcpy(text + n, "/32", 4);
			error = identity_address(text, &gateway, &none)
				    ? interface_set_gateway(device, address, netmask, gateway)
				    : -EINVAL;
		}
	}
	if (error)
		complain("identity: the network of %s: %s", device, strerror(-error));
}

static void take_words(const struct identity *id)
{
	char text[65];

	if (identity_value(id, "hostname", text, sizeof(text)) && sethostname(text, strlen(text)))
		complain("identity: the host name: %s", strerror(errno));
	set_network(id);
}

/* VOLT_GENERATION, and for each pair VOLT_ID_KEY with capitals and underscores. */
static void set_environment(const struct identity *id)
{
	char name[48], value[256], hex[33];

	for (unsigned i = 0; i < sizeof(id->generation); i++)
		text_format(hex + 2 * i, 3, "%02x", id->generation[i]);
	setenv("VOLT_GENERATION", hex, 1);
	for (const char *line = id->text; *line; line = strchr(line, '\n') + 1) {
		size_t n = 8;

		memcpy(name, "VOLT_ID_", n);
		for (; *line != '=' && n < sizeof(name) - 1; line++)
			name[n++] = *line == '-'                   ? '_'
				    : *line >= 'a' && *line <= 'z' ? (char)(*line - 32)
								   : *line;
		name[n] = '\0';
		for (n = 0, line++; *line != '\n' && n < sizeof(value) - 1; line++)
			value[n++] = *line;
		value[n] = '\0';
		setenv(name, value, 1);
	}
}

static bool keep_name(const char *name)
{
	return name[0] != '.';
}

static void run_hooks(const struct identity *id)
{
	char **names, path[256];
	const int count = names_read(HOOKS, keep_name, strcmp, &names);

	if (count > 0)
		set_environment(id);
	for (int i = 0; i < count; i++) {
		int status;

		text_format(path, sizeof(path), HOOKS "/%s", names[i]);
		const pid_t pid = _Fork();
		if (pid == 0) {
			char *args[] = {path, NULL};

			execv(path, args);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			complain("restored: %s failed", path);
	}
}

static void act(const volatile uint8_t *clock, const struct identity *id)
{
	if (id->reason == IDENTITY_RESTORED) {
		seed(id);
		set_clock(clock, id);
	}
	take_words(id);
	if (id->reason != IDENTITY_RESTORED)
		return;
	run_hooks(id);
	complain("restored: this is another VM now");
}

__attribute__((noreturn)) static void watch(
    const volatile uint8_t *page, const volatile uint8_t *clock)
{
	static struct identity id;
	struct pollfd log = {
	    .fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), .events = POLLIN};
	uint32_t seen = 1; /* never the number of a page that is whole */

	for (;;) {
		if (*(const volatile uint32_t *)(page + 72) != seen && identity_read(page, &id)) {
			seen = id.sequence;
			act(clock, &id);
		}
		lseek(log.fd, 0, SEEK_END);
		poll(&log, 1, POLL_MS);
	}
}

void identity_watch(void)
{
	static char iomem[IOMEM_MAX];
	sigset_t none;

	if (read_file("/proc/iomem", iomem, sizeof(iomem)) <= 0 ||
	    !identity_find(iomem, "VMGENCTR"))
		return;
	const int mem = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	const volatile uint8_t *page = mem >= 0 ? map_page(mem, iomem, "VMGENCTR") : NULL;
	const volatile uint8_t *clock = page ? map_page(mem, iomem, "AMZNC10C") : NULL;
	const pid_t pid = page ? _Fork() : -1;

	if (pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		watch(page, clock);
	}
	if (pid < 0)
		complain("identity: the page of vmgenid cannot be used: %s", strerror(errno));
	if (mem >= 0)
		close(mem);
}
