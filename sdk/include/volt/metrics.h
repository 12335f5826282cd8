/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/metrics.h - every counter of the VM, from the host: extension "volt.metrics/1".
 *
 * Stability: candidate. This is for plugins that export what is counted. What a plugin counts
 * itself is the table of counters in its descriptor and volt_count(); it needs nothing here.
 *
 * Names and help texts are those of the Prometheus exposition format, version 0.0.4. Counter c
 * of plugin p is volt_plugin_p_c_total, each dash of p two underscores, with the label id of
 * the instance; no other name starts with volt_plugin_.
 */
#ifndef VOLT_METRICS_H
#define VOLT_METRICS_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_METRICS "volt.metrics/1"

#define VOLT_METRIC_COUNTER 1u /* never falls while the VM runs */
#define VOLT_METRIC_GAUGE   2u /* rises and falls */

#define VOLT_METRIC_NAME_MAX 159u /* bytes of a name, at most */

/* One value. The strings are valid during the visit only. */
struct volt_metric {
	uint32_t size;
	uint32_t kind;      /* VOLT_METRIC_* */
	const char *name;   /* [a-z][a-z0-9_]*, starts with volt_; ends in _total for a counter */
	const char *help;   /* one line */
	const char *labels; /* name="value",... ; "" if none; values are escaped already */
	uint64_t value;     /* in units of 1 / scale */
	uint64_t scale;     /* 1; 1000000000 for what is named _seconds and counted in ns */
};

/* What the host gives. */
struct volt_metrics {
	uint32_t size, reserved;
	/* [wire] Has the accesses of every range and the time spent in its handlers counted
	 * too, which costs two readings of the clock for each access. 0; -EPERM after the seal. */
	int (*measure)(const struct volt_host *h);
	/* [loop] Visits every value; all of one name follow each other. Values may come from
	 * slightly different moments. */
	void (*each)(const struct volt_host *h, void *arg,
	    void (*visit)(void *arg, const struct volt_metric *metric));
};

#ifdef __cplusplus
}
#endif

#endif
