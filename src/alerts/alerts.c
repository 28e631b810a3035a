/* alerts.c: from judgements to alerts: pending, firing, higher, lower, over; and who of them is to be told.
 *
 * Each severity of an instance is a latch of its own: it goes on when the judgement was at least that bad for `for`, and off
 * when it was better for `keep`. The alert has the highest severity that is on. Time during which the value was not known
 * counts for neither.
 *
 * One that comes and goes is damped there: after five changes in ten minutes, better has to last for five minutes. So it stays one
 * alert, which fires and flaps, and whoever hears of it hears that, and then nothing until it is calm. Worse is told at once. */
#include "alerts/inner.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *alert_state_name(enum alert_state s)
{
	static const char *const names[] = {[ALERT_PENDING] = "pending", [ALERT_FIRING] = "firing",
		[ALERT_ACKNOWLEDGED] = "acknowledged", [ALERT_SILENCED] = "silenced", [ALERT_RESOLVED] = "resolved"};

	return names[s];
}

static void link_if(struct link *head, struct link *l, bool in)
{
	if (in && !list_linked(l))
		list_push(head, l);
	else if (!in)
		list_remove(l);
}

/* --- who inhibits whom --- */

/* A disk's alert inhibits what is wrong with that disk; one of the whole host, whatever there is. */
static bool is_about(const struct instance *by, const struct instance *i)
{
	const char *x = series_instance(by->subject->id), *y = series_instance(i->subject->id);

	return !*x || !*y || strcmp(x, y) == 0;
}

static bool is_older(const struct instance *x, const struct instance *y)
{
	if (x->alert->starts_ms != y->alert->starts_ms)
		return x->alert->starts_ms < y->alert->starts_ms;
	return x->watch < y->watch;
}

static bool inhibits(const struct inhibitor *h, const struct instance *by, const struct instance *i)
{
	if (by->shown < i->shown || !(h->whole || is_about(by, i)))
		return false;
	return !h->mutual || by->shown > i->shown || is_older(by, i);
}

/* One that nobody is told of because of the hour explains nothing to anybody: then the effect has to speak. */
const struct instance *instance_inhibitor(const struct instance *i)
{
	const struct watch *w = i->watch;

	for (size_t k = 0; k < w->ninhibitors; k++) {
		const struct inhibitor *h = &w->inhibitors[k];

		if (!h->by->awake)
			continue;
		list_each(&h->by->firing, l, after)
			if (inhibits(h, INSTANCE(l, firing), i))
				return INSTANCE(l, firing);
	}
	return NULL;
}

/* --- what others see --- */

static enum alert_state state_of(const struct instance *i)
{
	const struct alert *al = i->alert;

	if (i->shown == SEVERITY_NONE)
		return ALERT_PENDING;
	/* Of two people who spoke, the later. */
	if (al->acked_ms && (!al->silence || al->acked_ms >= al->silenced_ms))
		return ALERT_ACKNOWLEDGED;
	return al->silence ? ALERT_SILENCED : ALERT_FIRING;
}

static enum severity severity_of(const struct instance *i)
{
	return i->shown ? i->shown : i->judged;
}

static double threshold_of(const struct instance *i)
{
	return rule_threshold(i->watch->rule, severity_of(i), i->high);
}

void instance_view(const struct instance *i, struct alert_view *out)
{
	const struct alert *al = i->alert;
	const struct rule *r = i->watch->rule;
	enum alert_state state = state_of(i);
	const struct instance *by = al->inhibited ? instance_inhibitor(i) : NULL;
	bool silenced = state == ALERT_SILENCED;

	*out = (struct alert_view){
		.id = al->id, .rule = r, .rule_name = r->name, .type = r->type ? r->type : r->name, .metric = r->metric,
		.series = i->subject->id, .summary = al->summary, .severity = severity_of(i), .state = state, .value = i->value,
		.unit = i->subject->unit, .threshold = threshold_of(i), .starts_ms = al->starts_ms, .changed_ms = al->changed_ms,
		.by = silenced ? al->silence->by : al->by, .note = silenced ? al->silence->note : al->note,
		.acked_ms = al->acked_ms, .acked_by = al->by, .acked_note = al->note,
		.silence = silenced ? al->silence->id : NULL, .silenced_ms = silenced ? al->silence->until_ms : 0,
		.flapping = i->flapping, .inhibited = al->inhibited,
		.inhibited_by = by ? by->watch->rule->name : NULL, .untold = al->told != severity_of(i), .told = &al->heard,
	};
}

