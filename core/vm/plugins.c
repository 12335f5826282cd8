/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/plugins.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/base/trace.h"
#include "core/config.h"
#include "core/plugin/device_file.h"
#include "core/plugin/guard.h"
#include "core/plugin/library.h"
#include "core/vm/host.h"
#include "core/vm/vm.h"
#include "core/vm/vm_commands.h"

const char plugins_default_cmdline[] = VOLT_DEFAULT_CMDLINE;

/* KVM's own I/O interrupt controller (Linux, arch/x86/kvm). */
#define KVM_CHIP_BASE 0xfec00000u
#define KVM_CHIP_PINS 24u

static int open_file(const char *path, bool write, struct volt_value *value, char *why, size_t size)
{
	struct stat st;
	int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		int err = errno;

		snprintf(
		    why, size, "cannot open %s: %s%s", path, strerror(err), open_files_hint(err));
		return -err;
	}
	if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
		snprintf(why, size, "%s is a directory, not a file", path);
		close(fd);
		return -EISDIR;
	}
	value->fd = fd;
	return 0;
}

/* Of a BOOL parameter; all values are read before the first is opened. */
static bool is_on(const struct instance *i, const char *name)
{
	return VOLT_HAS_DEVICE_FILES && params_is_on(&i->params, &i->plugin, name);
}

static unsigned queues(const struct instance *i)
{
	return VOLT_HAS_DEVICE_FILES ? params_queues(&i->params, &i->plugin) : 1;
}

static int open_parameter(void *arg, const struct volt_param *param, const char *text,
    struct volt_value *value, char *why, size_t why_size)
{
	struct instance *i = arg;
	struct machine *m = i->machine;

	if (param->type == VOLT_PARAM_DISK)
		return device_file_disk(text,
		    param->flags & VOLT_DISK_READ_ONLY || is_on(i, "readonly") ||
			is_on(i, "private"),
		    is_on(i, "direct"), value, why, why_size);
	if (param->type == VOLT_PARAM_TAP)
		return device_file_tap(text, queues(i), value, why, why_size);
	if (param->type == VOLT_PARAM_SOCKET)
		return device_file_socket(text, value, why, why_size);
	if (param->type == VOLT_PARAM_PEERS)
		return peers_open(&m->peers, &i->callee, text, m->options->explain, why, why_size);
	if (param->type != VOLT_PARAM_STREAM)
		return open_file(text, param->type == VOLT_PARAM_FILE_RW, value, why, why_size);
	int number = stream_open(&m->streams, &i->callee, text, why, why_size);
	if (number < 0)
		return number;
	value->u = (uint64_t)number;
	return 0;
}

/* The id that the user gave, else the name, numbered when there are several. */
static int choose_id(struct instance *i, const char *given)
{
	struct machine *m = i->machine;
	const char *name = i->plugin.name;

	snprintf(i->callee.id, sizeof(i->callee.id), "%s", given ? given : name);
	if (strcmp(i->callee.id, "core") == 0 || strcmp(i->callee.id, VM_COMMANDS_ID) == 0)
		return log_error(EINVAL, "--%s %s: id=%s is volt's own: choose another",
		    instance_option(i), name, i->callee.id);
	for (unsigned number = 1, k = 0; k < m->instance_count; k++) {
		if (m->instances[k] == i || strcmp(m->instances[k]->callee.id, i->callee.id) != 0)
			continue;
		if (given)
			return log_error(EEXIST,
			    "--%s %s: id=%s is already used by another plugin: ids must differ",
			    instance_option(i), name, given);
		snprintf(i->callee.id, sizeof(i->callee.id), "%.28s.%u", name, ++number);
		k = UINT32_MAX; /* look from the start: the new id may be taken too */
	}
	return 0;
}

struct instance *plugins_add(
    struct machine *m, const struct volt_plugin *d, const char *params, const char *origin)
{
	struct instance *i = instance_create(d, m->instance_count + 1, origin);
	const struct params_opener opener = {.open = open_parameter, .arg = i};

	if (!i)
		return NULL;
	i->machine = m;
	if (instance_parse(i, params, &opener) != 0 || choose_id(i, i->params.id) != 0) {
		instance_destroy(i);
		return NULL;
	}
	host_init(i);
	m->instances[m->instance_count++] = i;
	return i;
}

static struct instance *create_one(struct machine *m, const struct plugin_spec *f)
{
	if (m->instance_count == INSTANCE_MAX) {
		log_error(ENOSPC, "there are more than %u plugins", INSTANCE_MAX);
		return NULL;
	}
	const struct volt_plugin *d = library_load(f->path);
	return d ? plugins_add(m, d, f->params, f->path) : NULL;
}

