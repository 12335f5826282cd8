/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmdline.h"
#include "small.h"
#include "text.h"

enum { WAIT_MS = 5000, TICK_NS = 10000000, PATH_SIZE = 320 };

static const char run_resolver[] = "/run/resolv.conf", resolver[] = "/etc/resolv.conf";

static uint32_t name_servers[IPCONFIG_DNS];

static bool is_interface(const char *name)
{
	return name[0] != '.';
}

/* Ethernet's kind; what is made of software alone has no device behind it. */
static bool is_card(const char *name)
{
	char path[PATH_SIZE], text[16];

	text_format(path, sizeof(path), "/sys/class/net/%s/type", name);
	if (read_file(path, text, sizeof(text)) <= 0 || strcmp(text, "1\n"))
		return false;
	text_format(path, sizeof(path), "/sys/class/net/%s/device", name);
	return !access(path, F_OK);
}

static bool find_card(struct ipconfig *c)
{
	char **names, path[PATH_SIZE];

	if (c->device[0]) {
		text_format(path, sizeof(path), "/sys/class/net/%s", c->device);
		return !access(path, F_OK);
	}
	const int count = names_read("/sys/class/net", is_interface, names_by_number, &names);
	for (int i = 0; i < count; i++) {
		if (!is_card(names[i]))
			continue;
		text_format(c->device, sizeof(c->device), "%s", names[i]);
		return true;
	}
	return false;
}

static bool wait_for_card(struct ipconfig *c)
{
	const struct timespec tick = {.tv_nsec = 10 * TICK_NS};

	for (const unsigned long begun = uptime_ms(); !find_card(c); nanosleep(&tick, NULL)) {
		if (uptime_ms() - begun < WAIT_MS)
			continue;
		complain("ip=: cannot be followed: there is no network device%s%s after %d s",
		    c->device[0] ? " " : "", c->device, WAIT_MS / 1000);
		return false;
	}
	return true;
}

/* A link may take a moment; DHCP tries again anyhow, and without one nothing is lost. */
static void wait_for_link(const char *device)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};
	char path[PATH_SIZE], text[8];

	text_format(path, sizeof(path), "/sys/class/net/%s/carrier", device);
	for (const unsigned long begun = uptime_ms(); uptime_ms() - begun < WAIT_MS;) {
		if (read_file(path, text, sizeof(text)) > 0 && text[0] == '1')
			return;
		nanosleep(&tick, NULL);
	}
	complain("%s: its link is down", device);
}

static void take_lease(struct ipconfig *c, const struct dhcp_lease *lease)
{
	c->address = lease->address;
	c->netmask = lease->netmask;
	c->gateway = lease->gateway;
	if (!c->hostname[0])
		text_format(c->hostname, sizeof(c->hostname), "%s", lease->hostname);
	for (unsigned i = 0; i < IPCONFIG_DNS; i++) {
		if (!c->dns[i])
			c->dns[i] = lease->dns[i];
	}
}

static bool tell(const char *device, const char *what, int error)
{
	if (error)
		complain("%s: cannot set its %s: %s", device, what, strerror(-error));
	return !error;
}

static void apply(const struct ipconfig *c)
{
	char address[IPCONFIG_ADDRESS], gateway[IPCONFIG_ADDRESS];

	if (!tell(c->device, "address", interface_set_address(c->device, c->address, c->netmask)))
		return;
	if (c->gateway && !tell(c->device, "gateway",
			      interface_set_gateway(c->device, c->address, c->netmask, c->gateway)))
		return;
	if (c->hostname[0])
		sethostname(c->hostname, strlen(c->hostname));
	memcpy(name_servers, c->dns, sizeof(name_servers));
	print("volt-init: %s has address %s, gateway %s\n", c->device,
	    ipconfig_print(c->address, address),
	    c->gateway ? ipconfig_print(c->gateway, gateway) : "none");
}

static void configure(struct ipconfig *c)
{
	struct dhcp_lease lease = {.lease = DHCP_FOREVER};

	interface_up("lo");
	if (c->how == IP_OFF || !wait_for_card(c))
		return;
	/* A kernel with CONFIG_IP_PNP has done it all. */
	if (interface_has_address(c->device))
		return;
	if (!tell(c->device, "link", interface_up(c->device)))
		return;
	wait_for_link(c->device);
	if (c->how == IP_DHCP) {
		if (!lease_get(c->device, &lease))
			return;
		take_lease(c, &lease);
		if (lease.mtu)
			tell(c->device, "MTU", interface_limit_mtu(c->device, lease.mtu));
	}
	apply(c);
	lease_keep(c->device, &lease);
}

void network_setup(const char *cmdline)
{
	static struct ipconfig c;
	char text[512];

	if (!cmdline_get(cmdline, "ip", text, sizeof(text)))
		return;
	const char *wrong = ipconfig_parse(text, &c);
	if (wrong)
		complain("ip=%s: cannot be used: its %s", text, wrong);
	else
		configure(&c);
}

/* ------------------------------------------------------------------ name servers */

static size_t write_servers(char *text, size_t size)
{
	char address[IPCONFIG_ADDRESS];
	size_t len = 0;

	for (unsigned i = 0; i < IPCONFIG_DNS; i++) {
		if (name_servers[i])
			len += text_format(text + len, size - len, "nameserver %s\n",
			    ipconfig_print(name_servers[i], address));
	}
	return len;
}

static int write_file(const char *path, const char *text, size_t len)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	const bool written = write_all(fd, text, len);
	return close(fd) || !written ? -EIO : 0;
}

void network_write_resolver(void)
{
	static char text[1024];
	size_t len = write_servers(text, sizeof(text));

	/* CONFIG_IP_PNP lists its servers as the file that is to be written has them. */
	if (!len && read_file("/proc/net/pnp", text, sizeof(text)) > 0 &&
	    find_text(text, "nameserver "))
		len = strlen(text);
	if (!len)
		return;
	mkdir("/etc", 0755);
	const int error = write_file(resolver, text, len);
	if (error != -EROFS) {
		if (error &&
		    error != -ENOENT) /* a link of systemd-resolved, which is not there yet */
			complain("%s: cannot be written: %s", resolver, strerror(-error));
		return;
	}
	if (write_file(run_resolver, text, len) ||
	    mount(run_resolver, resolver, NULL, MS_BIND, NULL))
		complain("%s: cannot be written: the root is read-only", resolver);
}
