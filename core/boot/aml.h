/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * aml - writes ACPI Machine Language (ACPI 6.5, chapter 20) into a buffer.
 *
 * What does not fit is dropped and remembered in `full`, so that one check at the end
 * is enough. A package is opened with aml_open(), filled, and closed with aml_close(),
 * which puts its length in front of it.
 */
#ifndef CORE_BOOT_AML_H
#define CORE_BOOT_AML_H

#include <stdbool.h>
#include <stdint.h>

struct aml {
	uint8_t *bytes;
	uint32_t size, used;
	bool full;
};

void aml_byte(struct aml *a, uint8_t value);
void aml_word(struct aml *a, uint16_t value);
void aml_dword(struct aml *a, uint32_t value);
void aml_bytes(struct aml *a, const void *from, uint32_t len);

/* Term objects. A name is four characters, with \ before it for the root's. */
void aml_name(struct aml *a, const char *name); /* DefName up to its object */
void aml_integer(struct aml *a, uint32_t value);
void aml_string(struct aml *a, const char *text); /* ASCII */
/* _HID, _CID: an EISA id as an integer ("PNP0501"), any other as a string. */
void aml_device_id(struct aml *a, const char *id);
/* True for three capitals and four capital hex digits. */
bool aml_is_eisa_id(const char *id);
uint32_t aml_eisa_id(const char *id);

/* Returns what aml_close() wants. */
uint32_t aml_open_scope(struct aml *a, const char *name);
uint32_t aml_open_device(struct aml *a, const char *name);
uint32_t aml_open_package(struct aml *a, uint8_t elements);
/* Without arguments, not serialized. */
uint32_t aml_open_method(struct aml *a, const char *name);
void aml_close(struct aml *a, uint32_t start);

/* Notify (NAME, VALUE) */
void aml_notify(struct aml *a, const char *name, uint8_t value);

/* A buffer object that holds `len` bytes. */
void aml_buffer(struct aml *a, const uint8_t *bytes, uint32_t len);

#endif
