/* inner.h: what the files of the state of alerts share. The loop's thread. */
#ifndef ALERTS_INNER_H
#define ALERTS_INNER_H

#include "alerts/alerts.h"
#include "base/list.h"
#include "base/map.h"

#define SEVERITIES 4

/* Changes of mind that are kept: after as many in FLAP_WINDOW_MS, one more is too many. */
#define FLAP_CHANGES 5
#define FLAP_WINDOW_MS (10 * 60 * 1000)
#define FLAP_CALM_MS (5 * 60 * 1000)  /* so long on one side of its limits, and it is calm */
#define LEAP_MS (10 * 1000)           /* ticks further apart than this, and the host slept or its clock was set */
#define GONE_MS (5 * 60 * 1000)       /* an alert whose series went away waits so long for it to come back */

/* A series that some rule judges, or waits for. */
struct subject {
	store_ref ref;                 /* STORE_NONE while the store has no such live series */
	char *id, *unit;
	enum store_kind kind;
	uint32_t interval_ms, gap_ms;  /* as announced; between the last two known values */
	int64_t known_ms;              /* when the last known value came; 0: none since it was watched */
	int64_t since_ms;              /* watched since */
	int64_t gone_ms;               /* when ref became STORE_NONE */
	uint32_t round;                /* of the last look into the catalog that found it */
	struct instance *first;
};

/* From pending to resolved: an alert as people know it. */
struct alert {
	char id[ALERT_ID_LEN + 1];
	int64_t starts_ms, changed_ms;
	char *summary;
	char *by, *note;               /* of the acknowledgement */
	int64_t acked_ms, silenced_ms; /* 0: not */
	const struct silence *silence; /* the one that covers it */
	bool inhibited;
	bool flapping;                 /* likewise as last told */
	enum severity told;            /* what channels believe it is */
	bool known;                    /* channels may know of it: they are told its end */
	struct told heard;             /* which */
	bool restored;                 /* not yet seen by a tick since the start */
	enum alert_state said;         /* as it was last told through the hook */
	uint64_t mutes;                /* what a->mutes was when silence and inhibited were found */
};

/* One rule on one series. */
struct instance {
	struct instance *next;         /* of the series */
	struct watch *watch;
	struct subject *subject;
	double value;
	bool timed;                    /* judged by the clock and not by samples */
	uint8_t judged;                /* severity of the last judgement */
	bool high;                     /* of outside: when it was last wrong, it was so at the upper end */
	uint8_t shown;                 /* severity of the alert: what held for `for`, and was not calm for `keep` */
	bool on[SEVERITIES];           /* shown is the highest of these */
	int64_t edge_ms[SEVERITIES];   /* when judged >= s last changed */
	struct link moving;            /* on[s] differs from judged >= s: time will tell */
	struct link clock;             /* of those that are timed */
	struct link of_watch, firing, open;
	int64_t next_ms;               /* a timed one's next judgement */
	struct alert *alert;           /* NULL: calm */
	int64_t changes_ms[FLAP_CHANGES]; /* when shown changed, the last ones */
	uint32_t nchanges;
	bool flapping;                 /* what is better has to last for FLAP_CALM_MS before it is believed */
};

#define INSTANCE(l, member) list_item(l, struct instance, member)

/* Who may inhibit a rule. */
struct inhibitor {
	struct watch *by;
	bool whole;                    /* said as "*": of whatever instance either is */
	bool mutual;                   /* and is inhibited by it in turn, maybe by others between */
};

/* A rule at work. */
struct watch {
	struct rule *rule;
	char *metric;                  /* its series' id or pattern, no alias */
	bool pattern;
	bool inhibits;                 /* some other rule */
	bool awake;                    /* it is within its hours */
	uint64_t visited;              /* the last walk that came by */
	struct inhibitor *inhibitors;
	size_t ninhibitors;
	struct link instances, firing;
};

struct silence_item;
struct alerts {
	struct store *store;
	char *host;
	struct alerts_hooks hooks;
	struct rule *rules;
	struct watch *watches;         /* one for each rule, in its place */
	size_t n;
	struct map subjects;            /* by id */
	struct subject **by_ref;        /* by the index that a handle holds (store.h) */
	size_t nby_ref;
	struct map ids;                /* alert id to instance */
	struct link clock, moving, open;
	struct link silences;
	struct link orphans;           /* restored alerts whose rule is gone */
	size_t nsilences, ninstances;
	uint64_t mutes;                /* changes with all that can silence or inhibit */
	uint64_t walks;                /* through who inhibits whom */
	int64_t silences_edge_ms;      /* when the next silence begins or ends */
	uint64_t generation;           /* of the store, when it was last looked through; 0: must be */
	int64_t look_ms;               /* not before */
	uint32_t round;
	int64_t now_ms, ticked_ms, tick_gap_ms; /* 0 before the first tick */
	int weekday, minute;
	bool full_said;
	int64_t *window_t;             /* times of a window's samples */
	size_t window_cap;
};

