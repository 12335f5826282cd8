/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "identity.h"

#include <string.h>

#include "text.h"

#define SECOND UINT64_C(1000000000)

static uint32_t get32(const volatile uint8_t *page, unsigned at)
{
	return *(const volatile uint32_t *)(page + at);
}

static uint64_t get64(const volatile uint8_t *page, unsigned at)
{
	return *(const volatile uint64_t *)(page + at);
}

/* Lines "  d0000000-d0000fff : VMGENCTR:00". */
uint64_t identity_find(const char *iomem, const char *id)
{
	const char *found = find_text(iomem, id);
	unsigned long start;

	if (!found || found[strlen(id)] != ':')
		return 0;
	while (found > iomem && found[-1] != '\n')
		found--;
	while (*found == ' ')
		found++;
	const char *end = scan_number(found, 16, &start);
	return end && *end == '-' ? start : 0;
}

bool identity_read(const volatile uint8_t *page, struct identity *id)
{
	static const char magic[] = "VOLTIDEN";

	for (unsigned i = 0; i < sizeof(magic) - 1; i++)
		if (page[64 + i] != (uint8_t)magic[i])
			return false;
	id->sequence = get32(page, 72);
	__sync_synchronize();
	id->reason = get32(page, 76);
	id->realtime_ns = get64(page, 80);
	const uint32_t length = get32(page, 88);
	if (length > IDENTITY_TEXT)
		return false;
	for (unsigned i = 0; i < sizeof(id->generation); i++)
		id->generation[i] = page[i];
	for (uint32_t i = 0; i < length; i++)
		id->text[i] = (char)page[96 + i];
	id->text[length] = '\0';
	__sync_synchronize();
	return !(id->sequence & 1) && get32(page, 72) == id->sequence;
}

bool identity_value(const struct identity *id, const char *key, char *value, size_t size)
{
	const size_t n = strlen(key);

	for (const char *line = id->text; *line;) {
		const char *end = strchr(line, '\n');
		const size_t length = end ? (size_t)(end - line) : strlen(line);

		if (length > n && !strncmp(line, key, n) && line[n] == '=' && length - n <= size) {
			memcpy(value, line + n + 1, length - n - 1);
			value[length - n - 1] = '\0';
			return true;
		}
		line += length + (end != NULL);
	}
	return false;
}

/* Linux, include/uapi/linux/vmclock-abi.h. */
uint64_t identity_time(const volatile uint8_t *page, uint64_t counter)
{
	const uint32_t sequence = get32(page, 12);

	__sync_synchronize();
	if (get32(page, 0) != 0x4b4c4356 || page[10] != 1 || page[11] != 0 || page[39] > 63)
		return 0;
	const unsigned __int128 passed =
	    (unsigned __int128)(counter - get64(page, 40)) * get64(page, 48) >> page[39];
	const unsigned __int128 time = passed + get64(page, 80);
	const uint64_t seconds = get64(page, 72) + (uint64_t)(time >> 64);

	__sync_synchronize();
	if (sequence & 1 || get32(page, 12) != sequence)
		return 0;
	return seconds * SECOND + (uint64_t)((unsigned __int128)(uint64_t)time * SECOND >> 64);
}

bool identity_address(const char *text, uint32_t *address, uint32_t *netmask)
{
	uint8_t bytes[4];
	unsigned long n;

	for (unsigned i = 0; i < 4; i++) {
		text = scan_number(text, 10, &n);
		if (!text || n > 255 || *text != (i < 3 ? '.' : '/'))
			return false;
		bytes[i] = (uint8_t)n;
		text++;
	}
	if (!parse_number(text, 32, &n) || n == 0)
		return false;
	const uint32_t mask = __builtin_bswap32(UINT32_MAX << (32 - n));
	memcpy(address, bytes, sizeof(bytes));
	memcpy(netmask, &mask, sizeof(mask));
	return true;
}

bool identity_mac(const char *text, uint8_t mac[6])
{
	unsigned long n;

	for (unsigned i = 0; i < 6; i++) {
		text = scan_number(text, 16, &n);
		if (!text || n > 255 || *text != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)n;
		text++;
	}
	return !(mac[0] & 1); /* one of a group is not a device's */
}
