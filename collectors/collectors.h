/* collectors.h: the table. A collector is one file beside this one and one row here. */
#ifndef COLLECTORS_COLLECTORS_H
#define COLLECTORS_COLLECTORS_H

#include "collect/collector.h"

#define COLLECTORS(ROW) \
	ROW(cpu)        \
	ROW(memory)     \
	ROW(load)       \
	ROW(pressure)   \
	ROW(disk)       \
	ROW(faults)     \
	ROW(filesystem) \
	ROW(network)    \
	ROW(links)      \
	ROW(sockets)    \
	ROW(process)    \
	ROW(sensors)    \
	ROW(host)       \
	ROW(clock)      \
	ROW(units)      \
	ROW(self)

#define ROW_DECLARE(name) extern const struct collector collector_##name;
COLLECTORS(ROW_DECLARE)
#undef ROW_DECLARE

extern const struct collector *const collectors[];
extern const size_t collectors_len;

/* What self reports and only the talking half knows: set by app/, read by collectors/self.c. Relaxed atomics: each
 * is one number, and nothing is concluded from two of them together. */
#include <stdatomic.h>
struct self_counters {
	_Atomic uint64_t clients, sessions, bytes_out, bytes_in, messages_out, messages_in, dropped, queue_bytes, requests, errors, db_bytes;
};
extern struct self_counters self_counters;

#endif