void instance_summarize(const struct alerts *a, struct instance *i)
{
	const struct rule *r = i->watch->rule;
	enum severity s = severity_of(i);
	struct buf text;

	buf_init(&text, LIMIT_SUMMARY_BYTES);
	if (r->summary && *r->summary)
		rule_fill(r, r->summary, &(struct rule_words){i->subject->id, a->host, severity_name(s), i->value, threshold_of(i), i->subject->unit},
			&text);
	else
		rule_say(r, s, i->watch->pattern ? i->subject->id : r->metric, i->value, i->subject->unit, &text);
	free(i->alert->summary);
	i->alert->summary = buf_take(&text, NULL);
}

/* --- who is not to be told --- */

/* Would one more change be too many? What lies in the future was before the clock was set back: nobody knows how long ago. */
static bool is_restless(const struct instance *i, int64_t now_ms)
{
	int64_t oldest = i->changes_ms[i->nchanges % FLAP_CHANGES];

	return i->nchanges >= FLAP_CHANGES && oldest <= now_ms && now_ms - oldest <= FLAP_WINDOW_MS;
}

static void note_change(struct instance *i, int64_t now_ms)
{
	i->flapping |= is_restless(i, now_ms);
	i->changes_ms[i->nchanges++ % FLAP_CHANGES] = now_ms;
}

static void calm_down(struct instance *i, int64_t now_ms)
{
	int64_t last = 0;

	if (!i->flapping)
		return;
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		last = i->edge_ms[s] > last ? i->edge_ms[s] : last;
	/* A clock that was set back must not keep it for as long. */
	if (now_ms - last >= FLAP_CALM_MS || last - now_ms > FLAP_CALM_MS) {
		i->flapping = false;
		i->nchanges = 0;
	}
}

/* Who spoke later has the later time, also within a millisecond and when the clock was set back. */
static int64_t later_than(int64_t now_ms, int64_t before_ms)
{
	return now_ms > before_ms ? now_ms : before_ms + 1;
}

static void find_mutes(struct alerts *a, struct instance *i, int64_t now_ms)
{
	struct alert *al = i->alert;
	const struct silence *s = silence_for(a, i, now_ms);

	/* Of an alert that was restored nobody knows when its silence came over it: at the latest before it was acknowledged under
	 * that silence. */
	if (s && !al->silence)
		al->silenced_ms = al->restored && al->said == ALERT_ACKNOWLEDGED ? s->from_ms : later_than(now_ms, al->acked_ms);
	al->silence = s;
	al->inhibited = instance_inhibitor(i) != NULL;
	al->mutes = a->mutes;
}

static bool is_muted(const struct instance *i)
{
	return i->alert->silence || i->alert->inhibited || !i->watch->awake;
}

/* --- telling --- */

static void tell(struct alerts *a, struct instance *i, enum alert_change what, bool notify, int64_t now_ms)
{
	struct alert *al = i->alert;
	struct alert_view v;

	al->changed_ms = now_ms;
	al->flapping = i->flapping;
	al->said = state_of(i);
	if (notify) {
		al->told = i->shown;
		al->known = true;
	}
	instance_view(i, &v);
	if (a->hooks.changed)
		a->hooks.changed(a->hooks.user, what, &v, notify);
}

