/* busiest.h: of many instances, those with the most: what a chart of eight lines draws of three hundred interfaces.
 *
 * An instance is what stands behind the slash; of net.rx_bytes/eth0 and net.tx_bytes/eth0 the sum counts. Its weight is the
 * mean over a range, by raw points where they are held; what is unknown weighs nothing. Loop thread. */
#ifndef APP_BUSIEST_H
#define APP_BUSIEST_H

#include "store/store.h"

struct weighed {
	const struct store_entry *entry; /* borrowed of the list */
	double mean;                     /* of the series; NaN if it is unknown */
};
struct busiest {
	struct weighed *at; /* the heaviest instance first, of equals in the order of the list; its series in that order */
	size_t n;
	size_t instances;   /* that the list has */
};

/* The `top` heaviest of the list's instances. skip says which entries do not count; NULL: all do. */
void busiest_take(struct store *st, const struct store_list *list, const bool *skip, int64_t from_ms, int64_t to_ms, size_t top,
                  struct busiest *out);
void busiest_release(struct busiest *b);

#endif
