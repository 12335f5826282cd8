/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pcap - a record of the frames that pass, for tcpdump and Wireshark.
 *
 * Source: draft-ietf-opsawg-pcap, the format of 1998 with nanoseconds. Both workers write to the
 * file, each frame with one call, which the kernel does not mix with another one's.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "net.h"

#define MAGIC_NS 0xa1b23c4du /* in the byte order of who reads it: little-endian here */
#define ETHERNET 1u
#define SECOND   UINT64_C(1000000000)

enum { FILE_HEADER = 24, RECORD_HEADER = 16 };

static void put_file_header(uint8_t h[FILE_HEADER])
{
	memset(h, 0, FILE_HEADER);
	volt_put_le32(h, MAGIC_NS);
	volt_put_le16(h + 4, 2); /* version 2.4 */
	volt_put_le16(h + 6, 4);
	volt_put_le32(h + 16, NET_FRAME_MAX);
	volt_put_le32(h + 20, ETHERNET);
}

/* Empty, or an earlier record, which is begun anew: whatever else a file holds is not lost to a
 * slip of the keyboard. */
static bool is_ours(int fd)
{
	uint8_t magic[4];
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	if (st.st_size == 0)
		return true;
	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && volt_le32(magic) == MAGIC_NS;
}

static int begin_file(int fd)
{
	uint8_t header[FILE_HEADER];

	put_file_header(header);
	if (ftruncate(fd, 0) != 0)
		return errno;
	const ssize_t n = write(fd, header, sizeof(header));

	if (n == sizeof(header))
		return 0;
	return n < 0 ? errno : ENOSPC;
}

int net_pcap_init(struct net *n, int fd, const char *path, uint64_t limit)
{
	struct timespec wall;

	n->pcap.fd = fd;
	if (fd < 0)
		return 0;
	if (!is_ours(fd))
		return volt_fail(n->v.h, EINVAL,
		    "parameter pcap: %s is neither an empty file nor an earlier record", path);
	const int err = begin_file(fd);

	if (err)
		return volt_fail(
		    n->v.h, err, "parameter pcap: cannot write to %s: %s", path, strerror(err));
	clock_gettime(CLOCK_REALTIME, &wall);
	n->pcap.epoch =
	    (uint64_t)wall.tv_sec * SECOND + (uint64_t)wall.tv_nsec - n->loop->now(n->v.h);
	n->pcap.limit = limit;
	n->pcap.bytes = FILE_HEADER;
	return 0;
}

/* False: the file is full, or could not be written; no frame follows one that is missing. */
static bool take_room(struct net *n, uint64_t bytes)
{
	struct net_pcap *p = &n->pcap;

	if (p->fd < 0 || __atomic_load_n(&p->ended, __ATOMIC_ACQUIRE))
		return false;
	if (__atomic_add_fetch(&p->bytes, bytes, __ATOMIC_ACQ_REL) <= p->limit)
		return true;
	net_pcap_end(n, "it has as many bytes as pcap-limit allows");
	return false;
}

void net_pcap_end(struct net *n, const char *why)
{
	if (!__atomic_exchange_n(&n->pcap.ended, true, __ATOMIC_ACQ_REL))
		volt_log(n->v.h, VOLT_LOG_WARN, "pcap ends here: %s", why);
}

void net_pcap_frame(struct net *n, const struct iovec *parts, unsigned count, size_t length)
{
	struct iovec iov[VOLT_CHAIN_MAX + 2];
	uint8_t header[RECORD_HEADER];
	size_t left = length;
	unsigned used = 1;

	if (n->pcap.fd < 0 || !take_room(n, sizeof(header) + length))
		return;
	const uint64_t now = n->pcap.epoch + n->loop->now(n->v.h);

	volt_put_le32(header, (uint32_t)(now / SECOND));
	volt_put_le32(header + 4, (uint32_t)(now % SECOND));
	volt_put_le32(header + 8, (uint32_t)length);
	volt_put_le32(header + 12, (uint32_t)length);
	iov[0] = (struct iovec){header, sizeof(header)};
	for (unsigned i = 0; i < count && left; i++) {
		const size_t part = parts[i].iov_len < left ? parts[i].iov_len : left;

		if (part == 0)
			continue;
		iov[used++] = (struct iovec){parts[i].iov_base, part};
		left -= part;
	}
	if (writev(n->pcap.fd, iov, (int)used) != (ssize_t)(sizeof(header) + length))
		net_pcap_end(n, "the file cannot be written");
}