static int load_sandbox(struct machine *m, const struct plugin_spec *f)
{
	if (m->sandbox)
		return log_error(EEXIST, "plugin %s: one sandbox is enough", f->path);
	struct instance *i = create_one(m, f);
	if (!i || instance_wire(i) != 0)
		return -EINVAL;
	if (!i->sandbox)
		return log_error(
		    EINVAL, "plugin %s is a sandbox that offers no %s", f->path, VOLT_EXT_SANDBOX);
	m->sandbox = i;
	const int err = i->sandbox->enter_early(
	    i->callee.self, policy_flags(m->options) | (m->rings_asked ? VOLT_POLICY_RINGS : 0));
	if (err)
		m->fail_code = EXIT_SEAL;
	trace_mark("early filter", "plugin %s", i->callee.id);
	return err;
}

/* All of one kind, in the order named; a sandbox enters its early filter at once. */
static int load_kind(struct machine *m, uint32_t kind)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < m->specs.count; i++) {
		if (m->specs.list[i].kind != kind)
			continue;
		if (kind == VOLT_KIND_SANDBOX)
			err = load_sandbox(m, &m->specs.list[i]);
		else
			err = create_one(m, &m->specs.list[i]) ? 0 : -EINVAL;
	}
	return err;
}

static void warn_unsafe(const struct options *o)
{
	if (o->no_sandbox)
		log_warn("--no-sandbox: a guest that breaks out of volt has all of volt's rights");
	if (o->no_seccomp && !o->no_sandbox)
		log_warn("--no-seccomp: system calls are not filtered");
	if (o->seccomp_log && !o->no_sandbox)
		log_warn("--seccomp-log: forbidden system calls are logged and pass");
	if (o->no_landlock && !o->no_sandbox)
		log_warn("--no-landlock: the file system is not closed");
}

/* All are there before the first is wired: between one init and the next the core then changes
 * nothing itself, and the guard needs to look but once. */
static int wire_one(const struct machine *m, struct instance *one)
{
	int err = instance_wire(one);

	if (err)
		return err;
	if (VOLT_HAS_SNAPSHOT && (m->options->snapshot || m->options->restore))
		err = instance_check_state(one);
	if (err)
		return err;
	if (one->plugin.kind == VOLT_KIND_FILTER &&
	    (!one->filter || !VOLT_HAS(one->filter, access) || !one->filter->access))
		return log_error(EINVAL, "plugin %s is a filter that offers no %s", one->callee.id,
		    VOLT_EXT_FILTER);
	return 0;
}

static int wire_those(struct machine *m, bool buses)
{
	for (uint32_t i = 0; i < m->instance_count; i++) {
		struct instance *one = m->instances[i];

		if (one == m->sandbox || buses != ((one->plugin.flags & VOLT_FLAG_BUS) != 0))
			continue;
		const int err = wire_one(m, one);
		if (err)
			return err;
	}
	return 0;
}

/* Buses first: devices look for them. */
static int wire_all(struct machine *m)
{
	int err = wire_those(m, true);

	return err ? err : wire_those(m, false);
}

int plugins_load(struct machine *m)
{
	warn_unsafe(m->options);
	int err = plugin_specs_find(&m->specs, m->options);
	if (err)
		return err;
	m->rings_asked = VOLT_HAS_RINGS && plugin_specs_have(&m->specs, VOLT_URING_WORD);
	if (!m->options->no_sandbox)
		err = load_kind(m, VOLT_KIND_SANDBOX);
	if (err)
		return err;
	err = load_kind(m, VOLT_KIND_DEVICE);
	if (err)
		return err;
	err = load_kind(m, VOLT_KIND_FILTER);
	return err ? err : wire_all(m);
}

/* A line is driven under its owner's lock and takes the irqchip's; its own would wait for
 * itself, and a filter's is called under it. */
static int check_locks(const struct callee *chip, struct callee *user, uint32_t gsi)
{
	const struct instance *owner = instance_of(user);

	if (user == chip)
		return log_error(EINVAL,
		    "plugin %s: an interrupt controller cannot use interrupt %u itself",
		    owner->callee.id, gsi);
	if (owner->plugin.kind == VOLT_KIND_FILTER && strcmp(owner->params.on, chip->id) == 0)
		return log_error(EINVAL,
		    "--filter %s: %s is the interrupt controller, and the filter uses "
		    "interrupt %u: only one without interrupts can be put there",
		    owner->plugin.name, chip->id, gsi);
	return 0;
}

