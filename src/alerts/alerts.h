/* alerts.h: the state of every alert: pending, firing, acknowledged, silenced, resolved.
 *
 * Everything on the loop's thread. An alert is one rule on one series. It knows neither sockets nor SQL: changes are told through
 * hooks; what must survive kill -9 is saved by the hook that saves (app/alerting.c → db), and given back at start with
 * alerts_restore(), so that an alert that fired before is the same alert after.
 *
 * What time does: `for` and `keep` count only while the value is known. A value is known for twice the series' interval, or twice
 * the time between its last two samples if that is longer; after that, and for NaN, everything stays as it is. absent counts
 * NaN as silence. A series that is retired is waited for for five minutes; then its alert ends (but for absent). After a leap of the
 * clock, or a sleep of the host, nobody was absent and nothing lasted that long.
 *
 * An alert is inhibited while one of a rule that says so (inhibits, inhibited_by) fires at least as badly and is about the same instance,
 * about the whole host, or said "*". Of rules that inhibit each other, also around a corner, the worse alert speaks, else the older, so
 * that never all are silent. What people silenced or saw inhibits all the same; what nobody is told of because of its hours does not.
 *
 * Values arrive with alerts_sample() for series that rules want, and all that depends on time is judged by
 * alerts_tick(). Ten thousand rules × series each second cost well under 2 % of a core: a sample of a plain rule is a few comparisons. */
#ifndef ALERTS_ALERTS_H
#define ALERTS_ALERTS_H

#include "alerts/rule.h"
#include "base/buf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alerts;
struct silence;

enum alert_state { ALERT_PENDING, ALERT_FIRING, ALERT_ACKNOWLEDGED, ALERT_SILENCED, ALERT_RESOLVED };
const char *alert_state_name(enum alert_state s); /* "pending" … */

/* Channels that heard of an alert: they hear all that follows, to its end. */
struct told {
	char **channels;
	size_t n;
};
bool told_has(const struct told *t, const char *channel); /* t NULL: nobody heard */
void told_json(const struct told *t, struct buf *out);    /* ["ops"], to be saved; nothing if nobody heard */

#define ALERT_ID_LEN 20
/* One alert as others see it. Strings are borrowed for the call. */
struct alert_view {
	const char *id;                /* 20 characters; the same through all its changes */
	const struct rule *rule;       /* NULL: gone since, and the alert is resolved */
	const char *rule_name, *type, *metric, *series, *summary;
	enum severity severity;
	enum alert_state state;
	double value, threshold;       /* value: of the present or last judgement */
	const char *unit;              /* of the series; NULL when the rule is gone since */
	int64_t starts_ms, ends_ms;    /* ends 0 while it lasts */
	int64_t changed_ms;
	const char *by, *note;         /* of an acknowledgement or silence; NULL */
	int64_t acked_ms;              /* 0: nobody acknowledged it. Also while by and note are those of a silence */
	const char *acked_by, *acked_note;
	const char *silence;           /* the id of the one that it is silenced by; NULL: it is not */
	int64_t silenced_ms;           /* and until when: 0: it is not, SILENCE_UNTIL_RESOLVED */
	const char *labels, *runbook;  /* of one whose rule is gone, as they were: {"team":"ops"}; NULL: not known */
	bool flapping;                 /* changed its mind more than 5 times in 10 minutes: it lasts until it was calm for 5 minutes */
	bool inhibited;
	const char *inhibited_by;      /* the rule whose alert does it; NULL: none, or over since */
	bool untold;                   /* channels do not know of its present severity yet; give it back to alerts_restore */
	const struct told *told;       /* likewise, as told_json(); NULL: nobody heard of it */
};

/* What happened; the view is as it is after. */
enum alert_change { ALERT_STARTED, ALERT_RAISED, ALERT_CHANGED, ALERT_ENDED };

struct alerts_hooks {
	void *user;
	/* Every change, in order; an alert that is pending is none yet. notify: it is to be told to channels (not silenced, inhibited
	 * or out of hours). What was not told for one of these reasons is told as ALERT_CHANGED when that is over and the
	 * alert is not; the end is told exactly to those channels that heard of the alert before. The hook may look
	 * (alerts_each, alerts_find) and say whom it tells (alerts_told), but not change. */
	void (*changed)(void *user, enum alert_change what, const struct alert_view *a, bool notify);
	/* The series behind an alias ("cpu"), or what it was given; NULL: no aliases. */
	const char *(*resolve)(const char *metric);
	/* A silence of a single alert ended with it; now_ms: when. NULL: nobody asks. */
	void (*silence_ended)(void *user, const struct silence *s, int64_t now_ms);
	/* For whoever knows less of the past than its samples; NULL: the sample itself, and the store of alerts_new(). What a rule for
	 * the last value takes for a sample; and where the window of another is read, by the same handle: NULL: unknown. */
	double (*sample)(void *user, const struct rule *r, const struct store_fresh *s);
	struct store *(*history)(void *user, const struct rule *r, store_ref series, int64_t now_ms);
};