/* The view keeps the severity that it had; whoever heard of the beginning hears of the end. */
static void tell_end(struct alerts *a, struct instance *i, int64_t now_ms)
{
	struct alert *al = i->alert;
	struct alert_view v;

	al->changed_ms = now_ms;
	instance_view(i, &v);
	v.state = ALERT_RESOLVED;
	v.ends_ms = now_ms;
	v.by = al->by;
	v.note = al->note;
	if (a->hooks.changed)
		a->hooks.changed(a->hooks.user, ALERT_ENDED, &v, al->known);
}

/* What changed without the value: a silence, an inhibition, the hour, that it flaps or is calm again. */
static void refresh(struct alerts *a, struct instance *i, int64_t now_ms)
{
	struct alert *al = i->alert;
	const struct silence *was = al->silence;
	bool inhibited = al->inhibited, late, turned, other;

	calm_down(i, now_ms);
	turned = al->flapping != i->flapping;
	if (al->mutes != a->mutes)
		find_mutes(a, i, now_ms);
	/* It was changed, or another covers what it covered: until when, by whom and why are others. */
	other = was && was != al->silence && al->said == ALERT_SILENCED;
	/* Nobody knows whether channels heard of it before the restart: rather once more than never. */
	if (al->restored && is_muted(i))
		al->told = SEVERITY_NONE;
	al->restored = false;
	late = (al->told != i->shown || (turned && al->known)) && !al->acked_ms && !is_muted(i);
	if (late || other || al->said != state_of(i) || al->inhibited != inhibited || turned)
		tell(a, i, ALERT_CHANGED, late, now_ms);
}

void alerts_refresh(struct alerts *a, int64_t now_ms)
{
	if (!a->ticked_ms)
		return; /* silences are given back before anyone knows what day it is */
	list_each(&a->open, l, after) {
		struct instance *i = INSTANCE(l, open);

		if (i->shown != SEVERITY_NONE)
			refresh(a, i, now_ms);
	}
}

/* --- an alert's life --- */

void alert_open(struct alerts *a, struct instance *i, const char *id, int64_t now_ms)
{
	struct alert *al = xzalloc(sizeof *al);

	if (id)
		memcpy(al->id, id, ALERT_ID_LEN);
	else
		random_id(al->id);
	al->starts_ms = al->changed_ms = now_ms;
	i->alert = al;
	map_set(&a->ids, al->id, ALERT_ID_LEN, i);
	list_push(&a->open, &i->open);
}

static void alert_close(struct alerts *a, struct instance *i)
{
	struct alert *al = i->alert;

	silences_end_with(a, al->id, a->now_ms);
	map_del(&a->ids, al->id, ALERT_ID_LEN);
	list_remove(&i->open);
	i->alert = NULL;
	free(al->summary);
	free(al->by);
	free(al->note);
	told_release(&al->heard);
	free(al);
}

static void forget_acknowledgement(struct alert *al)
{
	free(al->by);
	free(al->note);
	al->by = al->note = NULL;
	al->acked_ms = 0;
}

static void show(struct alerts *a, struct instance *i, enum severity is, int64_t now_ms)
{
	enum severity was = i->shown;

	calm_down(i, now_ms);
	note_change(i, now_ms);
	a->mutes += i->watch->inhibits;
	if (is == SEVERITY_NONE) {
		list_remove(&i->open); /* whoever is told may look through all that are open */
		list_remove(&i->firing);
		tell_end(a, i, now_ms);
		i->shown = SEVERITY_NONE;
		alert_close(a, i);
		return;
	}
	if (!i->alert)
		alert_open(a, i, NULL, now_ms);
	i->shown = (uint8_t)is;
	if (!was)
		i->alert->starts_ms = now_ms;
	if (is > was)
		forget_acknowledgement(i->alert);
	link_if(&i->watch->firing, &i->firing, true);
	instance_summarize(a, i);
	find_mutes(a, i, now_ms);
	tell(a, i, !was ? ALERT_STARTED : is > was ? ALERT_RAISED : ALERT_CHANGED, !is_muted(i), now_ms);
}

