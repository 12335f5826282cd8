/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/fake_host.h - a Volt without KVM, for unit tests of one plugin.
 *
 * It gives the plugin the same tables as the real host, records every call, steps
 * time only when told, and checks what the contract promises in either direction.
 * Everything happens on the calling thread, the jobs of workers too. Link with libvolt-testing.
 *
 *   struct fake_host *f = fake_host_create(&volt_plugin_serial);
 *   assert_int_equal(fake_host_wire(f, "base=0x2f8"), 0);
 *   fake_host_run(f);
 *   fake_write(f, VOLT_SPACE_PIO, 0x2f8, 1, 'x');
 *   fake_host_destroy(f);
 */
#ifndef VOLT_FAKE_HOST_H
#define VOLT_FAKE_HOST_H

#include <volt/attention.h>
#include <volt/command.h>
#include <volt/describe.h>
#include <volt/draft/discard.h>
#include <volt/draft/doorbell.h>
#include <volt/draft/msi.h>
#include <volt/draft/page.h>
#include <volt/draft/peers.h>
#include <volt/draft/region.h>
#include <volt/draft/uring.h>
#include <volt/filter.h>
#include <volt/identity.h>
#include <volt/irqchip.h>
#include <volt/loop.h>
#include <volt/manage.h>
#include <volt/memory.h>
#include <volt/metrics.h>
#include <volt/plugin.h>
#include <volt/sandbox.h>
#include <volt/state.h>
#include <volt/stream.h>
#include <volt/worker.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fake_host;

/* Makes a host with one zeroed instance. Aborts on a malformed descriptor. */
struct fake_host *fake_host_create(const struct volt_plugin *plugin);
void fake_host_destroy(struct fake_host *f);

/* Parses `params` ("key=value,..." or NULL) and calls init. Returns what it returned,
 * or the parser's error; fake_host_message() then says why. */
int fake_host_wire(struct fake_host *f, const char *params);
/* Seals (wiring now fails), then calls reset and start. Returns what start returned. */
int fake_host_run(struct fake_host *f);
void fake_host_reset(struct fake_host *f);
void *fake_host_self(struct fake_host *f);
/* The values that init was given, one per parameter, with what was opened for them. */
const struct volt_value *fake_host_values(const struct fake_host *f);
const struct volt_host *fake_host_table(struct fake_host *f);

/* The n-th call (from 1) of a host function during init fails with `err` (positive
 * errno). n = 0: none. Counted over add_range, add_irq, add_timer, attach, device,
 * fixed, cmdline, measure, alloc, watch, make, and the add of workers and doorbells. */
void fake_host_fail_call(struct fake_host *f, unsigned n, int err);
unsigned fake_host_calls(const struct fake_host *f);
/* The function whose call was made to fail so, or NULL. */
const char *fake_host_failed_call(const struct fake_host *f);
/* The function of those that refused a call for its arguments last, or NULL. */
const char *fake_host_refused_call(const struct fake_host *f);
/* The first [wire] function that was called after the seal, or NULL. */
const char *fake_host_late_call(const struct fake_host *f);
/* The host knows no extension `id`, as an older one would not. NULL: it knows all. */
void fake_host_hide_ext(struct fake_host *f, const char *id);
/* The ids that the plugin asked for, by number from 0; NULL beyond the last. */
const char *fake_host_ext_asked(const struct fake_host *f, unsigned i);
/* The callback that runs now, e.g. "write", or NULL. */
const char *fake_host_inside(const struct fake_host *f);

/* Text given to fail(), or the parameter parser's reason; "" if none. */
const char *fake_host_message(const struct fake_host *f);
/* Newest text given to log() and how many there were. */
const char *fake_host_logged(const struct fake_host *f, unsigned *count);

