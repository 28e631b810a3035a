/* replay_tell.c: lines for a person who asks what would have been told. */
#include "app/replay_tell.h"

#include "base/map.h"
#include "base/xmalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What was said of a rule on a series. */
struct said {
	enum severity sure, maybe;     /* as it is now, and as it may be: NONE: not said */
	bool certain;                  /* fired since it may have */
	bool counted;                  /* among those that may have */
	bool told, muted, flapping;
};

struct tell {
	const struct config *config;
	int64_t begin_ms;
	struct map said;               /* by rule and series */
	unsigned fired, untold, maybe;
};

struct tell *tell_new(const struct config *config, int64_t begin_ms)
{
	struct tell *t = xzalloc(sizeof *t);

	t->config = config;
	t->begin_ms = begin_ms;
	map_init(&t->said);
	return t;
}

void tell_free(struct tell *t)
{
	struct map_iter it = map_begin(&t->said);

	for (struct map_entry *e; (e = map_next(&it));)
		free(e->value);
	map_release(&t->said);
	free(t);
}

static struct said *said_of(struct tell *t, const struct alert_view *a)
{
	char *key = xasprintf("%s\n%s", a->rule_name, a->series);
	struct said *s = map_get(&t->said, key, strlen(key));

	if (!s) {
		s = xzalloc(sizeof *s);
		map_set(&t->said, key, strlen(key), s);
	}
	free(key);
	return s;
}

/* --- lines --- */

