/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * plugins - which plugins a VM has, and their common start.
 */
#ifndef CORE_PLUGINS_H
#define CORE_PLUGINS_H

struct instance;
struct machine;
struct volt_plugin;

extern const char plugins_default_cmdline[];

/* Loads and wires what the options name or, by default, the build's set: the sandbox
 * first, so that every device is loaded inside its early filter. 0 or -errno, which is logged. */
int plugins_load(struct machine *m);

/* Makes an instance of `d`, with its parameters, id and host table, and adds it to the VM; not yet
 * wired. `origin` names it in messages. NULL on failure, which is logged. */
struct instance *plugins_add(
    struct machine *m, const struct volt_plugin *d, const char *params, const char *origin);

/* Settles where interrupt lines end: m->irq.chip and what firmware tables say of it. */
int plugins_find_irqchip(struct machine *m);

/* Prints the parameters of the plugin that `spec` names. 0 or -errno. */
int plugins_print_help(const char *spec);

#endif
