/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * volt-init - PID 1 of a Volt guest.
 *
 *   mounts -> console -> modules -> mark, banner -> command or shell -> end
 *
 * PID 1 itself only waits: the command or the shell is a child with a session of its own, so
 * neither Ctrl-C nor a crash reaches init.
 */
#ifndef VOLT_INIT_PARTS_H
#define VOLT_INIT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CMDLINE_MAX = 4096 };

/* --- mounts.c */
void mounts_setup(void);
/* Everything but the root, last first; the root becomes read-only. */
void mounts_release(void);

/* --- console.c */
/* Standard input, output and error become /dev/console; false if there is none. */
bool console_open(void);
/* A new session whose controlling terminal is the console. */
void console_take(void);

/* --- modules.c */
/* The modules in /etc/volt/modules, then the comma-separated list, in this order; then those of the
 * virtio devices that are there by then, which /etc/volt/modules-virtio-ID lists. */
void modules_load(const char *list);
/* Those of the file system `type`, which /etc/volt/modules-TYPE lists; nothing without that. */
void modules_load_for(const char *type);
/* One module by name or path with its parameters; 0 or -errno. */
int module_load(const char *name, const char *params);

/* --- ports.c */
/* Gets the right to write a port while /dev is still there; a handle for port_write, or -errno. */
int port_open(unsigned short port);
void port_write(int handle, unsigned short port, unsigned char value);

/* --- command.c */
/* 0-255, or 128 + the signal that ended it. */
int command_status(int wait_status);
/* Starts /bin/sh -c text, or the own shell where there is none. */
pid_t command_start(const char *text, char **args);
/* Starts the interactive shell. */
pid_t command_start_shell(void);

/* --- shell.c */
/* The own shell: -c LINE, or a prompt on standard input. */
int shell_main(int argc, char **argv);
/* Runs one line and returns its status. */
int shell_run(const char *line);

/* --- power.c */
enum power { POWER_OFF, POWER_REBOOT, POWER_HALT };
__attribute__((noreturn)) void power_end(enum power how);
/* Kills everything, writes out and unmounts; the second call does nothing. */
void power_prepare(void);

#endif
