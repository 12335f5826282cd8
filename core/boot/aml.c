/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: ACPI 6.5, 20.2 (AML grammar), 19.6.36 (EISAID). */
#include "core/boot/aml.h"

#include <string.h>

#define OP_ZERO    0x00
#define OP_ONE     0x01
#define OP_NAME    0x08
#define OP_BYTE    0x0a
#define OP_WORD    0x0b
#define OP_DWORD   0x0c
#define OP_STRING  0x0d
#define OP_SCOPE   0x10
#define OP_BUFFER  0x11
#define OP_PACKAGE 0x12
#define OP_METHOD  0x14
#define OP_NOTIFY  0x86
#define OP_EXT     0x5b
#define EXT_DEVICE 0x82

void aml_bytes(struct aml *a, const void *from, uint32_t len)
{
	if (a->full || len > a->size - a->used) {
		a->full = true;
		return;
	}
	memcpy(a->bytes + a->used, from, len);
	a->used += len;
}

void aml_byte(struct aml *a, uint8_t value)
{
	aml_bytes(a, &value, sizeof(value));
}

/* x86 stores integers the way that AML wants them. */
void aml_word(struct aml *a, uint16_t value)
{
	aml_bytes(a, &value, sizeof(value));
}

void aml_dword(struct aml *a, uint32_t value)
{
	aml_bytes(a, &value, sizeof(value));
}

static void name_string(struct aml *a, const char *name)
{
	aml_bytes(a, name, (uint32_t)strlen(name));
}

void aml_name(struct aml *a, const char *name)
{
	aml_byte(a, OP_NAME);
	name_string(a, name);
}

void aml_integer(struct aml *a, uint32_t value)
{
	if (value == 0) {
		aml_byte(a, OP_ZERO);
	} else if (value == 1) {
		aml_byte(a, OP_ONE);
	} else if (value <= UINT8_MAX) {
		aml_byte(a, OP_BYTE);
		aml_byte(a, (uint8_t)value);
	} else if (value <= UINT16_MAX) {
		aml_byte(a, OP_WORD);
		aml_word(a, (uint16_t)value);
	} else {
		aml_byte(a, OP_DWORD);
		aml_dword(a, value);
	}
}

void aml_string(struct aml *a, const char *text)
{
	aml_byte(a, OP_STRING);
	aml_bytes(a, text, (uint32_t)strlen(text) + 1);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool aml_is_eisa_id(const char *id)
{
	if (strlen(id) != 7)
		return false;
	for (unsigned i = 0; i < 3; i++)
		if (id[i] < 'A' || id[i] > 'Z')
			return false;
	for (unsigned i = 3; i < 7; i++)
		if (hex_digit(id[i]) < 0)
			return false;
	return true;
}

/* Five bits a letter and four a digit, most significant first, bytes swapped. */
uint32_t aml_eisa_id(const char *id)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 3; i++)
		value = value << 5 | (uint32_t)(id[i] - 'A' + 1);
	for (unsigned i = 3; i < 7; i++)
		value = value << 4 | (uint32_t)hex_digit(id[i]);
	return __builtin_bswap32(value);
}

void aml_device_id(struct aml *a, const char *id)
{
	if (aml_is_eisa_id(id))
		aml_integer(a, aml_eisa_id(id));
	else
		aml_string(a, id);
}

uint32_t aml_open_scope(struct aml *a, const char *name)
{
	aml_byte(a, OP_SCOPE);
	uint32_t start = a->used;
	name_string(a, name);
	return start;
}

uint32_t aml_open_device(struct aml *a, const char *name)
{
	aml_byte(a, OP_EXT);
	aml_byte(a, EXT_DEVICE);
	uint32_t start = a->used;
	name_string(a, name);
	return start;
}

uint32_t aml_open_package(struct aml *a, uint8_t elements)
{
	aml_byte(a, OP_PACKAGE);
	uint32_t start = a->used;
	aml_byte(a, elements);
	return start;
}

uint32_t aml_open_method(struct aml *a, const char *name)
{
	aml_byte(a, OP_METHOD);
	uint32_t start = a->used;
	name_string(a, name);
	aml_byte(a, 0);
	return start;
}

void aml_notify(struct aml *a, const char *name, uint8_t value)
{
	aml_byte(a, OP_NOTIFY);
	name_string(a, name);
	aml_integer(a, value);
}

/* PkgLength (20.2.4) counts itself. One byte holds 6 bits; of more bytes the first
 * holds 4 bits and how many follow, each of which adds 8. */
static uint32_t package_length(uint32_t body, uint8_t out[4])
{
	static const uint32_t limits[] = {1u << 6, 1u << 12, 1u << 20, 1u << 28};
	uint32_t n = 1;

	while (n < 4 && body + n >= limits[n - 1])
		n++;
	uint32_t total = body + n;
	if (n == 1) {
		out[0] = (uint8_t)total;
		return 1;
	}
	out[0] = (uint8_t)((n - 1) << 6 | (total & 0xf));
	for (uint32_t i = 1; i < n; i++)
		out[i] = (uint8_t)(total >> (4 + 8 * (i - 1)));
	return n;
}

void aml_close(struct aml *a, uint32_t start)
{
	uint8_t length[4];
	uint32_t body = a->used - start;
	uint32_t n = package_length(body, length);

	if (a->full || n > a->size - a->used) {
		a->full = true;
		return;
	}
	memmove(a->bytes + start + n, a->bytes + start, body);
	memcpy(a->bytes + start, length, n);
	a->used += n;
}

void aml_buffer(struct aml *a, const uint8_t *bytes, uint32_t len)
{
	aml_byte(a, OP_BUFFER);
	uint32_t start = a->used;
	aml_integer(a, len);
	aml_bytes(a, bytes, len);
	aml_close(a, start);
}
