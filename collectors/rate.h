/* rate.h: from the kernel's counters to rates.
 *
 * A counter that restarted, or jumped further than can be, gives NaN, a gap,
 * and never a spike. Pure but for the roster; one thread at a time. */
#ifndef COLLECTORS_RATE_H
#define COLLECTORS_RATE_H

#include "collect/collector.h"
#include "collectors/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much a counter grew. Counters of 32 bits are recognised when they wrap:
 * just below 2^32 before, just above 0 now. NaN: it restarted, or it grew by
 * more than most. */
double counter_delta(uint64_t before, uint64_t now, double most);

/* The time between two reads of a collector. */
struct span {
	int64_t base_ns;
	double s;              /* seconds from the read before to this one */
	bool begun;
};
bool span_next(struct span *span, const struct collect_time *now); /* false: there is nothing to compare with yet */

/* Things of one kind that come and go: disks, interfaces, cores. Each item is a
 * struct that starts with a struct roster_item, and stays at its address until
 * it goes. They are usually met in the same order, so finding one is a step. */
struct roster_item {
	char *name;            /* owned by the roster */
	uint32_t round;
	bool fresh;            /* met for the first time in this round: it has no base yet */
};
struct roster {
	struct roster_item **items;
	size_t n, cap, hint;
	uint32_t round;
	size_t item_bytes;     /* set before the first round */
	size_t most;           /* items beyond are not taken: roster_meet gives NULL */
};
void roster_begin(struct roster *r);
void *roster_meet(struct roster *r, const struct text *name); /* finds or adds (zeroed but for its head) */
void roster_end(struct roster *r);                            /* those not met since begin go */
void roster_release(struct roster *r);

#endif
