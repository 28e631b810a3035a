/* replay_tell.h: what `--test-rules` prints: each change as it is found, then what there is to know about all of them, and the sum. */
#ifndef APP_REPLAY_TELL_H
#define APP_REPLAY_TELL_H

#include "alerts/alerts.h"
#include "app/config.h"
#include "app/replay_minutes.h"

struct tell;
/* What was before begin_ms is not printed, but known: windows need it. config: borrowed. */
struct tell *tell_new(const struct config *config, int64_t begin_ms);
void tell_free(struct tell *t);

/* Of one moment first what is sure, then what may be. */
void tell_sure(struct tell *t, enum alert_change what, const struct alert_view *a, bool notify);
void tell_maybe(struct tell *t, enum alert_change what, const struct alert_view *a);

/* It begins: what fires already, and what may; maybe: NULL if nothing is in doubt. */
void tell_begin(struct tell *t, struct alerts *sure, struct alerts *maybe);

void tell_stamp(int64_t ms, char out[32]); /* local time */

/* What was judged, and on what. */
struct tell_base {
	int64_t begin_ms;
	int64_t minutes_end_ms;          /* before this of some series only minutes are left, or were looked at by windows; 0: of none */
	size_t nminutes, nseries;        /* of so many series there are only minutes */
	int64_t step_ms;
	bool (*kind_of)(void *user, const struct rule *r, enum minute_grasp *worst); /* false: it has no series */
	void *user;
};
void tell_sum(const struct tell *t, const struct tell_base *base);

#endif
