/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * protocol - numbers and layouts of vhost-user, as its back end meets them.
 *
 * Source: "Vhost-user Protocol", docs/interop/vhost-user.rst of QEMU. Numbers are in the host's
 * byte order. The front end's side of the same page is in plugins/vhost-user/.
 */
#ifndef DEVICE_PROTOCOL_H
#define DEVICE_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	RESET_OWNER = 4,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	SET_BACKEND_REQ_FD = 21,
	GET_CONFIG = 24,
	SET_CONFIG = 25,
	RESET_DEVICE = 34,
	GET_MAX_MEM_SLOTS = 36,
	ADD_MEM_REG = 37,
	REM_MEM_REG = 38,
	SET_STATUS = 39,
	GET_STATUS = 40,
};

/* The one message that goes the other way, on the channel of SET_BACKEND_REQ_FD. */
#define BACKEND_CONFIG_CHANGE 2u

#define FLAG_VERSION    1u /* of the protocol, in bits 0 and 1 */
#define FLAG_REPLY      4u
#define FLAG_NEED_REPLY 8u

#define F_PROTOCOL_FEATURES          (UINT64_C(1) << 30)
#define PROTOCOL_MQ                  (UINT64_C(1) << 0)
#define PROTOCOL_REPLY_ACK           (UINT64_C(1) << 3)
#define PROTOCOL_BACKEND_REQ         (UINT64_C(1) << 5)
#define PROTOCOL_CONFIG              (UINT64_C(1) << 9)
#define PROTOCOL_RESET_DEVICE        (UINT64_C(1) << 13)
#define PROTOCOL_CONFIGURE_MEM_SLOTS (UINT64_C(1) << 15)
#define PROTOCOL_STATUS              (UINT64_C(1) << 16)

#define HEADER_SIZE  12u
#define TABLE_MAX    8u   /* regions, and so files, of one message */
#define CONFIG_MAX   256u /* bytes of the configuration space in one message */
#define CONFIG_HEAD  12u
#define RING_INDEX   0xffu  /* of the number in SET_VRING_KICK and its like */
#define RING_NO_FILE 0x100u /* no descriptor comes with it */

struct ring_state {
	uint32_t index, num;
};

struct ring_address {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct region_at {
	uint64_t gpa, size, user, offset;
};

struct region_table {
	uint32_t count, padding;
	struct region_at regions[TABLE_MAX];
};

struct one_region {
	uint64_t padding;
	struct region_at region;
};

struct config_part {
	uint32_t offset, size, flags;
	uint8_t bytes[CONFIG_MAX];
};

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct ring_state state;
		struct ring_address address;
		struct region_table table;
		struct one_region one;
		struct config_part config;
		uint8_t bytes[CONFIG_HEAD + CONFIG_MAX];
	} __attribute__((packed)) body;
} __attribute__((packed, aligned(4)));

#define PAYLOAD_MAX sizeof(((struct message *)0)->body)

_Static_assert(offsetof(struct message, body) == HEADER_SIZE, "the header is 12 bytes");
_Static_assert(sizeof(struct region_at) == 32 && sizeof(struct one_region) == 40, "as on the page");

#endif