/* rules: taken over (and freed with rule_release/free). st: where series are found, and history of windows is read. */
struct alerts *alerts_new(struct store *st, const char *host, struct rule *take_rules, size_t n, const struct alerts_hooks *hooks);
void alerts_free(struct alerts *a);
/* Other rules: alerts of rules that are still there stay as they are; those of rules that went are resolved. */
void alerts_reload(struct alerts *a, struct rule *take_rules, size_t n);

void alerts_sample(struct alerts *a, const struct store_fresh *s, int64_t now_ms); /* each fresh sample */
void alerts_tick(struct alerts *a, int64_t now_ms, int weekday, int minute_of_day); /* every second; weekday 0: Sunday; local time */
/* This channel hears of that alert, from within the hook: the view's told holds it at once. */
void alerts_told(struct alerts *a, const char *id, const char *channel);

/* From the database at start, before the first tick. One whose rule is gone, or is about another series now, ends with the first tick. */
struct alert_saved {
	const char *id, *rule, *series, *by, *note;
	enum severity severity;
	enum alert_state state;
	double value;
	int64_t starts_ms;
	bool untold;
	int64_t acked_ms;              /* 0: not acknowledged, or (with that state) nobody knows when */
	const char *acked_by, *acked_note;
	const char *told;              /* as told_json() wrote it; NULL: nobody heard */
	const char *type, *metric, *summary, *labels, *runbook; /* for one whose rule is gone; NULL: not known */
};
void alerts_restore(struct alerts *a, const struct alert_saved *saved);

/* Who says what. 0; -ENOENT: no such alert; -EINVAL: its state does not allow it (why says so). */
int alerts_acknowledge(struct alerts *a, const char *id, const char *by, const char *note, int64_t now_ms, const char **why);

/* A silence: everything that matches, from then until then. matcher: rule=, type=, metric=, series=, instance=, severity= or a label,
 * each with * ; all must match. Or a single alert: then the matcher is for people, and it ends with the alert at the latest. */
struct silence {
	char id[ALERT_ID_LEN + 1];
	char alert[ALERT_ID_LEN + 1];  /* "": whatever matches */
	char *matcher;                 /* "rule=HIGH_*,series=cpu*" */
	char *by, *note;
	int64_t from_ms, until_ms;
};
#define SILENCE_UNTIL_RESOLVED INT64_MAX /* for until_ms, of a single alert */
bool silence_matcher_check(const char *matcher, char *why, size_t size);
/* Copied; an id that exists is replaced; until in the past ends it. 0; -EINVAL: no id or a bad matcher; -ENOSPC: LIMIT_SILENCES;
 * -ENOENT: no such alert. Before the first tick alerts are still to be given back: then one that is not ends with that tick. */
int alerts_silence(struct alerts *a, const struct silence *s, int64_t now_ms);
void alerts_each_silence(struct alerts *a, void (*fn)(void *user, const struct silence *s), void *user);

void alerts_each(struct alerts *a, void (*fn)(void *user, const struct alert_view *v), void *user); /* pending and later, not resolved */
bool alerts_find(struct alerts *a, const char *id, struct alert_view *out);
void alert_json(const struct alert_view *v, const char *host, int64_t now_ms, struct buf *out); /* API.md's object */
/* The same with one member more, `url`. */
void alert_json_linked(const struct alert_view *v, const char *host, int64_t now_ms, const char *url, struct buf *out);
/* Parts of it, their placeholders filled: {"team":"ops"}; a text, nothing if there is none. */
void alert_labels_json(const struct alert_view *v, const char *host, struct buf *out);
void alert_runbook(const struct alert_view *v, const char *host, struct buf *out);
/* Its value and its limit with their unit, for people: "93.1 %", "1.2 GiB". */
void alert_say_value(const struct alert_view *v, struct buf *out);
void alert_say_threshold(const struct alert_view *v, struct buf *out);
/* How one that is over ended, for people: "after 3 min: 12.3 %". */
void alert_say_end(const struct alert_view *v, struct buf *out);

/* What a rule sees now, for people: series, value, limit, why it fires or not. false: no such rule. */
bool alerts_explain(struct alerts *a, const char *rule, struct buf *out);
/* Rules as they are, for the dashboard: [{name, type, metric, compare: above|below|outside|equals|full_in|absent,
 * limits: {warning: {limit, high?, clear?}, …}, aggregate: last|avg|…|p95, window, for, keep (ms), labels, inhibitedBy, inhibits, channels, runbook,
 * state: ok|waiting|pending|firing, series: [{id, value, state, severity, alert: id or null}] (the first 100), matched, file, line}]. */
void alerts_rules_json(struct alerts *a, struct buf *out);

#endif
