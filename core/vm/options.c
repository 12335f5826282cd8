/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/runtime_dir.h"
#include "core/config.h"
#include "core/kvm/cpuid_mask.h"
#include "core/vm/identity_parse.h"
#include "sdk/common/params.h"

static void *field_of(struct options *o, const struct option_row *row)
{
	return (char *)o + row->field;
}

static int set_flag(struct options *o, const struct option_row *row, const char *text)
{
	*(bool *)field_of(o, row) = true;
	return 0;
}

static int set_text(struct options *o, const struct option_row *row, const char *text)
{
	const char **slot = field_of(o, row);

	if (*slot)
		return log_error(EINVAL, "--%s is given twice: %s and %s", row->name, *slot, text);
	*slot = text;
	return 0;
}

/* A name, of a file most of the time. */
static int set_name(struct options *o, const struct option_row *row, const char *text)
{
	if (text[0] == '\0')
		return log_error(EINVAL, "--%s: the name is empty", row->name);
	return set_text(o, row, text);
}

static int set_memory(struct options *o, const struct option_row *row, const char *text)
{
	int err = parse_size(text, &o->memory);

	if (!err && o->memory < MEMORY_MIN && text[strspn(text, "0123456789")] == '\0' &&
	    o->memory >= 2)
		return log_error(EINVAL,
		    "--memory %s: a plain number counts bytes; did you mean %sM?", text, text);
	if (!err && o->memory % 4096 != 0)
		return log_error(EINVAL, "--memory %s is not a multiple of 4096 bytes", text);
	if (err || o->memory < MEMORY_MIN || o->memory > MEMORY_MAX)
		return log_error(
		    EINVAL, "--memory %s: give a size from 2M to 1024G, such as 128M", text);
	o->memory_given = true;
	return 0;
}

static int set_cpus(struct options *o, const struct option_row *row, const char *text)
{
	uint64_t n;

	if (parse_uint(text, &n) != 0 || n < 1 || n > OPTIONS_CPU_MAX)
		return log_error(
		    EINVAL, "--cpus %s: give a number from 1 to %u", text, OPTIONS_CPU_MAX);
	o->cpus = (uint32_t)n;
	o->cpus_given = true;
	return 0;
}

static int set_log_level(struct options *o, const struct option_row *row, const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace", NULL};

	for (uint32_t i = 0; names[i]; i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		log_level = i;
		return 0;
	}
	return log_error(EINVAL, "--log-level %s: give error, warn, info, debug or trace", text);
}

static int add_plugin(struct options *o, const struct option_row *row, const char *text)
{
	if (o->plugin_count == OPTIONS_PLUGIN_MAX)
		return log_error(EINVAL, "--plugin: at most %u are possible", OPTIONS_PLUGIN_MAX);
	o->plugins[o->plugin_count++] = text;
	return 0;
}

static int add_filter(struct options *o, const struct option_row *row, const char *text)
{
	if (o->filter_count == OPTIONS_FILTER_MAX)
		return log_error(EINVAL, "--filter: at most %u are possible", OPTIONS_FILTER_MAX);
	o->filters[o->filter_count++] = text;
	return 0;
}

static int set_boot(struct options *o, const struct option_row *row, const char *text)
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

static int set_kernel_memory(struct options *o, const struct option_row *row, const char *text)
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
static int add_module(struct options *o, const struct option_row *row, const char *text)
{
	if (o->module_count == BOOT_MODULE_MAX)
		return log_error(EINVAL, "--module: at most %u are possible", BOOT_MODULE_MAX);
	struct options_module *m = &o->modules[o->module_count++];
	char *to = m->file = malloc(strlen(text) + 1);
	if (!to)
		return log_error(ENOMEM, "--module %s: no memory", text);
	while (*text != '\0' && (*text != ',' || text[1] == ',')) {
		text += *text == ',';
		*to++ = *text++;
	}
	*to = '\0';
	m->string = *text == ',' ? text + 1 : NULL;
	return m->file[0] == '\0' ? log_error(EINVAL, "--module: the name is empty") : 0;
}

