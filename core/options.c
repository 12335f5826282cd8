/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config.h"
#include "core/exitcode.h"
#include "core/log.h"
#include "core/memory.h"
#include "sdk/common/params.h"

enum choice {
	OPT_PLUGIN = 1,
	OPT_FILTER,
	OPT_KERNEL,
	OPT_BOOT,
	OPT_INITRD,
	OPT_MODULE,
	OPT_CMDLINE,
	OPT_APPEND,
	OPT_MEMORY,
	OPT_CPUS,
	OPT_HUGEPAGES,
	OPT_KERNEL_MEMORY,
	OPT_PLUGIN_DIR,
	OPT_LOG_LEVEL,
	OPT_LOG_FILE,
	OPT_TRACE_FILE,
	OPT_NO_SECCOMP,
	OPT_NO_LANDLOCK,
	OPT_NO_SANDBOX,
	OPT_SECCOMP_LOG,
	OPT_CEILING,
	OPT_WITNESS,
	OPT_JSON,
	OPT_VERSION,
	OPT_HELP,
	OPT_COUNT,
};

static const struct row {
	enum choice option;
	const char *name, *value, *help;
} rows[] = {
    {OPT_KERNEL, "kernel", "FILE|NAME",
	"kernel to boot: vmlinux, bzImage, or one with a PVH note or a Multiboot header; or the "
	"name of one that volt-kernel keeps (required)"},
    {OPT_BOOT, "boot", "PROTOCOL", "auto, linux, pvh or multiboot (default auto: by the file)"},
    {OPT_INITRD, "initrd", "FILE", "initial RAM disk"},
    {OPT_MODULE, "module", "FILE[,STRING]",
	"file and string to pass to a PVH or Multiboot kernel; may be repeated"},
    {OPT_CMDLINE, "cmdline", "TEXT",
	"kernel command line, instead of \"" VOLT_DEFAULT_CMDLINE "\""},
    {OPT_APPEND, "append", "TEXT", "words to add to the kernel command line"},
    {OPT_MEMORY, "memory", "SIZE", "guest memory, with K, M or G (default 128M)"},
    {OPT_CPUS, "cpus", "N", "vCPUs, 1 to 64 (default 1)"},
    {OPT_HUGEPAGES, "hugepages", NULL, "take guest memory from the host's pool of huge pages"},
    {OPT_KERNEL_MEMORY, "kernel-memory", "HOW",
	"map or copy kernel and initrd, or auto (default): Linux is copied"},
    {OPT_PLUGIN, "plugin", "NAME|PATH[,KEY=VALUE...]",
	"load a plugin; may be repeated. NAME,help lists its parameters"},
    {OPT_FILTER, "filter", "NAME|PATH,on=DEVICE[,KEY=VALUE...]",
	"put a filter on a device; may be repeated, the guest's side first"},
    {OPT_PLUGIN_DIR, "plugin-dir", "DIR", "where plugin names are looked up"},
    {OPT_LOG_LEVEL, "log-level", "LEVEL", "error, warn, info, debug or trace (default info)"},
    {OPT_LOG_FILE, "log-file", "FILE", "append the log to FILE instead of standard error"},
    {OPT_TRACE_FILE, "trace-file", "FILE", "write start-up phases as Chrome trace events"},
    {OPT_NO_SECCOMP, "no-seccomp", NULL, "do not filter system calls (unsafe)"},
    {OPT_NO_LANDLOCK, "no-landlock", NULL, "do not close the file system (unsafe)"},
    {OPT_NO_SANDBOX, "no-sandbox", NULL, "run without any sandbox plugin (unsafe)"},
    {OPT_SECCOMP_LOG, "seccomp-log", NULL,
	"log what the filter would kill, and let it pass (unsafe)"},
    {OPT_CEILING, "ceiling", "FILE", "refuse system calls that FILE does not list"},
    {OPT_WITNESS, "witness", NULL, "have a second process say what the filter killed"},
    {OPT_JSON, "json", NULL, "volt explain: print JSON"},
    {OPT_VERSION, "version", NULL, "print version and exit"},
    {OPT_HELP, "help", NULL, "print this text and exit"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct {
	int code;
	const char *meaning;
} exit_codes[] = {
    {EXIT_POWEROFF, "the guest turned itself off"},
    {EXIT_USAGE, "an option is wrong"},
    {EXIT_INPUT, "kernel, initrd or kernel command line refused"},
    {EXIT_PLUGIN, "a plugin or one of its parameters refused"},
    {EXIT_HOST, "the host lacks something that volt needs"},
    {EXIT_RESOURCES, "out of memory or file descriptors"},
    {EXIT_SEAL, "the sandbox could not be entered"},
    {EXIT_KVM, "KVM cannot go on with this guest"},
    {EXIT_RESET, "the guest asked for a reset"},
    {EXIT_TRIPLE, "the guest's CPU shut down (triple fault)"},
    {EXIT_PANIC, "the guest reported a panic"},
    {EXIT_QUIT, "the operator quit at the terminal"},
};

static void print_help(void)
{
	printf("usage: volt --kernel FILE [OPTION...]\n"
	       "       volt explain [OPTION...]\n"
	       "       volt doctor [OPTION...]\n\n"
	       "Runs a Linux guest in a sealed microVM; \"volt explain\" prints what it would be\n"
	       "allowed to do instead, \"volt doctor\" whether this host runs guests.\n\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
		    rows[i].value != NULL ? " " : "", rows[i].value != NULL ? rows[i].value : "");
		if (strlen(left) > 22)
			printf("  %s\n  %22s  %s\n", left, "", rows[i].help);
		else
			printf("  %-22s  %s\n", left, rows[i].help);
	}
	printf("\nWithout --plugin these are loaded: %s.\n"
	       "With it only those named, and the sandbox plugin.\n\nExit codes:\n",
	    VOLT_DEFAULT_PLUGINS_TEXT);
	for (size_t i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++)
		printf("  %3d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
	printf("  128 + N  ended by signal N\n"
	       "  any other: the status that the guest ended itself with\n");
}

static int set_memory(struct options *o, const char *text)
{
	int err = parse_size(text, &o->memory);

	if (err == 0 && o->memory % 4096 != 0)
		return log_error(EINVAL, "--memory %s is not a multiple of 4096 bytes", text);
	if (err != 0 || o->memory < MEMORY_MIN || o->memory > MEMORY_MAX)
		return log_error(
		    EINVAL, "--memory %s: give a size from 2M to 1024G, such as 128M", text);
	return 0;
}

static int set_cpus(struct options *o, const char *text)
{
	uint64_t n;

	if (parse_uint(text, &n) != 0 || n < 1 || n > OPTIONS_CPU_MAX)
		return log_error(
		    EINVAL, "--cpus %s: give a number from 1 to %u", text, OPTIONS_CPU_MAX);
	o->cpus = (uint32_t)n;
	return 0;
}

static int set_log_level(const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace", NULL};

	for (uint32_t i = 0; names[i] != NULL; i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		log_level = i;
		return 0;
	}
	return log_error(EINVAL, "--log-level %s: give error, warn, info, debug or trace", text);
}

static int add_plugin(struct options *o, const char *text)
{
	if (o->plugin_count == OPTIONS_PLUGIN_MAX)
		return log_error(EINVAL, "--plugin: at most %u are possible", OPTIONS_PLUGIN_MAX);
	o->plugins[o->plugin_count++] = text;
	return 0;
}

static int add_filter(struct options *o, const char *text)
{
	if (o->filter_count == OPTIONS_FILTER_MAX)
		return log_error(EINVAL, "--filter: at most %u are possible", OPTIONS_FILTER_MAX);
	o->filters[o->filter_count++] = text;
	return 0;
}

static int set_boot(struct options *o, const char *text)
{
	static const char *const names[] = {
	    [BOOT_AUTO] = "auto",
	    [BOOT_LINUX] = "linux",
	    [BOOT_PVH] = "pvh",
	    [BOOT_MULTIBOOT] = "multiboot",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		o->boot = (enum boot_choice)i;
		return 0;
	}
	return log_error(EINVAL, "--boot %s: give auto, linux, pvh or multiboot", text);
}

static int set_kernel_memory(struct options *o, const char *text)
{
	if (strcmp(text, "auto") == 0)
		o->kernel_memory = BOOT_FILES_AUTO;
	else if (strcmp(text, "map") == 0)
		o->kernel_memory = BOOT_FILES_MAP;
	else if (strcmp(text, "copy") == 0)
		o->kernel_memory = BOOT_FILES_COPY;
	else
		return log_error(EINVAL, "--kernel-memory %s: give auto, map or copy", text);
	return 0;
}

/* FILE ends at the first single comma; the string goes on to the end as it is. */
static int add_module(struct options *o, const char *text)
{
	if (o->module_count == BOOT_MODULE_MAX)
		return log_error(EINVAL, "--module: at most %u are possible", BOOT_MODULE_MAX);
	struct options_module *m = &o->modules[o->module_count++];
	char *to = m->file = malloc(strlen(text) + 1);
	if (to == NULL)
		return log_error(ENOMEM, "--module %s: no memory", text);
	while (*text != '\0' && (*text != ',' || text[1] == ',')) {
		text += *text == ',';
		*to++ = *text++;
	}
	*to = '\0';
	m->words = *text == ',' ? text + 1 : NULL;
	return m->file[0] == '\0' ? log_error(EINVAL, "--module: the name is empty") : 0;
}

static int set_once(const char **slot, const char *name, const char *text)
{
	if (*slot != NULL)
		return log_error(EINVAL, "--%s is given twice: %s and %s", name, *slot, text);
	if (text[0] == '\0')
		return log_error(EINVAL, "--%s: the name is empty", name);
	*slot = text;
	return 0;
}

static int take(struct options *o, enum choice option, const char *text)
{
	switch (option) {
	case OPT_PLUGIN:
		return add_plugin(o, text);
	case OPT_FILTER:
		return add_filter(o, text);
	case OPT_KERNEL:
		return set_once(&o->kernel, "kernel", text);
	case OPT_BOOT:
		return set_boot(o, text);
	case OPT_MODULE:
		return add_module(o, text);
	case OPT_INITRD:
		return set_once(&o->initrd, "initrd", text);
	case OPT_CMDLINE:
		o->cmdline = text;
		return 0;
	case OPT_APPEND:
		o->append = text;
		return 0;
	case OPT_MEMORY:
		return set_memory(o, text);
	case OPT_CPUS:
		return set_cpus(o, text);
	case OPT_HUGEPAGES:
		o->hugepages = true;
		return 0;
	case OPT_KERNEL_MEMORY:
		return set_kernel_memory(o, text);
	case OPT_PLUGIN_DIR:
		return set_once(&o->plugin_dir, "plugin-dir", text);
	case OPT_LOG_LEVEL:
		return set_log_level(text);
	case OPT_LOG_FILE:
		return set_once(&o->log_file, "log-file", text);
	case OPT_TRACE_FILE:
		return set_once(&o->trace_file, "trace-file", text);
	case OPT_NO_SECCOMP:
		o->no_seccomp = true;
		return 0;
	case OPT_NO_LANDLOCK:
		o->no_landlock = true;
		return 0;
	case OPT_NO_SANDBOX:
		o->no_sandbox = true;
		return 0;
	case OPT_SECCOMP_LOG:
		o->seccomp_log = true;
		return 0;
	case OPT_CEILING:
		return set_once(&o->ceiling, "ceiling", text);
	case OPT_WITNESS:
		o->witness = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return 0;
	}
}

static void say_bad_option(const struct option *longs, int found, const char *typed)
{
	const char *names[ROW_COUNT + 1] = {NULL};
	char name[64];

	if (found > 0) {
		log_error(EINVAL, "--%s %s", longs[found - 1].name,
		    longs[found - 1].has_arg ? "needs a value" : "takes no value");
		return;
	}
	for (size_t i = 0; i < ROW_COUNT; i++)
		names[i] = rows[i].name;
	snprintf(name, sizeof(name), "%s", typed + strspn(typed, "-"));
	name[strcspn(name, "=")] = '\0';
	const char *near = nearest_name(name, names);
	log_error(EINVAL, "unknown option %s%s%s%s", typed, near != NULL ? "; did you mean --" : "",
	    near != NULL ? near : "", near != NULL ? "?" : "; see volt --help");
}

static const char *find_help(const char *const *specs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(specs[i] + strcspn(specs[i], ","), ",help") == 0)
			return specs[i];
	return NULL;
}

const char *options_ask_help(const struct options *o)
{
	const char *spec = find_help(o->plugins, o->plugin_count);

	return spec != NULL ? spec : find_help(o->filters, o->filter_count);
}

int options_parse(struct options *o, int argc, char **argv)
{
	struct option longs[ROW_COUNT + 1] = {0};
	int c;

	*o = (struct options){.memory = 128ull << 20, .cpus = 1};
	for (size_t i = 0; i < ROW_COUNT; i++)
		longs[i] = (struct option){rows[i].name,
		    rows[i].value != NULL ? required_argument : no_argument, NULL,
		    (int)rows[i].option};
	if (argc > 1 && strcmp(argv[1], "explain") == 0) {
		o->explain = true;
		argc--;
		argv++;
	}
	opterr = 0;
	for (int at = 1; (c = getopt_long(argc, argv, "+", longs, NULL)) != -1; at = optind) {
		/* getopt would take any unique beginning: a later option could change its sense. */
		size_t typed = strcspn(argv[at], "=");
		bool whole = c == '?';

		for (size_t i = 0; i < ROW_COUNT; i++)
			whole = whole || (strlen(rows[i].name) + 2 == typed &&
					     strncmp(rows[i].name, argv[at] + 2, typed - 2) == 0);
		if (!whole) {
			say_bad_option(longs, 0, argv[at]);
			return EXIT_USAGE;
		}
		if (c == OPT_HELP) {
			print_help();
			return EXIT_POWEROFF;
		}
		if (c == OPT_VERSION) {
			printf("volt %s, plugin ABI %u.%u\n", VOLT_VERSION, VOLT_ABI_MAJOR,
			    VOLT_ABI_MINOR);
			return EXIT_POWEROFF;
		}
		if (c == '?') {
			/* optopt is the option's number when its name was right. */
			int found = 0;
			for (size_t i = 0; i < ROW_COUNT; i++)
				if (optopt != 0 && (int)rows[i].option == optopt)
					found = (int)i + 1;
			say_bad_option(longs, found, argv[at]);
			return EXIT_USAGE;
		}
		if (take(o, (enum choice)c, optarg) != 0)
			return EXIT_USAGE;
	}
	if (optind < argc) {
		log_error(EINVAL, "\"%s\" is no option: a kernel is given as --kernel FILE",
		    argv[optind]);
		return EXIT_USAGE;
	}
	if (o->hugepages && o->memory % (2u << 20) != 0) {
		log_error(EINVAL,
		    "--memory: %llu bytes is not a multiple of 2M, as --hugepages needs",
		    (unsigned long long)o->memory);
		return EXIT_USAGE;
	}
	if (o->hugepages && o->kernel_memory == BOOT_FILES_MAP) {
		log_error(EINVAL, "--kernel-memory map: a file cannot be mapped into --hugepages");
		return EXIT_USAGE;
	}
	if (o->kernel == NULL && !o->explain && options_ask_help(o) == NULL) {
		log_error(EINVAL, "no kernel given: volt --kernel FILE; see volt --help");
		return EXIT_USAGE;
	}
	if (o->json && !o->explain) {
		log_error(EINVAL, "--json goes with volt explain");
		return EXIT_USAGE;
	}
	return OPTIONS_GO_ON;
}