/* That it is better is believed at once, until it was believed too often. */
static bool is_held(struct instance *i, enum severity s, int64_t now_ms)
{
	i->flapping |= is_restless(i, now_ms);
	return i->flapping && now_ms - i->edge_ms[s] < FLAP_CALM_MS;
}

/* The highest severity that is on, after those latches moved whose time has come. */
static enum severity latch(struct alerts *a, struct instance *i, int64_t now_ms)
{
	const struct rule *r = i->watch->rule;
	enum severity highest = SEVERITY_NONE;
	bool moving = false;

	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		bool wrong = i->judged >= s;

		if (i->edge_ms[s] > now_ms)
			i->edge_ms[s] = now_ms; /* the clock was set back */
		if (wrong != i->on[s] && now_ms - i->edge_ms[s] >= (wrong ? r->for_ms : r->keep_ms) && (wrong || !is_held(i, s, now_ms)))
			i->on[s] = wrong;
		moving |= wrong != i->on[s];
		highest = i->on[s] ? s : highest;
	}
	link_if(&a->moving, &i->moving, moving);
	return highest;
}

static void settle(struct alerts *a, struct instance *i, int64_t now_ms)
{
	enum severity is = latch(a, i, now_ms);

	if (is != i->shown)
		show(a, i, is, now_ms);
	if (i->shown != SEVERITY_NONE)
		return;
	if (i->judged && !i->alert) {
		alert_open(a, i, NULL, now_ms);
		instance_summarize(a, i);
	} else if (!i->judged && i->alert) {
		alert_close(a, i);
	}
}

void instance_judged(struct alerts *a, struct instance *i, double value, int64_t now_ms)
{
	enum severity is = rule_judge(i->watch->rule, value, i->judged), was = i->judged;

	if (!isnan(value)) {
		i->value = value;
		i->high = is ? rule_is_high(i->watch->rule, is, value) : i->high;
	}
	if (is == was && !list_linked(&i->moving))
		return;
	if (is != was)
		calm_down(i, now_ms); /* before it is moved again */
	for (enum severity s = (is < was ? is : was) + 1; s <= (is < was ? was : is); s++)
		i->edge_ms[s] = now_ms;
	i->judged = (uint8_t)is;
	settle(a, i, now_ms);
}

void instance_end(struct alerts *a, struct instance *i, int64_t now_ms)
{
	i->judged = SEVERITY_NONE;
	memset(i->on, 0, sizeof i->on);
	list_remove(&i->moving);
	if (i->shown)
		show(a, i, SEVERITY_NONE, now_ms);
	else if (i->alert)
		alert_close(a, i);
}

/* --- instances --- */

static bool is_timed(const struct rule *r)
{
	return r->compare == RULE_ABSENT || r->compare == RULE_FULL_IN || r->fold != RULE_LAST;
}

void instance_attach(struct alerts *a, struct instance *i, struct watch *w)
{
	i->watch = w;
	i->timed = is_timed(w->rule);
	list_push(&w->instances, &i->of_watch);
	if (i->shown)
		list_push(&w->firing, &i->firing);
	link_if(&a->clock, &i->clock, i->timed);
}

struct instance *instance_new(struct alerts *a, struct watch *w, struct subject *s, int64_t now_ms)
{
	struct instance *i;

	if (a->ninstances >= LIMIT_ALERT_INSTANCES) {
		if (!a->full_said)
			log_error("alerts: more than %d series to judge: %s on %s and further ones are not", LIMIT_ALERT_INSTANCES,
				w->rule->name, s->id);
		a->full_said = true;
		return NULL;
	}
	i = xzalloc(sizeof *i);
	i->subject = s;
	i->next = s->first;
	s->first = i;
	i->value = NAN;
	instance_attach(a, i, w);
	/* Windows take turns, so that not all of them are read in the same second. */
	i->next_ms = now_ms + (int64_t)(a->ninstances % 61) * window_period(w->rule) / 61;
	a->ninstances++;
	return i;
}

