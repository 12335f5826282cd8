/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Configurations, in a kernel or not, and what they are good for. */
#include "tools/kernel/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/kernel/feature.h"
#include "tools/kernel/image.h"
#include "tools/kernel/test_kit.h"

static struct config config;

static int parse(const char *text)
{
	return config_parse(&config, strdup(text), strlen(text));
}

static int end(void **state)
{
	config_finish(&config);
	return kit_end(state);
}

static void options_are_yes_module_or_no(void **state)
{
	assert_int_equal(parse("# CONFIG_OFF is not set\nCONFIG_A=y\nCONFIG_AB=m\nCONFIG_N=n\n"
			       "CONFIG_NUMBER=64\nCONFIG_HEX=0x1000\nCONFIG_TEXT=\"a=b\"\n"),
	    0);
	assert_int_equal(config.count, 6);
	assert_int_equal(config_value(&config, "A"), CONFIG_YES);
	assert_int_equal(config_value(&config, "AB"), CONFIG_MODULE);
	assert_int_equal(config_value(&config, "N"), CONFIG_NO);
	assert_int_equal(config_value(&config, "OFF"), CONFIG_NO);
	assert_int_equal(config_value(&config, "ABC"), CONFIG_NO);
	assert_int_equal(config_value(&config, "TEXT"), CONFIG_YES);
	assert_int_equal(config_number(&config, "NUMBER"), 64);
	assert_int_equal(config_number(&config, "HEX"), 0x1000);
	assert_int_equal(config_number(&config, "OFF"), 0);
}

static void what_is_no_configuration_is_refused(void **state)
{
	assert_int_equal(parse(""), -ENOEXEC);
	assert_int_equal(parse("hello\nworld\n"), -ENOEXEC);
	assert_int_equal(parse("CONFIG_A=y"), -ENOEXEC); /* cut short */
	assert_int_equal(parse("CONFIG_A\n"), -ENOEXEC);
}

/* ------------------------------------------------------------------- in a kernel */

static struct bytes with_config(const char *text, const char *mark)
{
	struct bytes plain = kit_bytes(strlen(text));

	memcpy(plain.at, text, plain.size);
	struct bytes packed = kit_filter("gzip -n", plain);
	struct bytes more = kit_bytes(8 + packed.size + strlen(mark));
	memcpy(more.at, "IKCFG_ST", 8);
	memcpy(more.at + 8, packed.at, packed.size);
	memcpy(more.at + 8 + packed.size, mark, strlen(mark));
	return kit_vmlinux("6.1.0", (char *)more.at, more.size);
}

static char *find(struct bytes kernel, size_t *size)
{
	static char why[256];

	return config_find(kernel.at, kernel.size, size, why, sizeof(why));
}

static void the_configuration_in_a_kernel_is_found(void **state)
{
	static const char text[] = "CONFIG_A=y\nCONFIG_B=m\n";
	size_t size = 0;
	char *found = find(with_config(text, "IKCFG_ED"), &size);

	assert_non_null(found);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(found, text, size);
	assert_int_equal(config_parse(&config, found, size), 0);
	assert_int_equal(config_value(&config, "B"), CONFIG_MODULE);
}

static void a_kernel_without_one_has_none(void **state)
{
	size_t size;
	struct bytes kernel = kit_vmlinux("6.1.0", "IKCFG_ST but no stream IKCFG_ED", 31);

	assert_null(find(kernel, &size));
	assert_null(find(kit_vmlinux("6.1.0", NULL, 0), &size));
}

static void one_cut_short_or_too_long_is_refused(void **state)
{
	size_t size;
	struct bytes kernel = with_config("CONFIG_A=y\n", "");
	char *bomb = malloc(CONFIG_SIZE_MAX + 3u);

	kernel.size -= 12;
	assert_null(find(kernel, &size));
	memset(bomb, 'x', CONFIG_SIZE_MAX + 2u);
	bomb[CONFIG_SIZE_MAX + 2u] = '\0';
	assert_null(find(with_config(bomb, "IKCFG_ED"), &size));
	free(bomb);
}

/* ---------------------------------------------------------------------- banners */

