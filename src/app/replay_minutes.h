/* replay_minutes.h: what a rule can know where of each minute only the lowest, the average and the highest value are left. Pure.
 *
 * Two answers are had: what is sure, and what may be. Where they are the same, the rule is judged as with samples, but to the minute. */
#ifndef APP_REPLAY_MINUTES_H
#define APP_REPLAY_MINUTES_H

#include "alerts/rule.h"
#include "store/store.h"

/* Of a sample all three are the same. */
struct minute {
	double low, mean, high;
};

/* What a rule for the last value takes for it. sure: it fires only if it did for certain; else if it may have. */
double minute_value(const struct rule *r, const struct minute *m, bool sure);

/* Of which of the three a rule makes its window. NONE: it cannot be judged. */
enum minute_part { MINUTE_LOW, MINUTE_MEAN, MINUTE_HIGH, MINUTE_NONE };
enum minute_part minute_part(const struct rule *r, enum store_kind kind, bool sure);

enum minute_grasp {
	MINUTE_JUDGED,  /* to the minute */
	MINUTE_SILENCE, /* likewise, but of silences only whole minutes are seen */
	MINUTE_DOUBT,   /* what is sure and what may be differ */
	MINUTE_UNKNOWN, /* not judged */
};
enum minute_grasp minute_grasp(const struct rule *r, enum store_kind kind);

#endif
