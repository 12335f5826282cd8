/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * descriptor - prints what a plugin's descriptor says, for the checks that compare it
 * with the plugin's manual page: one word and one name a line.
 *
 *   kind device
 *   param base
 *   default base 0x3f8
 *   required to
 *   counter rx_bytes
 */
#include <dlfcn.h>
#include <stdio.h>

#include <volt/plugin.h>

/* Tables grow by stride, so an index into the array would miss rows of a newer one. */
static const void *row(const void *table, size_t stride, size_t index)
{
	return (const char *)table + stride * index;
}

static void print(const struct volt_plugin *p)
{
	printf("name %s\n", p->name);
	printf("kind %s\n", p->kind == VOLT_KIND_SANDBOX  ? "sandbox"
			    : p->kind == VOLT_KIND_FILTER ? "filter"
							  : "device");
	for (unsigned i = 0; i < p->param_count; i++) {
		const struct volt_param *param = row(p->params, p->param_stride, i);

		printf("param %s\n", param->name);
		if (param->def)
			printf("default %s %s\n", param->name, param->def);
		else
			printf("required %s\n", param->name);
	}
	for (unsigned i = 0; i < p->counter_count; i++) {
		const struct volt_counter *counter = row(p->counters, p->counter_stride, i);

		printf("counter %s\n", counter->name);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: descriptor PLUGIN.so\n");
		return 2;
	}
	void *object = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!object) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	const struct volt_plugin *plugin = dlsym(object, "volt_plugin");
	if (!plugin) {
		fprintf(stderr, "%s: exports no volt_plugin\n", argv[1]);
		return 1;
	}
	print(plugin);
	return 0;
}