static int set_log_time(struct options *o, const struct option_row *row, const char *text)
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

static int set_vm_name(struct options *o, const struct option_row *row, const char *text)
{
	if (!vm_name_valid(text))
		return log_error(EINVAL,
		    "--name %s: give 1 to %u letters, digits, '.', '_' and '-', the first a letter "
		    "or a digit",
		    text, VM_NAME_MAX);
	return set_text(o, row, text);
}

/* The file is read here, while no plugin has begun yet. An exit code if it is refused. */
static int read_mask(struct cpuid_mask *mask, const char *path)
{
	char text[8192];
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	const int err = errno;

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		log_error(err, "--cpu %s: it is not v2, v3 or v4, and cannot be read: %s", path,
		    strerror(err));
		return EXIT_INPUT;
	}
	text[n] = '\0';
	const uint32_t line = cpuid_mask_parse(mask, text);
	if (line == 0)
		return 0;
	log_error(EINVAL,
	    "--cpu %s: line %u is not \"cpuid LEAF SUBLEAF REGISTER BITS\", as volt doctor --cpu "
	    "prints it",
	    path, line);
	return EXIT_INPUT;
}

static int set_cpu(struct options *o, const struct option_row *row, const char *text)
{
	struct cpuid_mask *mask = malloc(sizeof(*mask));

	if (!mask)
		return log_error(ENOMEM, "--cpu: no memory");
	o->cpu = mask;
	return cpuid_mask_level(mask, text) ? 0 : read_mask(mask, text);
}

/* Looked at here, for an exit code of its own, and taken apart again when the VM is there. */
static int set_identity(struct options *o, const struct option_row *row, const char *text)
{
	struct volt_identity_pair pairs[VOLT_IDENTITY_PAIRS];
	char *copy = strdup(text);

	if (!copy)
		return log_error(ENOMEM, "--identity: no memory");
	const int count = identity_parse(copy, pairs);
	free(copy);
	o->identity = text;
	return count < 0 ? count : 0;
}

static int set_restore_wait(struct options *o, const struct option_row *row, const char *text)
{
	struct stat st;
	uint64_t fd;

	if (parse_uint(text, &fd) != 0 || fd < 3 || fd > INT_MAX)
		return log_error(EINVAL,
		    "--restore-wait %s: give the number of a socket that volt inherits, from 3 on",
		    text);
	if (fstat((int)fd, &st) != 0 || !S_ISSOCK(st.st_mode))
		return log_error(
		    EINVAL, "--restore-wait %s: this descriptor is not a socket", text);
	o->restore_wait = (int)fd;
	return 0;
}

#if VOLT_HAS_OPERATE
static int add_share(struct options *o, const struct option_row *row, const char *text)
{
	return share_add(o->shares, &o->share_count, text);
}
#endif

/* What the program volt-config does; it takes these out. */
static int refuse_config(struct options *o, const struct option_row *row, const char *text)
{
	return log_error(EINVAL, "--%s is the first option, if it is there", row->name);
}

/* A build without the group drops the words and the code. */
#define IF_AUDIT(value)    (VOLT_HAS_AUDIT ? (value) : NULL)
#define IF_OPERATE(value)  (VOLT_HAS_OPERATE ? (value) : NULL)
#define IF_SNAPSHOT(value) (VOLT_HAS_SNAPSHOT ? (value) : NULL)