void instance_free(struct alerts *a, struct instance *i)
{
	struct instance **at = &i->subject->first;

	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	if (i->alert)
		alert_close(a, i);
	list_remove(&i->moving);
	list_remove(&i->clock);
	list_remove(&i->of_watch);
	list_remove(&i->firing);
	a->ninstances--;
	free(i);
}

/* --- samples --- */

static void shift_edges(struct instance *i, int64_t ms)
{
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		i->edge_ms[s] += ms;
}

/* While nobody knew the value, neither `for` nor `keep` went on. */
static void skip_gap(struct subject *s, int64_t gap_ms)
{
	for (struct instance *i = s->first; i; i = i->next)
		if (list_linked(&i->moving) && i->watch->rule->compare != RULE_ABSENT)
			shift_edges(i, gap_ms);
}

static void note_known(struct subject *s, int64_t now_ms)
{
	int64_t gap = now_ms - s->known_ms;

	if (s->known_ms && gap > 0) {
		if (!subject_fresh(s, now_ms))
			skip_gap(s, gap);
		s->gap_ms = gap > UINT32_MAX ? UINT32_MAX : (uint32_t)gap;
	}
	s->known_ms = now_ms;
}

void alerts_sample(struct alerts *a, const struct store_fresh *f, int64_t now_ms)
{
	size_t index = (uint32_t)f->series;
	struct subject *s = index < a->nby_ref ? a->by_ref[index] : NULL;

	if (!s || s->ref != f->series || isnan(f->value))
		return;
	a->now_ms = now_ms;
	note_known(s, now_ms);
	for (struct instance *i = s->first; i; i = i->next)
		if (!i->timed)
			instance_judged(a, i, a->hooks.sample ? a->hooks.sample(a->hooks.user, i->watch->rule, f) : f->value, now_ms);
}

/* --- time --- */

static double silence_of(struct subject *s, int64_t now_ms)
{
	/* The clock was set back. */
	if (s->known_ms > now_ms)
		s->known_ms = now_ms;
	if (s->since_ms > now_ms)
		s->since_ms = now_ms;
	return (double)(now_ms - (s->known_ms > s->since_ms ? s->known_ms : s->since_ms));
}

static void judge_timed(struct alerts *a, struct instance *i, int64_t now_ms)
{
	const struct rule *r = i->watch->rule;
	int64_t period;

	if (r->compare == RULE_ABSENT) {
		instance_judged(a, i, silence_of(i->subject, now_ms), now_ms);
		return;
	}
	period = window_period(r);
	if (now_ms < i->next_ms && i->next_ms - now_ms <= period)
		return;
	/* Ticks are never quite on time: a little late must not become a whole second late. */
	i->next_ms = now_ms + period - (period > 1000 ? 0 : 500);
	if (i->subject->ref != STORE_NONE && subject_fresh(i->subject, now_ms))
		instance_judged(a, i, window_value(a, i, now_ms), now_ms);
}

/* An alert whose series does not come back. */
static bool is_lost(const struct instance *i, int64_t now_ms)
{
	return i->watch->rule->compare != RULE_ABSENT && i->subject->ref == STORE_NONE && now_ms - i->subject->gone_ms >= GONE_MS;
}

static void end_lost(struct alerts *a, struct instance *i, int64_t now_ms)
{
	struct subject *s = i->subject;

	instance_end(a, i, now_ms);
	if (i->watch->pattern)
		instance_free(a, i);
	subject_free_unused(a, s);
}

/* What was made before anyone knew the time. */
static void first_tick(struct alerts *a, int64_t now_ms)
{
	struct map_iter it = map_begin(&a->subjects);

	for (struct map_entry *e; (e = map_next(&it));) {
		struct subject *s = e->value;

		s->gone_ms = now_ms;
		s->since_ms = s->since_ms ? s->since_ms : now_ms;
	}
	orphans_end(a, now_ms);
	silences_end_lost(a, now_ms);
}