void tell_stamp(int64_t ms, char out[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

static void print_line(const struct tell *t, const struct alert_view *a, const char *state, const char *remark)
{
	char stamp[32];

	if (a->changed_ms < t->begin_ms)
		return;
	tell_stamp(a->changed_ms, stamp);
	printf("%s  %-10s %-9s %-24s %s%s\n", stamp, state, severity_name(a->severity), a->rule_name, a->summary ? a->summary : a->series, remark);
}

static bool is_awake(const struct alert_view *a)
{
	time_t seconds = (time_t)(a->changed_ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	return !a->rule || rule_in_hours(a->rule, tm.tm_wday, tm.tm_hour * 60 + tm.tm_min);
}

/* Why channels do not hear of it; nothing if no reason is known. */
static void add_reason(const struct alert_view *a, struct buf *out)
{
	if (a->state == ALERT_SILENCED)
		buf_addf(out, "silenced by %s%s%s", a->by && *a->by ? a->by : "someone", a->note && *a->note ? ": " : "", a->note ? a->note : "");
	else if (a->inhibited_by)
		buf_addf(out, "inhibited by %s", a->inhibited_by);
	else if (a->inhibited)
		buf_adds(out, "inhibited");
	else if (!is_awake(a))
		buf_adds(out, "outside its hours");
}

static void add_remark(const struct said *s, enum alert_change what, const struct alert_view *a, bool notify, struct buf *out)
{
	struct buf why;

	buf_init(&why, 2000);
	if (!notify && what != ALERT_ENDED)
		add_reason(a, &why);
	if (notify)
		buf_adds(out, what == ALERT_CHANGED && !s->told ? " (told only now)" : "");
	else if (what == ALERT_ENDED)
		buf_adds(out, " (nobody told)");
	else if (why.len && what == ALERT_CHANGED && s->told)
		buf_addf(out, " (%s from now on)", why.data);
	else if (why.len)
		buf_addf(out, " (nobody told: %s)", why.data);
	else if (s->muted)
		buf_adds(out, " (no longer silenced or inhibited)");
	if (what != ALERT_ENDED && a->flapping != s->flapping)
		buf_adds(out, a->flapping ? " (comes and goes: stays until it is calm)" : " (calm again)");
	buf_release(&why);
}

static void count(struct tell *t, struct said *s, enum alert_change what, const struct alert_view *a, bool notify)
{
	if (what == ALERT_STARTED) {
		t->fired++;
		t->untold++;
		t->maybe -= s->counted;
		s->counted = s->told = false;
		s->certain = true;
	}
	if (notify && !s->told)
		t->untold--;
	s->told |= notify;
	if (what == ALERT_ENDED && a->changed_ms < t->begin_ms) {
		t->fired--;
		t->untold -= !s->told;
	}
}

void tell_sure(struct tell *t, enum alert_change what, const struct alert_view *a, bool notify)
{
	struct said *s = said_of(t, a);
	struct buf remark;

	buf_init(&remark, 4000);
	if (what == ALERT_STARTED)
		s->told = s->muted = s->flapping = false;
	add_remark(s, what, a, notify, &remark);
	print_line(t, a, alert_state_name(a->state), remark.data);
	count(t, s, what, a, notify);
	s->sure = what == ALERT_ENDED ? SEVERITY_NONE : a->severity;
	s->muted = a->state == ALERT_SILENCED || a->inhibited;
	s->flapping = a->flapping;
	buf_release(&remark);
}

/* What is sure was said already; of the rest the beginning, that it is worse, and the end. */
void tell_maybe(struct tell *t, enum alert_change what, const struct alert_view *a)
{
	struct said *s = said_of(t, a);

	if (what == ALERT_ENDED) {
		if (s->maybe && !s->certain)
			print_line(t, a, "maybe over", "");
		if (a->changed_ms < t->begin_ms)
			t->maybe -= s->counted;
		s->maybe = SEVERITY_NONE;
		s->certain = s->counted = false;
	} else if (what != ALERT_CHANGED && a->severity > s->sure) {
		print_line(t, a, "maybe", "");
		s->maybe = a->severity;
		t->maybe += !s->certain && !s->counted;
		s->counted = !s->certain;
	}
}

/* --- where it begins --- */

static void begin_sure(void *user, const struct alert_view *a)
{
	struct tell *t = user;
	const struct said *s = said_of(t, a);
	struct alert_view now = *a;
	struct buf why, remark;

	if (a->state == ALERT_PENDING)
		return;
	buf_init(&why, 2000);
	buf_init(&remark, 4000);
	now.changed_ms = t->begin_ms;
	if (!s->told)
		add_reason(&now, &why);
	buf_addf(&remark, " (since before%s%s)", why.len ? "; nobody told: " : "", why.data);
	print_line(t, &now, alert_state_name(a->state), remark.data);
	buf_release(&remark);
	buf_release(&why);
}

static void begin_maybe(void *user, const struct alert_view *a)
{
	struct tell *t = user;
	const struct said *s = said_of(t, a);
	struct alert_view now = *a;

	now.changed_ms = t->begin_ms;
	if (s->maybe > s->sure)
		print_line(t, &now, "maybe", " (since before)");
}

void tell_begin(struct tell *t, struct alerts *sure, struct alerts *maybe)
{
	alerts_each(sure, begin_sure, t);
	if (maybe)
		alerts_each(maybe, begin_maybe, t);
}

/* --- the sum --- */

static size_t print_rules(const struct tell *t, const struct tell_base *b, const char *before, bool missing, enum minute_grasp grasp)
{
	size_t n = 0;

	for (size_t i = 0; i < t->config->nrules; i++) {
		const struct rule *r = &t->config->rules[i];
		enum minute_grasp is = MINUTE_JUDGED;
		bool found = b->kind_of(b->user, r, &is);

		if (missing ? !found : found && is == grasp)
			printf("%s%s", n++ ? ", " : before, r->name);
	}
	if (n)
		putchar('\n');
	return n;
}

static void print_minutes(const struct tell *t, const struct tell_base *b)
{
	char begin[32], end[32];

	tell_stamp(b->begin_ms, begin);
	tell_stamp(b->minutes_end_ms, end);
	if (b->minutes_end_ms <= b->begin_ms) {
		printf("Of the time before %s, into which windows look back, only minutes are left, of %zu of %zu series.\n", end, b->nminutes, b->nseries);
		print_rules(t, b, "- not judged while they do: ", false, MINUTE_UNKNOWN);
		return;
	}
	printf("From %s to %s only minutes are left, of %zu of %zu series: the lowest, average and\nhighest value of each. There\n", begin, end,
	       b->nminutes, b->nseries);
	puts("- times are right to the minute; what came and went within a minute counts once");
	print_rules(t, b, "- \"maybe\" is what may have fired: minutes do not tell whether a value was met,\n  or stayed beyond the limit for long enough: ", false, MINUTE_DOUBT);
	print_rules(t, b, "- of silences, only whole minutes are seen: ", false, MINUTE_SILENCE);
	print_rules(t, b, "- not judged, for that takes samples: ", false, MINUTE_UNKNOWN);
}

void tell_sum(const struct tell *t, const struct tell_base *b)
{
	bool sums = t->fired || t->maybe;

	if (sums)
		putchar('\n');
	if (b->minutes_end_ms)
		print_minutes(t, b);
	print_rules(t, b, "Rules whose series do not exist at present: ", true, MINUTE_JUDGED);
	if (!t->config->nchannels)
		puts("No channel is configured: nobody is told of any alert.");
	printf("%u would have fired", t->fired);
	if (t->untold)
		printf(", %u of them without anyone told", t->untold);
	if (t->maybe)
		printf(", %u more may have", t->maybe);
	printf(", judged every %g s on %zu series.\n", (double)b->step_ms / 1000, b->nseries);
}