/* Accesses as a guest makes them: clipped, split and missed as the contract says. */
uint64_t fake_read(struct fake_host *f, uint8_t space, uint64_t addr, uint32_t n);
void fake_write(struct fake_host *f, uint8_t space, uint64_t addr, uint32_t n, uint64_t val);
static inline uint8_t fake_in(struct fake_host *f, uint16_t port)
{
	return (uint8_t)fake_read(f, VOLT_SPACE_PIO, port, 1);
}
static inline void fake_out(struct fake_host *f, uint16_t port, uint8_t val)
{
	fake_write(f, VOLT_SPACE_PIO, port, 1, val);
}
unsigned fake_misses(const struct fake_host *f);
unsigned fake_range_count(const struct fake_host *f);
const struct volt_range *fake_range(const struct fake_host *f, unsigned i);

/* Interrupt lines, by GSI. */
bool fake_irq_level(const struct fake_host *f, uint32_t gsi);
unsigned fake_irq_rises(const struct fake_host *f, uint32_t gsi); /* low-to-high changes */
bool fake_irq_claimed(const struct fake_host *f, uint32_t gsi, uint32_t *flags);

/* How often VOLT_REQUEST_what was made; *code and *why of the newest. NULL: not wanted. */
unsigned fake_requested(const struct fake_host *f, uint32_t what, uint32_t *code, const char **why);

/* The test's end of the i-th parameter (from 0) of type TAP or SOCKET, or -1; each queue of a TAP
 * has one, and a SOCKET whose path somebody listens on is connected there instead, and does not
 * count. It does not block; a TAP's keeps packets apart, as SOCK_SEQPACKET. */
int fake_param_peer(const struct fake_host *f, unsigned i);

/* Streams, numbered from 0 in the order of their parameters. */
size_t fake_stream_feed(struct fake_host *f, uint32_t stream, const void *bytes, size_t n);
/* Delivers what was fed and had no room, as the real loop would; returns bytes left. */
size_t fake_stream_pump(struct fake_host *f, uint32_t stream);
unsigned fake_stream_count(const struct fake_host *f);
bool fake_stream_connected(const struct fake_host *f, uint32_t stream);
size_t fake_stream_room(const struct fake_host *f, uint32_t stream);
/* What tx took so far; NUL-terminated; *n its length if not NULL. Valid until next tx. */
const char *fake_stream_output(const struct fake_host *f, uint32_t stream, size_t *n);
/* Whether the plugin asked to hang up since the newest VOLT_STREAM_CONNECTED. The test then
 * plays the peer: it tells VOLT_STREAM_DISCONNECTED. */
bool fake_stream_dismissed(const struct fake_host *f, uint32_t stream);
/* Whether it asked twice, so that the peer goes without the rest. */
bool fake_stream_cut_off(const struct fake_host *f, uint32_t stream);
void fake_stream_clear(struct fake_host *f, uint32_t stream);
/* From now on tx takes at most n more bytes (SIZE_MAX: no limit, the default). */
void fake_stream_limit(struct fake_host *f, uint32_t stream, size_t n);
void fake_stream_event(struct fake_host *f, uint32_t stream, uint32_t event);
/* Its peer is a terminal of this size from now on; before that it is not one. */
void fake_stream_resize(struct fake_host *f, uint32_t stream, uint16_t columns, uint16_t rows);

/* The time of day at the start, for plugins with VOLT_FLAG_WALL_CLOCK: 2026-01-01 00:00 UTC, in
 * nanoseconds. It moves with the other clock, or is set, as an operator sets the host's. */
#define FAKE_REALTIME 1767225600000000000ull
void fake_set_realtime(struct fake_host *f, uint64_t ns);
/* Time starts at 1 s and moves only here; timers fire in order of their deadlines. */
uint64_t fake_now(const struct fake_host *f);
/* From now on time moves by `ns` whenever the plugin asks for it, too; no timer fires of it.
 * For a plugin that waits for time to pass. */