/* Lines that were raised while wiring, to the plugin that turned out to be the irqchip. */
static int tell_levels(struct machine *m)
{
	bool any = false;

	for (uint32_t gsi = 0; gsi < IRQ_LINES; gsi++)
		any = any || m->irq.lines[gsi].level;
	if (!m->irq.chip || !any) /* the guard's look costs start-up time */
		return 0;
	instance_enter(instance_of(m->irq.chip), "set_line");
	irq_tell_levels(&m->irq);
	return instance_leave(instance_of(m->irq.chip));
}

int plugins_find_irqchip(struct machine *m)
{
	struct volt_irqchip_info info = {
	    .size = sizeof(info), .pins = KVM_CHIP_PINS, .base = KVM_CHIP_BASE};

	for (uint32_t i = 0; i < m->instance_count; i++) {
		if (!m->instances[i]->irqchip)
			continue;
		if (m->irq.chip)
			return log_error(EEXIST,
			    "plugins %s and %s are both interrupt managers: use one",
			    m->irq.chip->id, m->instances[i]->callee.id);
		m->irq.chip = &m->instances[i]->callee;
		m->irq.chip_ops = m->instances[i]->irqchip;
		instance_enter(m->instances[i], "info");
		m->irq.chip_ops->info(m->irq.chip->self, &info);
		if (instance_leave(m->instances[i]) != 0)
			return -EPERM;
	}
	if (info.pins == 0 || info.pins > IRQ_LINES || info.gsi_base != 0)
		return log_error(EINVAL,
		    "plugin %s: an interrupt controller has 1 to %u pins from GSI 0",
		    m->irq.chip->id, IRQ_LINES);
	for (uint32_t gsi = 0; gsi < IRQ_LINES; gsi++) {
		struct callee *owner = m->irq.lines[gsi].owner;

		m->irq.lines[gsi].wants_fd = owner && instance_of(owner)->wants_irq_fd;
		if (owner && m->irq.chip && check_locks(m->irq.chip, owner, gsi) != 0)
			return -EINVAL;
		if (owner && gsi >= info.pins)
			return log_error(EINVAL,
			    "plugin %s: interrupt %u is beyond the %u of plugin %s", owner->id, gsi,
			    info.pins, m->irq.chip->id);
		if (owner && !m->irq.chip && (gsi == 0 || gsi == 2))
			return log_error(EBUSY, "plugin %s: interrupt %u belongs to KVM's timer",
			    owner->id, gsi);
	}
	m->irq.pins = info.pins;
	m->firmware.irqchip_id = info.id;
	m->firmware.irqchip_pins = info.pins;
	m->firmware.irqchip_base = info.base;
	m->firmware.gsi_base = info.gsi_base;
	m->firmware.legacy_pic = m->irq.chip == NULL;
	return tell_levels(m);
}

static void print_param(const struct volt_param *p)
{
	static const char *const types[] = {"?", "on|off", "NUMBER", "SIZE", "?", "TEXT", "FILE",
	    "FILE", "STREAM", "DISK", "TAP", "SOCKET", "PATH"};
	const char *type = p->type == VOLT_PARAM_ENUM ? p->choices
			   : p->type < 13             ? types[p->type]
						      : "?";
	char left[48];

	snprintf(left, sizeof(left), "%s=%s", p->name, type);
	printf("  %-18s  %s", left, p->help);
	if (p->def)
		printf(" (default %s)\n", p->def[0] != '\0' ? p->def : "none");
	else
		printf(" (required)\n");
}

int plugins_print_help(const char *spec)
{
	char path[PATH_MAX];

	if (strcmp(spec, "help") == 0)
		return library_print_names();
	if (!library_resolve("plugin", spec, path, sizeof(path)))
		return -EINVAL;
	const struct volt_plugin *d = library_load(path);
	if (!d)
		return -EINVAL;
	printf("%s %s: %s\n", d->name, d->version, d->summary);
	if (VOLT_HAS_LOADER)
		printf("  %s%s\n", library_is_linked_in(path) ? "linked into volt" : "from ",
		    library_is_linked_in(path) ? "" : path);
	const char *row = (const char *)d->params;
	for (uint32_t i = 0; i < d->param_count; i++, row += d->param_stride)
		print_param((const struct volt_param *)(const void *)row);
	if (d->kind == VOLT_KIND_FILTER)
		printf("  %-18s  %s\n", "on=DEVICE", "id of the device that it filters (required)");
	printf(
	    "  %-18s  %s\n", "id=TEXT", "name of this instance in messages (default the plugin's)");
	return 0;
}