/* --- alerts.c: states --- */
struct instance *instance_new(struct alerts *a, struct watch *w, struct subject *s, int64_t now_ms); /* NULL at the ceiling */
void instance_free(struct alerts *a, struct instance *i);
void instance_attach(struct alerts *a, struct instance *i, struct watch *w); /* to the lists of a rule */
void alert_open(struct alerts *a, struct instance *i, const char *id, int64_t now_ms); /* id: of a restored one; NULL: a new one */
char *text_copy(const char *s); /* NULL of an empty one */
void instance_judged(struct alerts *a, struct instance *i, double value, int64_t now_ms);
void instance_end(struct alerts *a, struct instance *i, int64_t now_ms); /* resolved or no longer pending, whatever its value */
void instance_summarize(const struct alerts *a, struct instance *i); /* its alert's sentence, from its present value */
void instance_view(const struct instance *i, struct alert_view *out);
const struct instance *instance_inhibitor(const struct instance *i); /* whose alert inhibits its own now; NULL: none does */
void alerts_refresh(struct alerts *a, int64_t now_ms); /* who is silenced and inhibited now: tells what changed */

/* --- lifetime.c --- */
void orphans_end(struct alerts *a, int64_t now_ms); /* restored alerts that no rule wants */

/* --- told.c --- */
void told_add(struct told *t, const char *channel);
void told_read(struct told *t, const char *json); /* what told_json() wrote; anything else adds nothing */
void told_release(struct told *t);

/* --- watch.c: rules and series find each other --- */
void watches_build(struct alerts *a);    /* from a->rules */
void watches_release(struct watch *w, size_t n);
void watches_wait(struct alerts *a, int64_t now_ms); /* an exact id is watched for before it exists */
struct watch *watch_find(const struct alerts *a, const char *rule);
struct subject *subject_get(struct alerts *a, const char *id, int64_t now_ms); /* finds or adds */
void subject_free_unused(struct alerts *a, struct subject *s);
struct instance *instance_of(const struct subject *s, const struct watch *w);
bool subject_fresh(const struct subject *s, int64_t now_ms); /* its last known value still stands */
void catalog_look(struct alerts *a, int64_t now_ms);

/* --- window.c --- */
int64_t window_ms_of(const struct rule *r);
int64_t window_period(const struct rule *r);
double window_value(struct alerts *a, const struct instance *i, int64_t now_ms); /* NaN: too little is known */

/* --- silences.c --- */
const struct silence *silence_for(struct alerts *a, const struct instance *i, int64_t now_ms);
void silences_tick(struct alerts *a, int64_t now_ms);
void silences_end_with(struct alerts *a, const char *alert, int64_t now_ms); /* those of this alert alone */
void silences_end_lost(struct alerts *a, int64_t now_ms); /* those of alerts that were not given back */
void silences_release(struct alerts *a);

/* --- rule_template.c --- */
void rule_say_value(struct buf *out, double v, const char *unit);   /* "93.1 %", "1.2 GiB/s" */
void rule_say_duration(struct buf *out, double ms);                 /* "45 s", "3.2 h" */
/* A value or a limit of this rule, of a series in this unit: of absent and full_in it is a time. r NULL: of a rule that is gone. */
void rule_say_amount(const struct rule *r, double v, const char *unit, struct buf *out);
/* A sentence for a rule that has none: "cpu is 93.1 %, above 80 %". name: what the series is called. */
void rule_say(const struct rule *r, enum severity s, const char *name, double value, const char *unit, struct buf *out);
void rule_say_limit(const struct rule *r, enum severity s, double value, const char *unit, struct buf *out); /* "above 80 %" */
/* What it measures, without a limit: "12.3 %", "48 % (avg over 5 min)", "full in 9 h". Not for a silence. */
void rule_say_measure(const struct rule *r, double value, const char *unit, struct buf *out);
const char *series_instance(const char *id); /* behind the first slash; "" */

#endif