void fake_now_step(struct fake_host *f, uint64_t ns);
void fake_advance(struct fake_host *f, uint64_t ns);
unsigned fake_timer_count(const struct fake_host *f);
bool fake_timer_armed(const struct fake_host *f, uint32_t timer, uint64_t *deadline_ns);

/* Workers, numbered from 0 in the order of their add. A post is only noted; here the job
 * of every worker that was posted since its last run runs once, on the calling thread, in
 * that order. Returns how many ran; what they posted waits for the next call. */
unsigned fake_run_workers(struct fake_host *f);
/* A file that worker watches became ready: its job is asked for, as by a post. False: the
 * worker does not watch it. */
bool fake_file_ready(struct fake_host *f, uint32_t worker, int fd);
/* Another process wrote to the worker's event. False: it has none. */
bool fake_worker_event(struct fake_host *f, uint32_t worker);
/* From now on a job that run() waits for is done by `runner`, which has fake_worker_job() called on
 * whatever thread, and returns after it. */
void fake_worker_runner(struct fake_host *f, void (*runner)(void *arg, uint32_t worker), void *arg);
void fake_worker_job(struct fake_host *f, uint32_t worker);
/* How often the job ran, for whatever reason. */
unsigned fake_worker_runs(const struct fake_host *f, uint32_t worker);
unsigned fake_worker_count(const struct fake_host *f);
const char *fake_worker_name(const struct fake_host *f, uint32_t worker);
unsigned fake_worker_posts(const struct fake_host *f, uint32_t worker); /* in all */

/* volt.discard/1. Bytes that went back so far; they are zeros. From now on nothing goes back, as
 * where the host cannot. */
uint64_t fake_discarded(const struct fake_host *f);
void fake_discard_keeps(struct fake_host *f, bool keeps);

/* volt.uring/1: requests are done by preadv() and pwritev() at once, and come back with the newest
 * first. From now on each ends with `result`, a negative errno, and nothing is done; 0: as before.
 */
void fake_uring_answers(struct fake_host *f, int32_t result);
/* From now on rings take nothing, as if the kernel had no memory. */
void fake_uring_is_full(struct fake_host *f, bool full);
unsigned fake_uring_calls(const struct fake_host *f); /* of submit, in all */

/* volt.peers/1. A client connects; returns the test's end, which does not block and is the
 * test's to close. */
int fake_peer_comes(struct fake_host *f);
/* Takes the next connect() that the plugin called; false if there was none. */
bool fake_peer_asked(struct fake_host *f, uint32_t *number, uint64_t *ticket);
/* How it went: `err`, a positive errno, or 0; then the test's end is returned, else -1. */
int fake_peer_answer(struct fake_host *f, uint64_t ticket, int err);
/* From now on connect() answers -EPIPE. */
void fake_broker_ends(struct fake_host *f);
unsigned fake_peer_count(struct fake_host *f); /* that are open */
/* True: there is news that next() has not told, and its worker is asked to run. A peer is
 * ready again only after a read, or write, that answered -EAGAIN: stricter than the host. */
bool fake_peers_look(struct fake_host *f);

/* What find() answers for `id` from now on, for a plugin that looks for a bus: the test plays
 * the bus. Strings and table are not copied. */
void fake_offer(struct fake_host *f, const char *id, const void *table, void *self);
/* A PCI bus, which the plugin finds as volt.pci/1: the plugin `pci`, under a host of its own.
 * Before wiring. A device that is wired with `transport=pci` gets it by itself. Accesses outside of
 * the plugin's ranges are then the bus's. */
