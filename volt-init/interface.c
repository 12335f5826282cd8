/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/* Network devices by the ioctls of netdevice(7), which need no netlink. */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network.h"
#include "text.h"

static int request(unsigned long number, void *arg)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	const int error = ioctl(fd, (int)number, arg) ? -errno : 0;
	close(fd);
	return error;
}

static struct ifreq make_request(const char *device)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	text_format(r.ifr_name, sizeof(r.ifr_name), "%s", device);
	return r;
}

static void put_address(struct sockaddr *to, uint32_t address)
{
	const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = address};

	memcpy(to, &in, sizeof(in));
}

int interface_up(const char *device)
{
	struct ifreq r = make_request(device);
	const int error = request(SIOCGIFFLAGS, &r);

	if (error)
		return error;
	r.ifr_flags |= IFF_UP;
	return request(SIOCSIFFLAGS, &r);
}

int interface_set_address(const char *device, uint32_t address, uint32_t netmask)
{
	struct ifreq r = make_request(device);

	put_address(&r.ifr_addr, address);
	const int error = request(SIOCSIFADDR, &r);
	if (error || !address)
		return error;
	put_address(&r.ifr_netmask, netmask);
	return request(SIOCSIFNETMASK, &r);
}

int interface_limit_mtu(const char *device, unsigned mtu)
{
	struct ifreq r = make_request(device);
	const int error = request(SIOCGIFMTU, &r);

	if (error || r.ifr_mtu <= (int)mtu)
		return error;
	r.ifr_mtu = (int)mtu;
	return request(SIOCSIFMTU, &r);
}

static int add_route(const char *device, uint32_t to, uint32_t mask, uint32_t gateway)
{
	char name[IFNAMSIZ];
	struct rtentry route;

	memset(&route, 0, sizeof(route));
	text_format(name, sizeof(name), "%s", device);
	route.rt_dev = name;
	route.rt_flags = RTF_UP | (gateway ? RTF_GATEWAY : 0) | (mask == 0xffffffff ? RTF_HOST : 0);
	put_address(&route.rt_dst, to);
	put_address(&route.rt_genmask, mask);
	put_address(&route.rt_gateway, gateway);
	const int error = request(SIOCADDRT, &route);
	return error == -EEXIST ? 0 : error;
}

/* A gateway outside of the network, as clouds have them, first gets a route of its own. */
int interface_set_gateway(const char *device, uint32_t address, uint32_t netmask, uint32_t gateway)
{
	int error = 0;

	if ((address ^ gateway) & netmask)
		error = add_route(device, gateway, 0xffffffff, 0);
	return error ? error : add_route(device, 0, 0, gateway);
}

bool interface_has_address(const char *device)
{
	struct ifreq r = make_request(device);

	return !request(SIOCGIFADDR, &r);
}

int interface_set_mac(const char *device, const uint8_t mac[6])
{
	struct ifreq r = make_request(device);

	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, mac, 6);
	return request(SIOCSIFHWADDR, &r);
}

int interface_read_mac(const char *device, uint8_t mac[6], int *index)
{
	struct ifreq r = make_request(device);
	int error = request(SIOCGIFHWADDR, &r);

	if (error)
		return error;
	memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	error = request(SIOCGIFINDEX, &r);
	*index = r.ifr_ifindex;
	return error;
}
