/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * log_prefix - the time and the VM's name in front of each line of the log.
 */
#ifndef CORE_LOG_PREFIX_H
#define CORE_LOG_PREFIX_H

enum log_time { LOG_TIME_AUTO, LOG_TIME_ON, LOG_TIME_OFF };

/* From now on lines begin "TIME volt[NAME]: ", as far as there is a name and the time is wanted. */
void log_prefix_begin(const char *name, enum log_time times);

#endif
