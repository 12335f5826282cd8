/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * DHCP's conversation (RFC 2131, 3.1 and 4.4). A client without an address cannot be reached by
 * UDP's sockets, so the first exchange goes by a packet socket; a lease is renewed by UDP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "network.h"
#include "small.h"
#include "text.h"

/* RFC 2131, 4.1: waits grow; the first is short, as a VM's server is near. */
enum { FIRST_MS = 500, LONGEST_MS = 8000, LIMIT_MS = 20000, RETRY_S = 60 };

static int open_packets(int index)
{
	const struct sockaddr_ll at = {
	    .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = index};
	const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));

	if (fd < 0)
		return -errno;
	if (!bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		return fd;
	const int error = -errno;
	close(fd);
	return error;
}

static void broadcast(int fd, int index, const struct dhcp_client *c, enum dhcp_type type,
    const struct dhcp_lease *from)
{
	static uint8_t packet[DHCP_HEADERS + DHCP_MESSAGE];
	const struct sockaddr_ll to = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_IP),
	    .sll_ifindex = index,
	    .sll_halen = 6,
	    .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	const size_t len = dhcp_write(packet + DHCP_HEADERS, c, type, from, false);

	sendto(fd, packet, dhcp_wrap(packet, len), 0, (const struct sockaddr *)&to, sizeof(to));
}

/* Waits for a server's message of one of two types; false when `limit_ms` are over. */
static bool wait_for(int fd, bool is_packet, const struct dhcp_client *c, enum dhcp_type type,
    long limit_ms, struct dhcp_lease *lease)
{
	static uint8_t packet[DHCP_PACKET];
	const unsigned long until = uptime_ms() + (unsigned long)limit_ms;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		const long left = (long)(until - uptime_ms());
		if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR))
			return false;
		const ssize_t got = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
		if (got <= 0)
			continue;
		size_t len = (size_t)got;
		const uint8_t *message = is_packet ? dhcp_unwrap(packet, len, &len) : packet;
		if (message && dhcp_read(message, len, c, lease) &&
		    (lease->type == type || lease->type == DHCP_NAK))
			return true;
	}
}

/* One message and its answer, again and again until the limit. */
static bool exchange(int fd, int index, const struct dhcp_client *c, enum dhcp_type type,
    const struct dhcp_lease *from, unsigned long until, struct dhcp_lease *answer)
{
	const enum dhcp_type wanted = type == DHCP_DISCOVER ? DHCP_OFFER : DHCP_ACK;

	for (long wait = FIRST_MS; uptime_ms() < until;
	     wait = wait < LONGEST_MS ? 2 * wait : wait) {
		broadcast(fd, index, c, type, from);
		if (wait_for(fd, true, c, wanted, wait, answer))
			return true;
	}
	return false;
}

static bool make_client(const char *device, struct dhcp_client *c, int *index)
{
	const int error = interface_read_mac(device, c->mac, index);

	if (error) {
		complain("%s: cannot read its address: %s", device, strerror(-error));
		return false;
	}
	/* GRND_INSECURE: a number that differs is enough, and boot must not wait for one. */
	if (syscall(SYS_getrandom, &c->xid, sizeof(c->xid), 4) != sizeof(c->xid)) {
		memcpy(&c->xid, c->mac + 2, sizeof(c->xid));
		c->xid ^= (uint32_t)uptime_ms();
	}
	return true;
}

bool lease_get(const char *device, struct dhcp_lease *lease)
{
	const unsigned long until = uptime_ms() + LIMIT_MS;
	struct dhcp_client c;
	struct dhcp_lease offer;
	bool granted = false;
	int index;

	if (!make_client(device, &c, &index))
		return false;
	const int fd = open_packets(index);
	if (fd < 0) {
		complain("%s: cannot ask for an address: %s; DHCP needs CONFIG_PACKET", device,
		    strerror(-fd));
		return false;
	}
	while (!granted && exchange(fd, index, &c, DHCP_DISCOVER, NULL, until, &offer)) {
		if (offer.type == DHCP_OFFER &&
		    exchange(fd, index, &c, DHCP_REQUEST, &offer, until, lease))
			granted = lease->type == DHCP_ACK;
	}
	close(fd);
	if (!granted)
		complain("%s: no DHCP server gave an address in %d s", device, LIMIT_MS / 1000);
	return granted;
}

/* ------------------------------------------------------------------ its renewal */

static int open_udp(const char *device, uint32_t address)
{
	const struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT), .sin_addr.s_addr = address};
	const int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1);
	if (!bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		return fd;
	close(fd);
	return -1;
}

/* RFC 2131, 4.4.5: after T1 the server that granted it is asked, after T2 any. */
static bool renew(int fd, const struct dhcp_client *c, const struct dhcp_lease *lease, bool any,
    struct dhcp_lease *answer)
{
	static uint8_t message[DHCP_MESSAGE];
	const struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(DHCP_SERVER_PORT),
	    .sin_addr.s_addr = any ? INADDR_BROADCAST : lease->server};
	const size_t len = dhcp_write(message, c, DHCP_REQUEST, lease, true);

	sendto(fd, message, len, 0, (const struct sockaddr *)&to, sizeof(to));
	return wait_for(fd, false, c, DHCP_ACK, LONGEST_MS, answer);
}

static void sleep_until(unsigned long when_ms)
{
	for (unsigned long now; (now = uptime_ms()) < when_ms;) {
		const unsigned long left = when_ms - now;
		poll(NULL, 0, left < 3600000 ? (int)left : 3600000);
	}
}

/* Until the lease is lost. */
static void keep(const char *device, struct dhcp_client *c, struct dhcp_lease *lease)
{
	const int fd = open_udp(device, lease->address);
	unsigned long begun = uptime_ms(), next = begun + lease->renew * 1000ul;
	struct dhcp_lease answer;

	while (fd >= 0 && lease->lease != DHCP_FOREVER) {
		sleep_until(next);
		const unsigned long asked = uptime_ms(), age = asked - begun;
		if (age >= lease->lease * 1000ul)
			break;
		if (!renew(fd, c, lease, age >= lease->rebind * 1000ul, &answer)) {
			next = asked + RETRY_S * 1000ul;
			if (next > begun + lease->lease * 1000ul)
				next = begun + lease->lease * 1000ul;
			continue;
		}
		if (answer.type == DHCP_NAK || answer.address != lease->address)
			break;
		*lease = answer;
		begun = asked;
		next = begun + lease->renew * 1000ul;
	}
	if (fd >= 0 && lease->lease == DHCP_FOREVER)
		return;
	complain("%s: its DHCP lease has ended", device);
	interface_set_address(device, 0, 0);
}

void lease_keep(const char *device, const struct dhcp_lease *lease)
{
	struct dhcp_lease own = *lease;
	struct dhcp_client c;
	sigset_t none;
	int index;

	if (lease->lease == DHCP_FOREVER || !make_client(device, &c, &index))
		return;
	const pid_t pid = _Fork();
	if (pid < 0)
		complain("%s: cannot keep its lease: %s", device, strerror(errno));
	if (pid)
		return;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	keep(device, &c, &own);
	_exit(0);
}