void fake_pci_offer(struct fake_host *f);
/* Has the plugin a function with MSI-X on it? */
bool fake_pci_is_there(const struct fake_host *f);
/* Configuration space of the plugin's function, by the ports; n is 1, 2 or 4. */
uint32_t fake_pci_read(struct fake_host *f, uint32_t off, uint32_t n);
void fake_pci_write(struct fake_host *f, uint32_t off, uint32_t n, uint32_t val);
/* Where its index-th capability (from 0) with that id is, or 0. */
uint32_t fake_pci_find(struct fake_host *f, uint8_t id, unsigned index);
/* Memory, bus master and MSI-X on. */
void fake_pci_enable(struct fake_host *f);
/* For irqchip plugins: lines as other devices drive them, EOIs as vCPUs do. */
void fake_set_line(struct fake_host *f, uint32_t pin, bool level);
void fake_eoi(struct fake_host *f, uint8_t vector);
unsigned fake_pin_count(const struct fake_host *f); /* 0: it is no irqchip */
unsigned fake_fires(const struct fake_host *f, uint32_t pin);
bool fake_route(const struct fake_host *f, uint32_t pin, uint64_t *address, uint32_t *data);

/* What was described. */
unsigned fake_device_count(const struct fake_host *f);
const struct volt_acpi_device *fake_device(const struct fake_host *f, unsigned i);
const struct volt_acpi_fixed *fake_fixed(const struct fake_host *f, uint8_t kind); /* or NULL */
const char *fake_cmdline(const struct fake_host *f); /* words joined by blanks */

/* volt.mem/1. Adds RAM, whole zeroed pages, at most four times; the bytes are the test's to
 * look at and change. A callback that changes some through map() must say dirty(). */
uint8_t *fake_memory_add(struct fake_host *f, uint64_t gpa, size_t size);
/* From now on another CPU of the guest writes while the plugin looks: after a read() a part
 * of what was read may hold something else, by `seed`. What is read twice is two things. */
void fake_memory_races(struct fake_host *f, uint64_t seed);
uint64_t fake_memory_dirtied(const struct fake_host *f); /* bytes written or said dirty */

/* volt.doorbell/1. Calls `rung` of every doorbell that a write has rung; returns how many. */
unsigned fake_ring(struct fake_host *f);
/* The doorbells in the order of their add; NULL beyond the last. */
const struct volt_doorbell_at *fake_doorbell_at(const struct fake_host *f, unsigned i);
/* The eventfd of the i-th, with VOLT_DOORBELL_EVENT, or -1. */
int fake_doorbell_event(const struct fake_host *f, unsigned i);
/* How often the line's irq_fd was written since the last look. */
uint64_t fake_irq_fd_count(struct fake_host *f, uint32_t gsi);
/* What irq_fd() gives for the line, or -1. */
int fake_irq_fd(const struct fake_host *f, uint32_t gsi);
/* From now on irq_fd() answers -EOPNOTSUPP, as with an irqchip plugin. */
void fake_irq_fds_refused(struct fake_host *f);

/* volt.msi/1. How many messages were sent; the newest one's parts. NULL: not wanted. */
unsigned fake_messages(const struct fake_host *f, uint64_t *address, uint32_t *data);
/* Whether a fire of the plugin's n-th vector (from 0) waits for an address. */
bool fake_message_pending(const struct fake_host *f, unsigned n);

/* volt.identity/1. What an operator would say of the VM; not copied. Before fake_host_run(). */
void fake_identity_pairs(
    struct fake_host *f, const struct volt_identity_pair *pairs, uint32_t count);
/* The VM's name; not copied. At the start it has none. */
void fake_identity_name(struct fake_host *f, const char *name);
/* The guest's time-stamp counter in the identities that come; at the start it is not told. */
void fake_identity_tsc(struct fake_host *f, uint64_t tsc, uint64_t hz);
/* How many identities the plugin was told: one by fake_host_run(), one by each
 * fake_state_load() that succeeds. The first byte of the generation is this number. */
unsigned fake_identities(const struct fake_host *f);

/* volt.page/1. The byte of a page at that guest physical address, or NULL. */
const uint8_t *fake_page_at(const struct fake_host *f, uint64_t gpa);
/* volt.region/1. Where the byte of a region at that guest physical address lies, or NULL; the file
 * is mapped there as the guest has it. *left gets the bytes from there to the region's end, unless
 * `left` is NULL. */