const struct option_row option_rows[] = {
    {.name = "config",
	.value = "FILE",
	.help =
	    IF_OPERATE("read the options that FILE says, as JSON; goes first, see volt.conf(5)"),
	.set = IF_OPERATE(refuse_config),
	.feature = "features=operate"},
    {.name = "print-config",
	.help = IF_OPERATE("print the options as such a file; goes first"),
	.set = IF_OPERATE(refuse_config),
	.feature = "features=operate"},
    {.name = "kernel",
	.value = "FILE|NAME",
	.help = "kernel to boot: vmlinux, bzImage, or one with a PVH note or a Multiboot header; "
		"or the name of one that volt-kernel keeps (required)",
	.set = set_name,
	.field = offsetof(struct options, kernel)},
    {.name = "boot",
	.value = "PROTOCOL",
	.help = "auto, linux, pvh or multiboot (default auto: by the file)",
	.set = set_boot},
    {.name = "initrd",
	.value = "FILE",
	.help = "initial RAM disk",
	.set = set_name,
	.field = offsetof(struct options, initrd)},
    {.name = "module",
	.value = "FILE[,STRING]",
	.help = "file and string to pass to a PVH or Multiboot kernel; may be repeated",
	.set = add_module},
    {.name = "cmdline",
	.value = "TEXT",
	.help = "kernel command line, instead of \"" VOLT_DEFAULT_CMDLINE "\"",
	.set = set_text,
	.field = offsetof(struct options, cmdline)},
    {.name = "append",
	.value = "TEXT",
	.help = "words to add to the kernel command line",
	.set = set_text,
	.field = offsetof(struct options, append)},
    {.name = "memory",
	.value = "SIZE",
	.help = "guest memory, with K, M or G (default 128M)",
	.set = set_memory},
    {.name = "cpus", .value = "N", .help = "vCPUs, 1 to 64 (default 1)", .set = set_cpus},
    {.name = "cpu",
	.value = "v2|v3|v4|FILE",
	.help = IF_SNAPSHOT("features of the vCPUs: a level of x86-64, or those in FILE, of volt "
			    "doctor --cpu"),
	.set = IF_SNAPSHOT(set_cpu),
	.feature = VOLT_SNAPSHOT_NEEDS},
    {.name = "name",
	.value = "NAME",
	.help = IF_OPERATE("register the VM by this name, for volt ps, stop, logs and others"),
	.set = IF_OPERATE(set_vm_name),
	.field = offsetof(struct options, name),
	.feature = "features=operate"},
    {.name = "end-file",
	.value = "FILE",
	.help = IF_OPERATE(
	    "append a line of JSON to FILE that tells why the VM ended, however it does"),
	.set = IF_OPERATE(set_name),
	.field = offsetof(struct options, end_file),
	.feature = "features=operate"},
    {.name = "ready-socket",
	.value = "PATH",
	.help = IF_OPERATE("listen on this Unix socket for the guest's READY=1, and tell it to the "
			   "service manager"),
	.set = IF_OPERATE(set_name),
	.field = offsetof(struct options, ready_socket),
	.feature = "features=operate"},
    {.name = "hugepages",
	.help = "take guest memory from the host's pool of huge pages",
	.set = set_flag,
	.field = offsetof(struct options, hugepages)},
    {.name = "kernel-memory",
	.value = "HOW",
	.help = "map or copy kernel and initrd, or auto (default): Linux is copied",
	.set = set_kernel_memory},
    {.name = "snapshot",
	.help = IF_SNAPSHOT("let the VM be saved, by volt snapshot save"),
	.set = IF_SNAPSHOT(set_flag),
	.field = offsetof(struct options, snapshot),
	.feature = VOLT_SNAPSHOT_NEEDS},
    {.name = "restore",
	.value = "DIR",
	.help = IF_SNAPSHOT("go on from a snapshot, instead of booting --kernel"),
	.set = IF_SNAPSHOT(set_name),
	.field = offsetof(struct options, restore),
	.feature = VOLT_SNAPSHOT_NEEDS},
    {.name = "restore-wait",
	.value = "FD",
	.help = IF_SNAPSHOT("have all of --restore ready, and go on when socket FD says so"),
	.set = IF_SNAPSHOT(set_restore_wait),
	.feature = VOLT_SNAPSHOT_NEEDS},
    {.name = "identity",
	.value = "KEY=VALUE[,...]",
	.help = IF_SNAPSHOT("tell the guest who it is, for instance after --restore"),
	.set = IF_SNAPSHOT(set_identity),
	.feature = VOLT_SNAPSHOT_NEEDS},
    {.name = "plugin",
	.value = "NAME|PATH[,KEY=VALUE...]",
	.help = "load a plugin; may be repeated. NAME,help lists its parameters, help the plugins; "
		"default stands for the default set",
	.set = add_plugin},
    {.name = "filter",
	.value = "NAME|PATH,on=DEVICE[,KEY=VALUE...]",
	.help = IF_OPERATE("put a filter on a device; may be repeated, the guest's side first"),
	.set = IF_OPERATE(add_filter),
	.feature = "features=operate"},
#if VOLT_HAS_OPERATE /* not even the name: the smallest build has no byte left */
    {.name = "share",
	.value = "DIR[,ro][,at=FOLDER]",
	.help = "share a folder of the host with the guest, by virtiofsd; on /mnt, or on "
		"FOLDER; may be repeated",
	.set = add_share},
#endif
    {.name = "plugin-dir",
	.value = "DIR",
	.help = "where plugin names are looked up",
	.set = set_name,
	.field = offsetof(struct options, plugin_dir)},
    {.name = "log-level",
	.value = "LEVEL",
	.help = "error, warn, info, debug or trace (default info)",
	.set = set_log_level},
    {.name = "log-file",
	.value = "FILE",
	.help = "append the log to FILE instead of standard error",
	.set = set_name,
	.field = offsetof(struct options, log_file)},
    {.name = "log-time",
	.value = "HOW",
	.help = IF_OPERATE(
	    "on, off or auto: the time in front of each line of the log (default auto: of a "
	    "named VM, "
	    "unless on a terminal)"),
	.set = IF_OPERATE(set_log_time),
	.feature = "features=operate"},
    {.name = "trace-file",
	.value = "FILE",
	.help = IF_OPERATE("write start-up phases as Chrome trace events"),
	.set = IF_OPERATE(set_name),
	.field = offsetof(struct options, trace_file),
	.feature = "features=operate"},
    {.name = "no-seccomp",
	.help = "do not filter system calls (unsafe)",
	.set = set_flag,
	.field = offsetof(struct options, no_seccomp)},
    {.name = "no-landlock",
	.help = "do not close the file system (unsafe)",
	.set = set_flag,
	.field = offsetof(struct options, no_landlock)},
    {.name = "no-sandbox",
	.help = "run without any sandbox plugin (unsafe)",
	.set = set_flag,
	.field = offsetof(struct options, no_sandbox)},
    {.name = "seccomp-log",
	.help = "log what the filter would kill, and let it pass (unsafe)",
	.set = set_flag,
	.field = offsetof(struct options, seccomp_log)},
    {.name = "allowlist",
	.value = "FILE",
	.help = IF_AUDIT("refuse system calls that FILE does not list"),
	.set = IF_AUDIT(set_name),
	.field = offsetof(struct options, allowlist),
	.feature = "features=audit"},
    {.name = "seccomp-report",
	.help = IF_AUDIT("have a second process report what the filter killed"),
	.set = IF_AUDIT(set_flag),
	.field = offsetof(struct options, seccomp_report),
	.feature = "features=audit"},
    {.name = "json",
	.help = IF_AUDIT("volt explain: print JSON"),
	.set = IF_AUDIT(set_flag),
	.field = offsetof(struct options, json),
	.feature = "features=audit"},
    {.name = "version", .help = "print version and exit", .print = OPTION_PRINTS_VERSION},
    {.name = "help", .help = "print this text and exit", .print = OPTION_PRINTS_HELP},
    {0},
};
