/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/output.h"
#include "core/base/sealed.h"
#include "core/base/trace.h"
#include "core/plugin/builtin.h"
#include "core/plugin/library.h"
#include "core/vm/companion.h"
#include "core/vm/inherit.h"
#include "core/vm/machine.h"
#include "core/vm/option_parse.h"
#include "core/vm/plugins.h"
#include "core/vm/registry.h"
#include "core/vm/share_start.h"

/* Of a plugin that cannot be loaded. */
static int refusal_code(void)
{
	if (log_saw_shortage())
		return EXIT_RESOURCES;
	return log_saw_lack() ? EXIT_HOST : EXIT_PLUGIN;
}

int main(int argc, char **argv)
{
	static struct options options;

	clock_init();
	trace_init();
	log_init();
	if (sealed_protect_constants() != 0)
		return EXIT_HOST;
	if (companion_wants_environment(argc, argv))
		return companion_run(argc, argv, NULL);
	if (share_is_named(argc, argv))
		return share_start(argc, argv);
	if (inherit_clean(argv) != 0)
		return log_saw_shortage() ? EXIT_RESOURCES : EXIT_HOST;
	if (companion_is_called(argc, argv))
		return companion_run(argc, argv, registry_runtime_dir());
	int code = options_parse(&options, argc, argv);
	if (code != OPTIONS_GO_ON)
		return code;
	library_set_builtins(builtin_plugins);
	if (library_set_dir(options.plugin_dir) != 0)
		return EXIT_USAGE;
	const char *asked = options_help_spec(&options);
	if (asked)
		return plugins_print_help(asked) == 0 ? output_end(false) : refusal_code();
	return machine_main(&options);
}