uint8_t *fake_region_at(const struct fake_host *f, uint64_t gpa, uint64_t *left);

/* volt.state/1. Saves a running instance: jobs that wait and their results, then pause, fields,
 * resume, which must leave it as it was. Valid until the next save or the end. NULL: it tells of
 * an obstacle; fake_host_message() says which. */
const uint8_t *fake_state_save(struct fake_host *f, size_t *n);
/* Puts a saved state into a running instance, gives it a new identity and resumes it; refused, it
 * must be as it was. 0 or -errno; fake_host_message() then says why. */
int fake_state_load(struct fake_host *f, const uint8_t *bytes, size_t n);
/* Rounds of this: random accesses, time and input; save; restore into a second host; the
 * same again on both, which must look the same to a guest; then corrupted states, which must
 * be refused cleanly or lived with. Aborts, saying the seed, if one is not so. Returns how
 * many corrupted states were taken. */
unsigned fake_state_fuzz(
    const struct volt_plugin *plugin, const char *params, uint64_t seed, unsigned rounds);
/* For filters: puts it on a range of a device that the test plays, whose handlers get
 * `device`; between wiring and the seal. Returns the layer, valid until the host is
 * destroyed, or NULL when attach refused. Then accesses as a guest makes them. */
const struct volt_layer *fake_filter_put(
    struct fake_host *f, const struct volt_range *range, void *device);
uint64_t fake_filter_read(
    struct fake_host *f, const struct volt_layer *layer, uint32_t vcpu, uint64_t off, uint32_t n);
void fake_filter_write(struct fake_host *f, const struct volt_layer *layer, uint32_t vcpu,
    uint64_t off, uint32_t n, uint64_t val);
/* The layers in the order in which they were put; NULL beyond the last. */
unsigned fake_layer_count(const struct fake_host *f);
const struct volt_layer *fake_layer(const struct fake_host *f, unsigned i);
/* What the filter passed on and did not fit its range, the first such access; or NULL. The
 * device did not see it. */
const char *fake_filter_misfit(const struct fake_host *f);

/* What volt.metrics/1 shows; not copied. And whether the plugin called measure(). */
void fake_show_metrics(struct fake_host *f, const struct volt_metric *metrics, unsigned count);
bool fake_measured(const struct fake_host *f);

/* volt.command/1. Runs a command of the running plugin, with arguments as text. Returns what its
 * run() returned, or -EINVAL for arguments that do not fit; fake_host_message() then says why. The
 * results are lines "name=value", and an empty line where a row ends; valid until the next. */
int fake_command(
    struct fake_host *f, const char *command, const struct volt_call_arg *args, uint32_t count);
const char *fake_command_results(const struct fake_host *f);

/* volt.event/1. How many events were reported; the newest one's parts. NULL: not wanted. */
unsigned fake_events(const struct fake_host *f, const char **name, const char **text);

/* volt.manage/1. Adds an instance that the test plays: run() of its table gets `self`, and may
 * return FAKE_LATER, so that the call ends by fake_manage_finish(). */
#define FAKE_LATER (-100000)
void fake_manage_add(struct fake_host *f, const char *id, const char *plugin,
    const struct volt_commands *commands, void *self);
void fake_manage_finish(struct fake_host *f, int err, const char *why);
/* Sends bytes of the call that is unanswered: what bytes() returns. */
int fake_manage_bytes(struct fake_host *f, const void *bytes, size_t n);
void fake_manage_event(struct fake_host *f, const char *source, const char *name, const char *text);

/* The operator wants the guest's attention. Aborts if volt.attention/1 is not offered. */
void fake_attention(struct fake_host *f);
uint64_t fake_counter(const struct fake_host *f, const char *name); /* aborts on unknown */

#ifdef __cplusplus
}
#endif

#endif