/* The host slept, or its clock was set: nobody was silent meanwhile, there was no such time. */
static void skip_time(struct alerts *a, int64_t ms)
{
	struct map_iter it = map_begin(&a->subjects);

	for (struct map_entry *e; (e = map_next(&it));) {
		struct subject *s = e->value;

		s->since_ms = (s->known_ms > s->since_ms ? s->known_ms : s->since_ms) + ms;
	}
	list_each(&a->moving, l, after) {
		struct instance *i = INSTANCE(l, moving);

		if (i->watch->rule->compare == RULE_ABSENT)
			shift_edges(i, ms);
	}
}

/* Whoever replays history ticks in large steps: those are no leaps. */
static void note_tick(struct alerts *a, int64_t now_ms)
{
	int64_t gap = a->ticked_ms ? now_ms - a->ticked_ms : 0;

	if (!a->ticked_ms)
		first_tick(a, now_ms);
	else if (gap > LEAP_MS && gap > 3 * a->tick_gap_ms)
		skip_time(a, gap);
	a->tick_gap_ms = gap > 0 ? gap : 0;
	a->ticked_ms = a->now_ms = now_ms;
}

/* A rule whose hours begin or end has a word in what it inhibits. */
static void note_hour(struct alerts *a, int weekday, int minute_of_day)
{
	if (a->weekday == weekday && a->minute == minute_of_day)
		return;
	a->weekday = weekday;
	a->minute = minute_of_day;
	for (size_t i = 0; i < a->n; i++) {
		struct watch *w = &a->watches[i];
		bool awake = rule_in_hours(w->rule, weekday, minute_of_day);

		a->mutes += w->inhibits && awake != w->awake;
		w->awake = awake;
	}
}

void alerts_tick(struct alerts *a, int64_t now_ms, int weekday, int minute_of_day)
{
	note_hour(a, weekday, minute_of_day);
	note_tick(a, now_ms);
	catalog_look(a, now_ms);
	silences_tick(a, now_ms);
	list_each(&a->clock, l, after)
		judge_timed(a, INSTANCE(l, clock), now_ms);
	list_each(&a->moving, l, after) {
		struct instance *i = INSTANCE(l, moving);

		if (i->watch->rule->compare == RULE_ABSENT || subject_fresh(i->subject, now_ms))
			settle(a, i, now_ms);
	}
	list_each(&a->open, l, after)
		if (is_lost(INSTANCE(l, open), now_ms))
			end_lost(a, INSTANCE(l, open), now_ms);
	alerts_refresh(a, now_ms);
}

/* --- people --- */

char *text_copy(const char *s)
{
	return s && *s ? xstrdup(s) : NULL;
}

static struct instance *by_id(const struct alerts *a, const char *id)
{
	return map_get(&a->ids, id, strlen(id));
}

int alerts_acknowledge(struct alerts *a, const char *id, const char *by, const char *note, int64_t now_ms, const char **why)
{
	struct instance *i = by_id(a, id);

	if (!i)
		return -ENOENT;
	if (i->shown == SEVERITY_NONE || i->alert->acked_ms) {
		*why = i->shown ? "it is acknowledged already" : "it does not fire yet";
		return -EINVAL;
	}
	i->alert->by = text_copy(by);
	i->alert->note = text_copy(note);
	i->alert->acked_ms = later_than(now_ms, i->alert->silenced_ms);
	tell(a, i, ALERT_CHANGED, !is_muted(i), now_ms);
	return 0;
}

void alerts_told(struct alerts *a, const char *id, const char *channel)
{
	struct instance *i = by_id(a, id);

	if (i)
		told_add(&i->alert->heard, channel);
}

void alerts_each(struct alerts *a, void (*fn)(void *user, const struct alert_view *v), void *user)
{
	list_each(&a->open, l, after) {
		struct alert_view v;

		instance_view(INSTANCE(l, open), &v);
		fn(user, &v);
	}
}

bool alerts_find(struct alerts *a, const char *id, struct alert_view *out)
{
	struct instance *i = by_id(a, id);

	if (i)
		instance_view(i, out);
	return i != NULL;
}
