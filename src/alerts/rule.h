/* rule.h: what an alert rule says, and what it makes of a value. Pure: no clock, no store, no text of people.
 *
 * A rule names a series or a pattern; each series that matches is judged on its own (alerts.h). */
#ifndef ALERTS_RULE_H
#define ALERTS_RULE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rule_compare { RULE_ABOVE, RULE_BELOW, RULE_OUTSIDE, RULE_EQUALS, RULE_FULL_IN, RULE_ABSENT };
enum rule_fold { RULE_LAST, RULE_AVG, RULE_MIN, RULE_MAX, RULE_RATE, RULE_DELTA, RULE_PERCENTILE };
enum severity { SEVERITY_NONE, SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };

const char *severity_name(enum severity s); /* "none", "info", "warning", "critical" */
bool severity_parse(const char *name, enum severity *out);
const char *rule_compare_name(enum rule_compare c); /* "above" … "full_in", "absent", as in the configuration */

/* One limit. above/below/equals use low; outside fires below low and above high. absent and full_in use low (ms), or where it is
 * 0 the rule's own absent_ms and full_in_ms; the severity's limit is set all the same. */
struct rule_limit {
	bool set;
	double low, high;
	double clear;                  /* back to calm past this; equal to low without hysteresis. outside: as far inside from high as
	                                * this is from low. full_in: 0 for none */
};

/* `mon-fri 08:00-18:00`, local time; several may be given. */
struct rule_hours {
	uint8_t days;                  /* bit 0: Sunday */
	uint16_t from_min, to_min;     /* of the day; from > to goes over midnight */
};

struct rule {
	char *name;                    /* unique; also its type unless that is set */
	char *type, *metric, *summary, *runbook;
	char **labels;                 /* "key=value" */
	size_t nlabels;
	char **inhibited_by;           /* names or patterns of rules whose firing alerts of higher or equal severity silence this one's */
	size_t ninhibited_by;
	char **inhibits;               /* the same, said by the other side. "*": every other rule, whatever instance it is about */
	size_t ninhibits;
	char **channels;               /* names; none: all */
	size_t nchannels;
	enum rule_compare compare;
	struct rule_limit limits[4];   /* by severity */
	enum rule_fold fold;
	double percentile;             /* of RULE_PERCENTILE, 0…100 */
	int64_t window_ms;             /* over which fold is taken; 0: the last value alone */
	int64_t for_ms, keep_ms;       /* so long it must be wrong before it fires, right before it resolves */
	int64_t full_in_ms, absent_ms;
	struct rule_hours *hours;      /* none: always */
	size_t nhours;
	const char *file;              /* where it was written */
	int line;
};

/* Which severity value has, given the one it has now (hysteresis). NaN keeps the present one. For RULE_ABSENT value is the
 * silence in ms, for RULE_FULL_IN the time in ms until it is full (INFINITY: never). */
enum severity rule_judge(const struct rule *r, double value, enum severity now);
/* The limit that made it so: what `threshold` says of an alert. high: of outside, the upper one. */
double rule_threshold(const struct rule *r, enum severity s, bool high);
/* Whether a value that has severity s by outside is at its upper end: beyond it, or not back past clear. */
bool rule_is_high(const struct rule *r, enum severity s, double value);
bool rule_in_hours(const struct rule *r, int weekday, int minute_of_day);

/* What is impossible in a rule, in words that say what was meant; false and a text in why. */
bool rule_check(const struct rule *r, char *why, size_t size);
/* Is this the name of a label that messages give to each alert themselves? */
bool rule_label_taken(const char *name, size_t n);
/* What is impossible between rules that are each possible: two of a name, inhibited_by or inhibits a rule that there is not. which: the one at fault. */
bool rules_check(const struct rule *rules, size_t n, size_t *which, char *why, size_t size);

/* Fills {value} {threshold} {value_text} {limit_text} {series} {metric} {instance} {rule} {severity} {host} {labels.NAME}; unknown names are an error in
 * rule_template_check and stay as they are here. */
struct rule_words {
	const char *series, *host, *severity;
	double value, threshold;
	const char *unit;              /* of the series; "" for none. value_text and limit_text carry it */
};
void rule_fill(const struct rule *r, const char *text, const struct rule_words *w, struct buf *out);
bool rule_template_check(const struct rule *r, const char *text, char *why, size_t size);

bool rule_hours_parse(const char *text, struct rule_hours *out); /* also "sat,sun", "22:00-06:00" (each day), "fri-mon 18:00-24:00" */
bool rule_fold_parse(const char *text, enum rule_fold *fold, double *percentile); /* "avg", "p95" */

/* Aggregates over samples of a window, oldest first; t in ms, values may be NaN. */
double rule_fold_window(const struct rule *r, const int64_t *t, const double *v, size_t n);
/* Straight line through the window: ms until it reaches full from now; INFINITY if it does not, NaN for less than three samples. */
double rule_full_in(const int64_t *t, const double *v, size_t n, double full, int64_t now);

void rule_release(struct rule *r);

#endif