static void the_banner_with_a_build_number_is_taken(void **state)
{
	struct bytes kernel = kit_vmlinux("6.1.0-x", NULL, 0);
	char banner[256], release[64];

	image_find_banner(kernel.at, kernel.size, banner, sizeof(banner), release, sizeof(release));
	assert_string_equal(release, "6.1.0-x");
	assert_non_null(strstr(banner, "(debian-kernel@lists.debian.org)"));
	assert_non_null(strstr(banner, "#1 SMP"));
	assert_null(strchr(banner, '\n'));
	image_find_banner((const uint8_t *)"Linux version ", 14, banner, sizeof(banner), release,
	    sizeof(release));
	assert_string_equal(release, "");
	image_find_banner((const uint8_t *)"Linux version %s (%s)\n", 22, banner, sizeof(banner),
	    release, sizeof(release));
	assert_string_equal(banner, "");
}

/* --------------------------------------------------------------------- features */

static struct feature_state look(const char *name)
{
	for (unsigned i = 0; i < feature_count; i++)
		if (strcmp(feature_table[i].name, name) == 0)
			return feature_look(&feature_table[i], &config);
	fail_msg("no feature is called %s", name);
	return (struct feature_state){0};
}

static void a_feature_is_as_good_as_the_least_of_its_options(void **state)
{
	parse("CONFIG_PVPANIC=y\nCONFIG_PVPANIC_MMIO=m\nCONFIG_SERIO_I8042=y\n");
	assert_int_equal(look("pvpanic").value, CONFIG_MODULE);
	assert_string_equal(look("pvpanic").lacking, "PVPANIC_MMIO");
	assert_int_equal(look("i8042").value, CONFIG_NO);
	assert_string_equal(look("i8042").lacking, "KEYBOARD_ATKBD");
	assert_int_equal(look("PVH").value, CONFIG_NO);
}

static void one_of_several_options_may_be_enough(void **state)
{
	char room[128];

	parse("CONFIG_DEVPORT=y\n");
	assert_int_equal(look("ports for programs").value, CONFIG_YES);
	assert_null(look("ports for programs").lacking);
	config_finish(&config);
	parse("CONFIG_X=y\n");
	const char *lacking = look("ports for programs").lacking;
	assert_string_equal(
	    feature_spell(lacking, room, sizeof(room)), "CONFIG_X86_IOPL_IOPERM or CONFIG_DEVPORT");
}

static void a_virtio_device_needs_a_transport(void **state)
{
	parse("CONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_PCI=m\nCONFIG_VIRTIO_MENU=y\nCONFIG_ACPI=y\n");
	assert_int_equal(look("virtio-blk").value, CONFIG_MODULE);
	assert_string_equal(look("virtio-pci").lacking, "PCI_MSI");
	assert_string_equal(look("virtio-mmio").lacking, "VIRTIO_MMIO");
	config_finish(&config);
	parse("CONFIG_VIRTIO_BLK=y\n");
	assert_int_equal(look("virtio-blk").value, CONFIG_NO);
	assert_string_equal(look("virtio-blk").lacking, "VIRTIO_MMIO|VIRTIO_PCI");
}

static void the_table_has_names_of_options(void **state)
{
	for (unsigned i = 0; i < feature_count; i++) {
		const struct feature *f = &feature_table[i];

		assert_true(f->name[0] != '\0' && f->gives[0] != '\0');
		assert_non_null(f->options[0]);
		for (unsigned k = 0; k < FEATURE_OPTIONS && f->options[k]; k++) {
			assert_int_not_equal(strncmp(f->options[k], "CONFIG_", 7), 0);
			for (const char *c = f->options[k]; *c != '\0'; c++)
				assert_true(isupper((unsigned char)*c) ||
					    isdigit((unsigned char)*c) || *c == '_' || *c == '|');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_start, end)
	    T(options_are_yes_module_or_no),
	    T(what_is_no_configuration_is_refused),
	    T(the_configuration_in_a_kernel_is_found),
	    T(a_kernel_without_one_has_none),
	    T(one_cut_short_or_too_long_is_refused),
	    T(the_banner_with_a_build_number_is_taken),
	    T(a_feature_is_as_good_as_the_least_of_its_options),
	    T(one_of_several_options_may_be_enough),
	    T(a_virtio_device_needs_a_transport),
	    T(the_table_has_names_of_options),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
