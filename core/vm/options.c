/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/exitcode.h"
#include "core/base/feature.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/output.h"
#include "core/base/runtime_dir.h"
#include "core/config.h"
#include "core/vm/companion.h"
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
	OPT_LOG_TIME,
	OPT_NAME,
	OPT_END_FILE,
	OPT_TRACE_FILE,
	OPT_NO_SECCOMP,
	OPT_NO_LANDLOCK,
	OPT_NO_SANDBOX,
	OPT_SECCOMP_LOG,
	OPT_ALLOWLIST,
	OPT_SECCOMP_REPORT,
	OPT_JSON,
	OPT_VERSION,
	OPT_HELP,
	OPT_COUNT,
};

static const struct row {
	enum choice option;
	const char *name, *value, *help;
	const char *feature; /* that it needs; NULL: none that can be left out */
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
    {OPT_NAME, "name", "NAME", "register the VM by this name, for volt ps, stop, logs and others",
	"names"},
    {OPT_END_FILE, "end-file", "FILE",
	"append a line of JSON to FILE that tells why the VM ended, however it does", "names"},
    {OPT_HUGEPAGES, "hugepages", NULL, "take guest memory from the host's pool of huge pages"},
    {OPT_KERNEL_MEMORY, "kernel-memory", "HOW",
	"map or copy kernel and initrd, or auto (default): Linux is copied"},
    {OPT_PLUGIN, "plugin", "NAME|PATH[,KEY=VALUE...]",
	"load a plugin; may be repeated. NAME,help lists its parameters, help the plugins; "
	"default stands for the default set"},
    {OPT_FILTER, "filter", "NAME|PATH,on=DEVICE[,KEY=VALUE...]",
	"put a filter on a device; may be repeated, the guest's side first", "filter"},
    {OPT_PLUGIN_DIR, "plugin-dir", "DIR", "where plugin names are looked up"},
    {OPT_LOG_LEVEL, "log-level", "LEVEL", "error, warn, info, debug or trace (default info)"},
    {OPT_LOG_FILE, "log-file", "FILE", "append the log to FILE instead of standard error"},
    {OPT_LOG_TIME, "log-time", "HOW",
	"on, off or auto: the time in front of each line of the log (default auto: of a named VM, "
	"unless on a terminal)",
	"names"},
    {OPT_TRACE_FILE, "trace-file", "FILE", "write start-up phases as Chrome trace events", "trace"},
    {OPT_NO_SECCOMP, "no-seccomp", NULL, "do not filter system calls (unsafe)"},
    {OPT_NO_LANDLOCK, "no-landlock", NULL, "do not close the file system (unsafe)"},
    {OPT_NO_SANDBOX, "no-sandbox", NULL, "run without any sandbox plugin (unsafe)"},
    {OPT_SECCOMP_LOG, "seccomp-log", NULL,
	"log what the filter would kill, and let it pass (unsafe)"},
    {OPT_ALLOWLIST, "allowlist", "FILE", "refuse system calls that FILE does not list",
	"allowlist"},
    {OPT_SECCOMP_REPORT, "seccomp-report", NULL,
	"have a second process report what the filter killed", "reporter"},
    {OPT_JSON, "json", NULL, "volt explain: print JSON", "explain"},
    {OPT_VERSION, "version", NULL, "print version and exit"},
    {OPT_HELP, "help", NULL, "print this text and exit"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Names that options had before; they are taken, and --help does not list them. */
static const struct {
	const char *old, *name;
} renamed[] = {
    {"ceiling", "allowlist"},
    {"witness", "seccomp-report"},
};

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

static bool row_built(const struct row *row)
{
	return row->feature == NULL || feature_built(row->feature);
}

/* 0, or refuses an option that this build lacks. */
static int check_built(const struct row *row)
{
	char what[64];

	if (row_built(row))
		return 0;
	snprintf(what, sizeof(what), "--%s", row->name);
	return feature_refuse(what, row->feature);
}

static void print_help(void)
{
	printf("usage: volt --kernel FILE [OPTION...]\n"
	       "       volt explain [OPTION...]\n"
	       "       volt doctor [OPTION...]\n"
	       "       volt ctl NAME|SOCKET [COMMAND [KEY=VALUE...]]\n"
	       "       volt ps|stop|kill|pause|resume|wait|logs|metrics [OPTION...] [NAME...]\n\n"
	       "Runs a Linux guest in a sealed microVM. \"volt explain\" prints what it would be\n"
	       "allowed to do instead, \"volt doctor\" whether this host runs guests; the others\n"
	       "list, command and stop VMs that run.\n\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		char left[64];

		if (!row_built(&rows[i]))
			continue;
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

	if (err == 0 && o->memory < MEMORY_MIN && text[strspn(text, "0123456789")] == '\0' &&
	    o->memory >= 2)
		return log_error(
		    EINVAL, "--memory %s: that is so many bytes; did you mean %sM?", text, text);
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
	m->string = *text == ',' ? text + 1 : NULL;
	return m->file[0] == '\0' ? log_error(EINVAL, "--module: the name is empty") : 0;
}

static int set_text(const char **slot, const char *name, const char *text)
{
	if (*slot != NULL)
		return log_error(EINVAL, "--%s is given twice: %s and %s", name, *slot, text);
	*slot = text;
	return 0;
}

static int set_name(const char **slot, const char *name, const char *text)
{
	if (text[0] == '\0')
		return log_error(EINVAL, "--%s: the name is empty", name);
	return set_text(slot, name, text);
}

static int set_log_time(struct options *o, const char *text)
{
	if (strcmp(text, "auto") == 0)
		o->log_time = LOG_TIME_AUTO;
	else if (strcmp(text, "on") == 0)
		o->log_time = LOG_TIME_ON;
	else if (strcmp(text, "off") == 0)
		o->log_time = LOG_TIME_OFF;
	else
		return log_error(EINVAL, "--log-time %s: give on, off or auto", text);
	return 0;
}

static int set_vm_name(struct options *o, const char *text)
{
	if (!vm_name_valid(text))
		return log_error(EINVAL,
		    "--name %s: give 1 to %u letters, digits, '.', '_' and '-', the first a letter "
		    "or a digit",
		    text, VM_NAME_MAX);
	return set_text(&o->name, "name", text);
}

static int take(struct options *o, enum choice option, const char *text)
{
	switch (option) {
	case OPT_PLUGIN:
		return add_plugin(o, text);
	case OPT_FILTER:
		return add_filter(o, text);
	case OPT_KERNEL:
		return set_name(&o->kernel, "kernel", text);
	case OPT_BOOT:
		return set_boot(o, text);
	case OPT_MODULE:
		return add_module(o, text);
	case OPT_INITRD:
		return set_name(&o->initrd, "initrd", text);
	case OPT_CMDLINE:
		return set_text(&o->cmdline, "cmdline", text);
	case OPT_APPEND:
		return set_text(&o->append, "append", text);
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
		return set_name(&o->plugin_dir, "plugin-dir", text);
	case OPT_LOG_LEVEL:
		return set_log_level(text);
	case OPT_LOG_FILE:
		return set_name(&o->log_file, "log-file", text);
	case OPT_LOG_TIME:
		return set_log_time(o, text);
	case OPT_NAME:
		return set_vm_name(o, text);
	case OPT_END_FILE:
		return set_name(&o->end_file, "end-file", text);
	case OPT_TRACE_FILE:
		return set_name(&o->trace_file, "trace-file", text);
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
	case OPT_ALLOWLIST:
		return set_name(&o->allowlist, "allowlist", text);
	case OPT_SECCOMP_REPORT:
		o->seccomp_report = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return 0;
	}
}

/* What other monitors call it, and what is likely meant. */
static const struct {
	const char *name, *hint;
} foreign[] = {
    {"m", "it is --memory SIZE"},
    {"mem", "it is --memory SIZE"},
    {"smp", "it is --cpus N"},
    {"vcpus", "it is --cpus N"},
    {"disk", "it is a --plugin; --plugin help lists them"},
    {"drive", "it is a --plugin; --plugin help lists them"},
    {"net", "it is a --plugin; --plugin help lists them"},
    {"netdev", "it is a --plugin; --plugin help lists them"},
    {"device", "it is a --plugin; --plugin help lists them"},
    {"config", "volt reads no configuration file"},
    {"config-file", "volt reads no configuration file"},
    {"h", "see volt --help"},
    {"V", "see volt --version"},
};

static const char *foreign_hint(const char *name)
{
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (strcmp(foreign[i].name, name) == 0)
			return foreign[i].hint;
	return NULL;
}

static void say_unknown(const char *typed)
{
	const char *names[ROW_COUNT + 1] = {NULL};
	char name[64];

	for (size_t i = 0; i < ROW_COUNT; i++)
		names[i] = rows[i].name;
	snprintf(name, sizeof(name), "%s", typed + strspn(typed, "-"));
	name[strcspn(name, "=")] = '\0';
	const char *hint = foreign_hint(name);
	if (hint != NULL) {
		log_error(EINVAL, "unknown option %s: %s", typed, hint);
		return;
	}
	const char *near = nearest_name(name, names);
	log_error(EINVAL, "unknown option %s%s%s%s", typed, near != NULL ? "; did you mean --" : "",
	    near != NULL ? near : "", near != NULL ? "?" : "; see volt --help");
}

static bool is_name(const char *name, const char *text, size_t n)
{
	return strlen(name) == n && strncmp(name, text, n) == 0;
}

static const struct row *find_name(const char *name, size_t n)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (is_name(rows[i].name, name, n))
			return &rows[i];
	return NULL;
}

/* By its whole name: of a beginning a later option could change the sense, so no getopt here. */
static const struct row *find_row(const char *typed)
{
	size_t n = strcspn(typed, "=");

	if (strncmp(typed, "--", 2) != 0)
		return NULL;
	const char *name = typed + 2;
	n -= 2;
	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
		if (is_name(renamed[i].old, name, n))
			return find_name(renamed[i].name, strlen(renamed[i].name));
	return find_name(name, n);
}

/* How many arguments the option at argv[0] takes; 0: none is there. -EINVAL, said in the log. */
static int next_option(char **argv, const struct row **row, const char **value)
{
	const char *typed = argv[0];

	*value = "";
	if (typed == NULL || typed[0] != '-' || typed[1] == '\0')
		return 0;
	*row = find_row(typed);
	if (*row == NULL) {
		say_unknown(typed);
		return -EINVAL;
	}
	const char *equals = strchr(typed, '=');
	if ((*row)->value == NULL)
		return equals == NULL ? 1 : log_error(EINVAL, "--%s takes no value", (*row)->name);
	*value = equals != NULL ? equals + 1 : argv[1];
	if (*value == NULL)
		return log_error(EINVAL, "--%s needs a value", (*row)->name);
	return equals != NULL ? 1 : 2;
}

static const char *find_help(const char *const *specs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(specs[i], "help") == 0 ||
		    strcmp(specs[i] + strcspn(specs[i], ","), ",help") == 0)
			return specs[i];
	return NULL;
}

const char *options_help_spec(const struct options *o)
{
	const char *spec = find_help(o->plugins, o->plugin_count);

	return spec != NULL ? spec : find_help(o->filters, o->filter_count);
}

/* What options must be to each other. */
static int check_together(const struct options *o)
{
	if (o->hugepages && o->memory % (2u << 20) != 0)
		return log_error(EINVAL,
		    "--memory: %llu bytes is not a multiple of 2M, as --hugepages needs",
		    (unsigned long long)o->memory);
	if (o->hugepages && o->kernel_memory == BOOT_FILES_MAP)
		return log_error(
		    EINVAL, "--kernel-memory map: a file cannot be mapped into --hugepages");
	if (o->kernel == NULL && !o->explain && options_help_spec(o) == NULL)
		return log_error(EINVAL, "no kernel given: volt --kernel FILE; see volt --help");
	if (o->json && !o->explain)
		return log_error(EINVAL, "--json goes with volt explain");
	return 0;
}

static void refuse_word(const char *word)
{
	static const char *const own[] = {"explain", NULL};
	const char *near = nearest_name(word, own);

	if (near == NULL)
		near = nearest_name(word, companion_words);

	if (near != NULL)
		log_error(EINVAL,
		    "\"%s\" is not an option; did you mean \"volt %s\", as the first word?", word,
		    near);
	else
		log_error(
		    EINVAL, "\"%s\" is not an option: a kernel is given as --kernel FILE", word);
}

int options_parse(struct options *o, int argc, char **argv)
{
	const struct row *row;
	const char *value;
	int used = 0;

	*o = (struct options){.memory = 128ull << 20, .cpus = 1};
	argv += argc > 0;
	if (argv[0] != NULL && strcmp(argv[0], "explain") == 0) {
		if (!feature_built("explain")) {
			feature_refuse("volt explain", "explain");
			return EXIT_USAGE;
		}
		o->explain = true;
		argv++;
	}
	while (argv[0] == NULL || strcmp(argv[0], "--") != 0) {
		used = next_option(argv, &row, &value);
		if (used <= 0)
			break;
		if (row->option == OPT_HELP) {
			print_help();
			return output_end(false);
		}
		if (row->option == OPT_VERSION) {
			if (argv[1] != NULL) {
				log_error(
				    EINVAL, "--version: nothing goes with it: \"%s\"", argv[1]);
				return EXIT_USAGE;
			}
			printf("volt %s, plugin ABI %u.%u\n", VOLT_VERSION, VOLT_ABI_MAJOR,
			    VOLT_ABI_MINOR);
			return output_end(false);
		}
		if (check_built(row) != 0 || take(o, row->option, value) != 0)
			return EXIT_USAGE;
		argv += used;
	}
	if (used < 0)
		return EXIT_USAGE;
	argv += argv[0] != NULL && strcmp(argv[0], "--") == 0;
	if (argv[0] != NULL) {
		refuse_word(argv[0]);
		return EXIT_USAGE;
	}
	return check_together(o) != 0 ? EXIT_USAGE : OPTIONS_GO_ON;
}
