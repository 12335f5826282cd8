/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <string.h>

#include "core/clock.h"
#include "core/exitcode.h"
#include "core/inherit.h"
#include "core/library.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/options.h"
#include "core/plugins.h"
#include "core/trace.h"

int main(int argc, char **argv)
{
	static struct options options;

	clock_init();
	trace_init();
	log_init();
	inherit_clean(argv);
	int code = options_parse(&options, argc, argv);
	if (code != OPTIONS_GO_ON)
		return code;
	library_set_dir(options.plugin_dir);
	for (uint32_t i = 0; i < options.plugin_count; i++) {
		size_t n = strcspn(options.plugins[i], ",");

		if (strcmp(options.plugins[i] + n, ",help") == 0)
			return plugins_print_help(options.plugins[i]) == 0 ? EXIT_POWEROFF
									   : EXIT_PLUGIN;
	}
	return machine_main(&options);
}
