/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * layout.c - the ABI as numbers: where each member of each public struct lies and what type
 * it has, and the value of each public constant. Written by sdk/abi/layout.py, which tells
 * what to do when one of these does not hold any more.
 */
/* clang-format off */
#include <stddef.h>

#include <volt/attention.h>
#include <volt/command.h>
#include <volt/describe.h>
#include <volt/filter.h>
#include <volt/identity.h>
#include <volt/irqchip.h>
#include <volt/loop.h>
#include <volt/manage.h>
#include <volt/memory.h>
#include <volt/metrics.h>
#include <volt/plugin.h>
#include <volt/recording.h>
#include <volt/sandbox.h>
#include <volt/state.h>
#include <volt/stream.h>
#include <volt/worker.h>

#define SIZE(s, n) _Static_assert(sizeof(struct s) == (n), "struct " #s " changed: sdk/abi/layout.py")
#define AT(s, m, n, ...) \
	_Static_assert(offsetof(struct s, m) == (n), "struct " #s ": " #m " moved: sdk/abi/layout.py"); \
	_Static_assert(__builtin_types_compatible_p(__typeof__(((struct s *)0)->m), __VA_ARGS__), \
	    "struct " #s ": " #m " has another type: sdk/abi/layout.py")
#define VALUE(name, n) _Static_assert((name) == (n), #name " has another value: sdk/abi/layout.py")
#define TEXT(name, text) \
	_Static_assert(sizeof(name) == sizeof(text) && __builtin_strcmp(name, text) == 0, \
	    #name " says something else: sdk/abi/layout.py")

/* attention.h */

SIZE(volt_attention, 16);
AT(volt_attention, size, 0, uint32_t);
AT(volt_attention, reserved, 4, uint32_t);
AT(volt_attention, attention, 8, void (*)(void *self));
TEXT(VOLT_EXT_ATTENTION, "volt.attention/1");

/* command.h */

SIZE(volt_result, 24);
AT(volt_result, name, 0, const char *);
AT(volt_result, help, 8, const char *);
AT(volt_result, type, 16, uint32_t);
AT(volt_result, reserved, 20, uint32_t);
SIZE(volt_command, 48);
AT(volt_command, name, 0, const char *);
AT(volt_command, help, 8, const char *);
AT(volt_command, args, 16, const struct volt_param *);
AT(volt_command, results, 24, const struct volt_result *);
AT(volt_command, arg_stride, 32, uint16_t);
AT(volt_command, arg_count, 34, uint16_t);
AT(volt_command, result_stride, 36, uint16_t);
AT(volt_command, result_count, 38, uint16_t);
AT(volt_command, flags, 40, uint32_t);
AT(volt_command, reserved, 44, uint32_t);
SIZE(volt_reply, 48);
AT(volt_reply, size, 0, uint32_t);
AT(volt_reply, reserved, 4, uint32_t);
AT(volt_reply, core, 8, void *);
AT(volt_reply, number, 16, void (*)(const struct volt_reply *r, uint32_t result, uint64_t value));
AT(volt_reply, text, 24, void (*)(const struct volt_reply *r, uint32_t result, const char *value));
AT(volt_reply, next_row, 32, void (*)(const struct volt_reply *r));
AT(volt_reply, fail, 40, int (*)(const struct volt_reply *r, int32_t err, const char *why));
SIZE(volt_commands, 24);
AT(volt_commands, size, 0, uint32_t);
AT(volt_commands, stride, 4, uint16_t);
AT(volt_commands, count, 6, uint16_t);
AT(volt_commands, commands, 8, const struct volt_command *);
AT(volt_commands, run, 16, int (*)(void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *r));
SIZE(volt_event, 16);
AT(volt_event, size, 0, uint32_t);
AT(volt_event, reserved, 4, uint32_t);
AT(volt_event, report, 8, void (*)(const struct volt_host *h, const char *name, const char *text));
TEXT(VOLT_EXT_COMMAND, "volt.command/1");
TEXT(VOLT_EXT_EVENT, "volt.event/1");
VALUE(VOLT_COMMAND_ROWS, 0x1);
VALUE(VOLT_COMMAND_ARGS_MAX, 0x10);
VALUE(VOLT_COMMAND_RESULTS_MAX, 0x20);

/* describe.h */

SIZE(volt_resource, 24);
AT(volt_resource, type, 0, uint32_t);
AT(volt_resource, flags, 4, uint32_t);
AT(volt_resource, base, 8, uint64_t);
AT(volt_resource, len, 16, uint64_t);
SIZE(volt_acpi_device, 232);
AT(volt_acpi_device, size, 0, uint32_t);
AT(volt_acpi_device, resource_count, 4, uint32_t);
AT(volt_acpi_device, hid, 8, const char *);
AT(volt_acpi_device, cid, 16, const char *);
AT(volt_acpi_device, resources, 24, struct volt_resource [VOLT_RESOURCE_MAX]);
AT(volt_acpi_device, ddn, 216, const char *);
AT(volt_acpi_device, address, 224, uint64_t);
SIZE(volt_acpi_fixed, 16);
AT(volt_acpi_fixed, size, 0, uint32_t);
AT(volt_acpi_fixed, kind, 4, uint8_t);
AT(volt_acpi_fixed, space, 5, uint8_t);
AT(volt_acpi_fixed, value, 6, uint8_t);
AT(volt_acpi_fixed, reserved, 7, uint8_t);
AT(volt_acpi_fixed, address, 8, uint64_t);
SIZE(volt_describe, 32);
AT(volt_describe, size, 0, uint32_t);
AT(volt_describe, reserved, 4, uint32_t);
AT(volt_describe, device, 8, int (*)(const struct volt_host *h, const struct volt_acpi_device *d));
AT(volt_describe, fixed, 16, int (*)(const struct volt_host *h, const struct volt_acpi_fixed *f));
AT(volt_describe, cmdline, 24, int (*)(const struct volt_host *h, const char *words));
SIZE(volt_console, 16);
AT(volt_console, size, 0, uint32_t);
AT(volt_console, reserved, 4, uint32_t);
AT(volt_console, name, 8, const char *);
TEXT(VOLT_EXT_DESCRIBE, "volt.describe/1");
VALUE(VOLT_RES_PIO, 0x1);
VALUE(VOLT_RES_MMIO, 0x2);
VALUE(VOLT_RES_IRQ, 0x3);
VALUE(VOLT_RES_BUS, 0x4);
VALUE(VOLT_RES_WINDOW, 0x1);
VALUE(VOLT_RES_NOTIFY, 0x100);
VALUE(VOLT_RESOURCE_MAX, 0x8);
VALUE(VOLT_FIXED_RESET, 0x1);
VALUE(VOLT_FIXED_SLEEP_CONTROL, 0x2);
VALUE(VOLT_FIXED_SLEEP_STATUS, 0x3);
TEXT(VOLT_EXT_CONSOLE, "volt.console/1");

/* filter.h */

SIZE(volt_access, 32);
AT(volt_access, size, 0, uint32_t);
AT(volt_access, vcpu, 4, uint32_t);
AT(volt_access, offset, 8, uint64_t);
AT(volt_access, value, 16, uint64_t);
AT(volt_access, n, 24, uint8_t);
AT(volt_access, write, 25, uint8_t);
AT(volt_access, reserved, 26, uint16_t);
AT(volt_access, reserved2, 28, uint32_t);
SIZE(volt_layer, 56);
AT(volt_layer, size, 0, uint32_t);
AT(volt_layer, range, 4, uint32_t);
AT(volt_layer, device, 8, const char *);
AT(volt_layer, name, 16, const char *);
AT(volt_layer, base, 24, uint64_t);
AT(volt_layer, len, 32, uint64_t);
AT(volt_layer, space, 40, uint8_t);
AT(volt_layer, sizes, 41, uint8_t);
AT(volt_layer, flags, 42, uint8_t);
AT(volt_layer, reserved, 43, uint8_t [5]);
AT(volt_layer, pass, 48, uint64_t (*)(const struct volt_layer *below, const struct volt_access *a));
SIZE(volt_filter, 24);
AT(volt_filter, size, 0, uint32_t);
AT(volt_filter, reserved, 4, uint32_t);
AT(volt_filter, attach, 8, int (*)(void *self, const struct volt_layer *below));
AT(volt_filter, access, 16, uint64_t (*)(void *self, const struct volt_layer *below, const struct volt_access *a));
TEXT(VOLT_EXT_FILTER, "volt.filter/1");

/* identity.h */

SIZE(volt_identity_pair, 16);
AT(volt_identity_pair, key, 0, const char *);
AT(volt_identity_pair, value, 8, const char *);
SIZE(volt_identity, 72);
AT(volt_identity, size, 0, uint32_t);
AT(volt_identity, reason, 4, uint32_t);
AT(volt_identity, generation, 8, uint8_t [16]);
AT(volt_identity, realtime_ns, 24, uint64_t);
AT(volt_identity, tsc, 32, uint64_t);
AT(volt_identity, tsc_hz, 40, uint64_t);
AT(volt_identity, pair_stride, 48, uint32_t);
AT(volt_identity, pair_count, 52, uint32_t);
AT(volt_identity, pairs, 56, const struct volt_identity_pair *);
AT(volt_identity, name, 64, const char *);
SIZE(volt_identified, 16);
AT(volt_identified, size, 0, uint32_t);
AT(volt_identified, reserved, 4, uint32_t);
AT(volt_identified, identify, 8, void (*)(void *self, const struct volt_identity *identity));
TEXT(VOLT_EXT_IDENTITY, "volt.identity/1");
VALUE(VOLT_IDENTITY_BOOTED, 0x1);
VALUE(VOLT_IDENTITY_RESTORED, 0x2);
VALUE(VOLT_IDENTITY_PAIRS, 0x20);
VALUE(VOLT_IDENTITY_BYTES, 0xc00);

/* irqchip.h */

SIZE(volt_irqchip_info, 24);
AT(volt_irqchip_info, size, 0, uint32_t);
AT(volt_irqchip_info, pins, 4, uint32_t);
AT(volt_irqchip_info, gsi_base, 8, uint32_t);
AT(volt_irqchip_info, id, 12, uint32_t);
AT(volt_irqchip_info, base, 16, uint64_t);
SIZE(volt_irqchip, 32);
AT(volt_irqchip, size, 0, uint32_t);
AT(volt_irqchip, reserved, 4, uint32_t);
AT(volt_irqchip, info, 8, void (*)(void *self, struct volt_irqchip_info *info));
AT(volt_irqchip, set_line, 16, void (*)(void *self, uint32_t pin, bool level));
AT(volt_irqchip, eoi, 24, void (*)(void *self, uint8_t vector));
SIZE(volt_irqroute, 24);
AT(volt_irqroute, size, 0, uint32_t);
AT(volt_irqroute, reserved, 4, uint32_t);
AT(volt_irqroute, route, 8, void (*)(const struct volt_host *h, uint32_t pin, uint64_t address, uint32_t data));
AT(volt_irqroute, fire, 16, void (*)(const struct volt_host *h, uint32_t pin));
TEXT(VOLT_EXT_IRQCHIP, "volt.irqchip/1");
TEXT(VOLT_EXT_IRQROUTE, "volt.irqroute/1");

/* loop.h */

SIZE(volt_loop, 40);
AT(volt_loop, size, 0, uint32_t);
AT(volt_loop, reserved, 4, uint32_t);
AT(volt_loop, add_timer, 8, int (*)(const struct volt_host *h, void (*fire)(void *self), uint32_t *timer));
AT(volt_loop, arm, 16, void (*)(const struct volt_host *h, uint32_t timer, uint64_t deadline_ns));
AT(volt_loop, now, 24, uint64_t (*)(const struct volt_host *h));
AT(volt_loop, realtime, 32, uint64_t (*)(const struct volt_host *h));
TEXT(VOLT_EXT_LOOP, "volt.loop/1");

/* manage.h */

SIZE(volt_target, 32);
AT(volt_target, size, 0, uint32_t);
AT(volt_target, reserved, 4, uint32_t);
AT(volt_target, id, 8, const char *);
AT(volt_target, plugin, 16, const char *);
AT(volt_target, commands, 24, const struct volt_commands *);
SIZE(volt_call_arg, 16);
AT(volt_call_arg, name, 0, const char *);
AT(volt_call_arg, value, 8, const char *);
SIZE(volt_manage_ops, 56);
AT(volt_manage_ops, size, 0, uint32_t);
AT(volt_manage_ops, reserved, 4, uint32_t);
AT(volt_manage_ops, number, 8, void (*)(void *self, uint64_t ticket, const struct volt_result *result, uint64_t value));
AT(volt_manage_ops, text, 16, void (*)(void *self, uint64_t ticket, const struct volt_result *result, const char *value));
AT(volt_manage_ops, next_row, 24, void (*)(void *self, uint64_t ticket));
AT(volt_manage_ops, done, 32, void (*)(void *self, uint64_t ticket, int32_t err, const char *why));
AT(volt_manage_ops, event, 40, void (*)(void *self, const char *source, const char *name, const char *text));
AT(volt_manage_ops, bytes, 48, int (*)(void *self, uint64_t ticket, const uint8_t *bytes, size_t n));
SIZE(volt_manage, 32);
AT(volt_manage, size, 0, uint32_t);
AT(volt_manage, reserved, 4, uint32_t);
AT(volt_manage, attach, 8, int (*)(const struct volt_host *h, const struct volt_manage_ops *ops));
AT(volt_manage, target, 16, const struct volt_target *(*)(const struct volt_host *h, uint32_t number));
AT(volt_manage, call, 24, void (*)(const struct volt_host *h, uint64_t ticket, const char *target, const char *command, const struct volt_call_arg *args, uint32_t arg_count));
TEXT(VOLT_EXT_MANAGE, "volt.manage/1");

/* memory.h */

SIZE(volt_mem_region, 32);
AT(volt_mem_region, gpa, 0, uint64_t);
AT(volt_mem_region, len, 8, uint64_t);
AT(volt_mem_region, offset, 16, uint64_t);
AT(volt_mem_region, fd, 24, int32_t);
AT(volt_mem_region, reserved, 28, uint32_t);
SIZE(volt_mem, 48);
AT(volt_mem, size, 0, uint32_t);
AT(volt_mem, reserved, 4, uint32_t);
AT(volt_mem, read, 8, int (*)(const struct volt_host *h, uint64_t gpa, void *dst, size_t n));
AT(volt_mem, write, 16, int (*)(const struct volt_host *h, uint64_t gpa, const void *src, size_t n));
AT(volt_mem, map, 24, void *(*)(const struct volt_host *h, uint64_t gpa, size_t n, bool writable));
AT(volt_mem, dirty, 32, void (*)(const struct volt_host *h, uint64_t gpa, size_t n));
AT(volt_mem, regions, 40, int (*)(const struct volt_host *h, struct volt_mem_region *r, uint32_t count));
TEXT(VOLT_EXT_MEM, "volt.mem/1");

/* metrics.h */

SIZE(volt_metric, 48);
AT(volt_metric, size, 0, uint32_t);
AT(volt_metric, kind, 4, uint32_t);
AT(volt_metric, name, 8, const char *);
AT(volt_metric, help, 16, const char *);
AT(volt_metric, labels, 24, const char *);
AT(volt_metric, value, 32, uint64_t);
AT(volt_metric, scale, 40, uint64_t);
SIZE(volt_metrics, 24);
AT(volt_metrics, size, 0, uint32_t);
AT(volt_metrics, reserved, 4, uint32_t);
AT(volt_metrics, measure, 8, int (*)(const struct volt_host *h));
AT(volt_metrics, each, 16, void (*)(const struct volt_host *h, void *arg, void (*visit)(void *arg, const struct volt_metric *metric)));
TEXT(VOLT_EXT_METRICS, "volt.metrics/1");
VALUE(VOLT_METRIC_COUNTER, 0x1);
VALUE(VOLT_METRIC_GAUGE, 0x2);
VALUE(VOLT_METRIC_NAME_MAX, 0x9f);

/* plugin.h */

SIZE(volt_param, 56);
AT(volt_param, name, 0, const char *);
AT(volt_param, def, 8, const char *);
AT(volt_param, help, 16, const char *);
AT(volt_param, choices, 24, const char *);
AT(volt_param, min, 32, uint64_t);
AT(volt_param, max, 40, uint64_t);
AT(volt_param, type, 48, uint32_t);
AT(volt_param, flags, 52, uint32_t);
SIZE(volt_value, 24);
AT(volt_value, u, 0, uint64_t);
AT(volt_value, s, 8, const char *);
AT(volt_value, fd, 16, int32_t);
AT(volt_value, given, 20, uint32_t);
SIZE(volt_args, 16);
AT(volt_args, size, 0, uint32_t);
AT(volt_args, value_stride, 4, uint16_t);
AT(volt_args, value_count, 6, uint16_t);
AT(volt_args, values, 8, const struct volt_value *);
SIZE(volt_range, 48);
AT(volt_range, size, 0, uint32_t);
AT(volt_range, space, 4, uint8_t);
AT(volt_range, sizes, 5, uint8_t);
AT(volt_range, flags, 6, uint8_t);
AT(volt_range, reserved, 7, uint8_t);
AT(volt_range, base, 8, uint64_t);
AT(volt_range, len, 16, uint64_t);
AT(volt_range, name, 24, const char *);
AT(volt_range, read, 32, uint64_t (*)(void *self, uint64_t off, uint32_t n));
AT(volt_range, write, 40, void (*)(void *self, uint64_t off, uint32_t n, uint64_t val));
SIZE(volt_arg_test, 24);
AT(volt_arg_test, arg, 0, uint8_t);
AT(volt_arg_test, op, 1, uint8_t);
AT(volt_arg_test, reserved, 2, uint16_t);
AT(volt_arg_test, reserved2, 4, uint32_t);
AT(volt_arg_test, value, 8, uint64_t);
AT(volt_arg_test, mask, 16, uint64_t);
SIZE(volt_need, 120);
AT(volt_need, syscall, 0, const char *);
AT(volt_need, reason, 8, const char *);
AT(volt_need, roles, 16, uint32_t);
AT(volt_need, test_count, 20, uint32_t);
AT(volt_need, tests, 24, struct volt_arg_test [VOLT_TEST_MAX]);
SIZE(volt_counter, 16);
AT(volt_counter, name, 0, const char *);
AT(volt_counter, help, 8, const char *);
SIZE(volt_plugin, 120);
AT(volt_plugin, size, 0, uint32_t);
AT(volt_plugin, abi_major, 4, uint16_t);
AT(volt_plugin, abi_minor, 6, uint16_t);
AT(volt_plugin, name, 8, const char *);
AT(volt_plugin, version, 16, const char *);
AT(volt_plugin, summary, 24, const char *);
AT(volt_plugin, kind, 32, uint32_t);
AT(volt_plugin, flags, 36, uint32_t);
AT(volt_plugin, instance_size, 40, uint32_t);
AT(volt_plugin, param_stride, 44, uint16_t);
AT(volt_plugin, param_count, 46, uint16_t);
AT(volt_plugin, need_stride, 48, uint16_t);
AT(volt_plugin, need_count, 50, uint16_t);
AT(volt_plugin, counter_stride, 52, uint16_t);
AT(volt_plugin, counter_count, 54, uint16_t);
AT(volt_plugin, params, 56, const struct volt_param *);
AT(volt_plugin, needs, 64, const struct volt_need *);
AT(volt_plugin, counters, 72, const struct volt_counter *);
AT(volt_plugin, init, 80, int (*)(void *self, const struct volt_host *h, const struct volt_args *a));
AT(volt_plugin, reset, 88, void (*)(void *self));
AT(volt_plugin, start, 96, int (*)(void *self));
AT(volt_plugin, fini, 104, void (*)(void *self));
AT(volt_plugin, get_ext, 112, const void *(*)(const char *id));
SIZE(volt_peer, 24);
AT(volt_peer, size, 0, uint32_t);
AT(volt_peer, reserved, 4, uint32_t);
AT(volt_peer, table, 8, const void *);
AT(volt_peer, self, 16, void *);
SIZE(volt_host, 128);
AT(volt_host, size, 0, uint32_t);
AT(volt_host, abi_major, 4, uint16_t);
AT(volt_host, abi_minor, 6, uint16_t);
AT(volt_host, log_level, 8, uint32_t);
AT(volt_host, reserved, 12, uint32_t);
AT(volt_host, core, 16, void *);
AT(volt_host, counters, 24, uint64_t *);
AT(volt_host, log, 32, void (*)(const struct volt_host *h, uint32_t level, const char *msg));
AT(volt_host, fail, 40, int (*)(const struct volt_host *h, int32_t err, const char *msg));
AT(volt_host, add_range, 48, int (*)(const struct volt_host *h, const struct volt_range *r));
AT(volt_host, add_irq, 56, int (*)(const struct volt_host *h, uint32_t gsi, uint32_t flags, uint32_t *line));
AT(volt_host, set_irq, 64, void (*)(const struct volt_host *h, uint32_t line, bool level));
AT(volt_host, request, 72, void (*)(const struct volt_host *h, uint32_t what, uint32_t code, const char *why));
AT(volt_host, get_ext, 80, const void *(*)(const struct volt_host *h, const char *id));
AT(volt_host, place, 88, int (*)(const struct volt_host *h, const struct volt_range *r, uint64_t *base));
AT(volt_host, irq_number, 96, uint32_t (*)(const struct volt_host *h, uint32_t line));
AT(volt_host, pulse, 104, void (*)(const struct volt_host *h, uint32_t line));
AT(volt_host, find, 112, int (*)(const struct volt_host *h, const char *id, struct volt_peer *peer));
AT(volt_host, call, 120, void (*)(const struct volt_host *h, const struct volt_host *device, void (*f)(void *self, void *arg), void *arg));
SIZE(volt_note, 32);
AT(volt_note, name_size, 0, uint32_t);
AT(volt_note, desc_size, 4, uint32_t);
AT(volt_note, type, 8, uint32_t);
AT(volt_note, name, 12, char [8]);
AT(volt_note, abi_major, 20, uint16_t);
AT(volt_note, abi_minor, 22, uint16_t);
AT(volt_note, kind, 24, uint32_t);
AT(volt_note, descriptor_size, 28, uint32_t);
VALUE(VOLT_ABI_MAJOR, 0);
VALUE(VOLT_ABI_MINOR, 0x3);
VALUE(VOLT_PARAM_BOOL, 0x1);
VALUE(VOLT_PARAM_UINT, 0x2);
VALUE(VOLT_PARAM_SIZE, 0x3);
VALUE(VOLT_PARAM_ENUM, 0x4);
VALUE(VOLT_PARAM_STRING, 0x5);
VALUE(VOLT_PARAM_FILE_RO, 0x6);
VALUE(VOLT_PARAM_FILE_RW, 0x7);
VALUE(VOLT_PARAM_STREAM, 0x8);
VALUE(VOLT_PARAM_DISK, 0x9);
VALUE(VOLT_PARAM_TAP, 0xa);
VALUE(VOLT_PARAM_SOCKET, 0xb);
VALUE(VOLT_PARAM_PEERS, 0xc);
VALUE(VOLT_DISK_READ_ONLY, 0x1);
VALUE(VOLT_PARAM_HOST_SIDE, 0x100);
VALUE(VOLT_SPACE_PIO, 0);
VALUE(VOLT_SPACE_MMIO, 0x1);
VALUE(VOLT_ANY, 0xffffffff);
VALUE(VOLT_IO_1, 0x1);
VALUE(VOLT_IO_2, 0x2);
VALUE(VOLT_IO_4, 0x4);
VALUE(VOLT_IO_8, 0x8);
VALUE(VOLT_RANGE_SPLIT, 0x1);
VALUE(VOLT_RANGE_PARALLEL, 0x2);
VALUE(VOLT_ROLE_LOOP, 0);
VALUE(VOLT_ROLE_VCPU, 0x1);
VALUE(VOLT_ROLE_WORKER, 0x2);
VALUE(VOLT_ROLE_COUNT, 0x3);
VALUE(VOLT_TEST_MAX, 0x4);
VALUE(VOLT_TEST_EQ, 0x1);
VALUE(VOLT_TEST_MASKED_EQ, 0x2);
VALUE(VOLT_TEST_FD_PARAM, 0x4);
VALUE(VOLT_KIND_DEVICE, 0x1);
VALUE(VOLT_KIND_SANDBOX, 0x2);
VALUE(VOLT_KIND_FILTER, 0x3);
VALUE(VOLT_FLAG_IN_PROCESS_ONLY, 0x1);
VALUE(VOLT_FLAG_GUEST_MEMORY, 0x2);
VALUE(VOLT_FLAG_WALL_CLOCK, 0x4);
VALUE(VOLT_FLAG_BUS, 0x8);
VALUE(VOLT_FLAG_SHARED_MEMORY, 0x10);
VALUE(VOLT_LOG_ERROR, 0);
VALUE(VOLT_LOG_WARN, 0x1);
VALUE(VOLT_LOG_INFO, 0x2);
VALUE(VOLT_LOG_DEBUG, 0x3);
VALUE(VOLT_LOG_TRACE, 0x4);
VALUE(VOLT_IRQ_EDGE, 0);
VALUE(VOLT_IRQ_LEVEL, 0x1);
VALUE(VOLT_REQUEST_RESET, 0x1);
VALUE(VOLT_REQUEST_POWEROFF, 0x2);
VALUE(VOLT_REQUEST_EXIT, 0x3);
VALUE(VOLT_REQUEST_PANIC, 0x4);
VALUE(VOLT_REQUEST_ATTENTION, 0x5);
TEXT(VOLT_NOTE_NAME, "Volt");
VALUE(VOLT_NOTE_TYPE, 0x1);

/* recording.h */

SIZE(volt_recording_head, 64);
AT(volt_recording_head, magic, 0, char [8]);
AT(volt_recording_head, entry_size, 8, uint32_t);
AT(volt_recording_head, reserved, 12, uint32_t);
AT(volt_recording_head, device, 16, char [48]);
SIZE(volt_recording_entry, 32);
AT(volt_recording_entry, ns, 0, uint64_t);
AT(volt_recording_entry, value, 8, uint64_t);
AT(volt_recording_entry, base, 16, uint64_t);
AT(volt_recording_entry, offset, 24, uint32_t);
AT(volt_recording_entry, vcpu, 28, uint16_t);
AT(volt_recording_entry, n, 30, uint8_t);
AT(volt_recording_entry, kind, 31, uint8_t);
TEXT(VOLT_RECORDING_MAGIC, "VOLTREC1");
VALUE(VOLT_RECORDING_WRITE, 0x1);
VALUE(VOLT_RECORDING_MMIO, 0x2);

/* sandbox.h */

SIZE(volt_rule, 128);
AT(volt_rule, syscall, 0, const char *);
AT(volt_rule, asked_by, 8, const char *);
AT(volt_rule, reason, 16, const char *);
AT(volt_rule, test_count, 24, uint32_t);
AT(volt_rule, reserved, 28, uint32_t);
AT(volt_rule, tests, 32, struct volt_arg_test [VOLT_TEST_MAX]);
SIZE(volt_thread, 32);
AT(volt_thread, role, 0, uint32_t);
AT(volt_thread, index, 4, uint32_t);
AT(volt_thread, name, 8, const char *);
AT(volt_thread, rules, 16, const struct volt_rule *);
AT(volt_thread, rule_stride, 24, uint16_t);
AT(volt_thread, reserved, 26, uint16_t);
AT(volt_thread, rule_count, 28, uint32_t);
SIZE(volt_policy, 32);
AT(volt_policy, size, 0, uint32_t);
AT(volt_policy, flags, 4, uint32_t);
AT(volt_policy, thread_stride, 8, uint16_t);
AT(volt_policy, reserved, 10, uint16_t);
AT(volt_policy, thread_count, 12, uint32_t);
AT(volt_policy, threads, 16, const struct volt_thread *);
AT(volt_policy, max_fd, 24, uint32_t);
AT(volt_policy, reserved2, 28, uint32_t);
SIZE(volt_sandbox_report, 80);
AT(volt_sandbox_report, size, 0, uint32_t);
AT(volt_sandbox_report, syscalls, 4, uint32_t);
AT(volt_sandbox_report, instructions, 8, uint32_t);
AT(volt_sandbox_report, landlock_abi, 12, uint32_t);
AT(volt_sandbox_report, capabilities, 16, char [64]);
SIZE(volt_sandbox, 56);
AT(volt_sandbox, size, 0, uint32_t);
AT(volt_sandbox, reserved, 4, uint32_t);
AT(volt_sandbox, enter_early, 8, int (*)(void *self, uint32_t flags));
AT(volt_sandbox, prepare, 16, int (*)(void *self, const struct volt_policy *policy));
AT(volt_sandbox, enter_process, 24, int (*)(void *self));
AT(volt_sandbox, enter_thread, 32, int (*)(void *self, uint32_t thread));
AT(volt_sandbox, report, 40, void (*)(void *self, struct volt_sandbox_report *report));
AT(volt_sandbox, call_name, 48, const char *(*)(void *self, int number));
TEXT(VOLT_EXT_SANDBOX, "volt.sandbox/1");
VALUE(VOLT_POLICY_NO_SECCOMP, 0x1);
VALUE(VOLT_POLICY_NO_LANDLOCK, 0x2);
VALUE(VOLT_POLICY_LOG, 0x4);
VALUE(VOLT_POLICY_RINGS, 0x8);

/* state.h */

SIZE(volt_field, 40);
AT(volt_field, name, 0, const char *);
AT(volt_field, offset, 8, uint32_t);
AT(volt_field, stride, 12, uint32_t);
AT(volt_field, count, 16, uint32_t);
AT(volt_field, type, 20, uint16_t);
AT(volt_field, since, 22, uint16_t);
AT(volt_field, min, 24, uint64_t);
AT(volt_field, max, 32, uint64_t);
SIZE(volt_state, 56);
AT(volt_state, size, 0, uint32_t);
AT(volt_state, version, 4, uint16_t);
AT(volt_state, oldest, 6, uint16_t);
AT(volt_state, field_stride, 8, uint16_t);
AT(volt_state, field_count, 10, uint16_t);
AT(volt_state, reserved, 12, uint32_t);
AT(volt_state, fields, 16, const struct volt_field *);
AT(volt_state, pause, 24, void (*)(void *self));
AT(volt_state, resume, 32, void (*)(void *self));
AT(volt_state, validate, 40, int (*)(const void *candidate));
AT(volt_state, obstacle, 48, const char *(*)(const void *self));
TEXT(VOLT_EXT_STATE, "volt.state/1");
VALUE(VOLT_F_U8, 0x1);
VALUE(VOLT_F_U16, 0x2);
VALUE(VOLT_F_U32, 0x3);
VALUE(VOLT_F_U64, 0x4);
VALUE(VOLT_F_BOOL, 0x5);
VALUE(VOLT_FIELD_MAX, 0x100);

/* stream.h */

SIZE(volt_stream_ops, 24);
AT(volt_stream_ops, size, 0, uint32_t);
AT(volt_stream_ops, reserved, 4, uint32_t);
AT(volt_stream_ops, rx, 8, void (*)(void *self, uint32_t stream, const uint8_t *bytes, size_t n));
AT(volt_stream_ops, event, 16, void (*)(void *self, uint32_t stream, uint32_t event));
SIZE(volt_stream, 56);
AT(volt_stream, size, 0, uint32_t);
AT(volt_stream, reserved, 4, uint32_t);
AT(volt_stream, attach, 8, int (*)(const struct volt_host *h, uint32_t stream, const struct volt_stream_ops *ops));
AT(volt_stream, tx, 16, size_t (*)(const struct volt_host *h, uint32_t stream, const uint8_t *bytes, size_t n));
AT(volt_stream, set_room, 24, void (*)(const struct volt_host *h, uint32_t stream, size_t n));
AT(volt_stream, hang_up, 32, void (*)(const struct volt_host *h, uint32_t stream));
AT(volt_stream, serve, 40, int (*)(const struct volt_host *h, uint32_t stream, const struct volt_stream_ops *ops, uint32_t count, uint32_t *streams));
AT(volt_stream, window, 48, int (*)(const struct volt_host *h, uint32_t stream, uint16_t *columns, uint16_t *rows));
TEXT(VOLT_EXT_STREAM, "volt.stream/1");
VALUE(VOLT_STREAM_CONNECTED, 0x1);
VALUE(VOLT_STREAM_DISCONNECTED, 0x2);
VALUE(VOLT_STREAM_BREAK, 0x3);
VALUE(VOLT_STREAM_ROOM, 0x4);
VALUE(VOLT_STREAM_RESIZED, 0x5);

/* worker.h */

SIZE(volt_worker, 56);
AT(volt_worker, size, 0, uint32_t);
AT(volt_worker, reserved, 4, uint32_t);
AT(volt_worker, add, 8, int (*)(const struct volt_host *h, const char *name, void (*job)(void *self, uint32_t worker), uint32_t *worker));
AT(volt_worker, post, 16, void (*)(const struct volt_host *h, uint32_t worker));
AT(volt_worker, watch, 24, int (*)(const struct volt_host *h, uint32_t worker, int32_t fd, uint32_t events));
AT(volt_worker, run, 32, int (*)(const struct volt_host *h, uint32_t worker));
AT(volt_worker, add_event, 40, int (*)(const struct volt_host *h, uint32_t worker));
AT(volt_worker, event_fd, 48, int (*)(const struct volt_host *h, uint32_t worker));
TEXT(VOLT_EXT_WORKER, "volt.worker/1");
VALUE(VOLT_WATCH_READ, 0x1);
VALUE(VOLT_WATCH_WRITE, 0x2);
