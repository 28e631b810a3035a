/* journal.h: what happened to the monitor itself, for annotations on charts: the last few, in memory. */
#ifndef APP_JOURNAL_H
#define APP_JOURNAL_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define JOURNAL_EVENTS 200

struct journal_event {
	int64_t t_ms;
	const char *kind;              /* "start", "reload", "collector", "host"; static */
	char text[200];
};
struct journal {
	struct journal_event at[JOURNAL_EVENTS]; /* a ring */
	size_t first, n;
};

const struct journal_event *journal_add(struct journal *j, const char *kind, const char *text);
void journal_event_json(const struct journal_event *e, struct buf *out); /* {timestamp, kind, text} */
void journal_json(const struct journal *j, struct buf *out);             /* a list of them, newest last */

#endif
