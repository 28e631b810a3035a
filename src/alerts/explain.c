/* explain.c: what rules see now: for a person who wonders why one fires or does not, or reads that an alert is over, and for the
 * dashboard's list of rules. */
#include "alerts/inner.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

#define ROWS 100               /* series of one rule that are shown one by one */

/* --- for people --- */

static void add_conditions(const struct rule *r, const char *unit, struct buf *out)
{
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		const struct rule_limit *l = &r->limits[s];

		if (!l->set)
			continue;
		buf_addf(out, "  %s when it is ", severity_name(s));
		rule_say_limit(r, s, NAN, unit, out);
		if (r->compare <= RULE_OUTSIDE && l->clear != l->low) {
			buf_adds(out, r->compare == RULE_OUTSIDE ? ", until it is inside " : ", until it is back at ");
			rule_say_value(out, l->clear, unit);
			if (r->compare == RULE_OUTSIDE) {
				buf_adds(out, " to ");
				rule_say_value(out, l->high - (l->clear - l->low), unit);
			}
		}
		buf_addc(out, '\n');
	}
}

static void add_times(const struct rule *r, struct buf *out)
{
	const struct {
		const char *text;
		int64_t ms;
	} all[] = {{"looks at the last ", window_ms_of(r)}, {"fires after ", r->for_ms}, {"resolves after ", r->keep_ms}};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (!all[i].ms)
			continue;
		buf_addf(out, "  %s", all[i].text);
		rule_say_duration(out, (double)all[i].ms);
		buf_adds(out, i == 0 ? "" : i == 1 ? " of that" : " of calm");
		buf_addc(out, '\n');
	}
}

static void add_present(const struct instance *i, struct buf *out)
{
	const struct rule *r = i->watch->rule;

	if (isnan(i->value) && r->compare == RULE_FULL_IN && strcmp(i->subject->unit, "percent") != 0)
		buf_adds(out, "a forecast needs a series in percent");
	else if (isnan(i->value))
		buf_adds(out, r->fold == RULE_LAST && r->compare != RULE_FULL_IN ? "no value yet" : "too little is known yet");
	else if (r->compare == RULE_FULL_IN && isinf(i->value))
		buf_adds(out, "does not fill up");
	else if (r->compare == RULE_FULL_IN && i->value <= 0)
		buf_adds(out, "is full");
	else if (r->compare == RULE_FULL_IN || r->compare == RULE_ABSENT) {
		buf_adds(out, r->compare == RULE_ABSENT ? "silent for " : "full in ");
		rule_say_duration(out, i->value);
	} else
		rule_say_value(out, i->value, r->fold == RULE_RATE ? "" : i->subject->unit);
}

/* How long it still takes, in either direction. */
static void add_moving(const struct alerts *a, const struct instance *i, struct buf *out)
{
	const struct rule *r = i->watch->rule;

	for (enum severity s = SEVERITY_CRITICAL; s > SEVERITY_NONE; s--) {
		bool wrong = i->judged >= s;
		int64_t keep_ms = i->flapping && r->keep_ms < FLAP_CALM_MS ? FLAP_CALM_MS : r->keep_ms;

		if (wrong == i->on[s] || !(r->limits[s].set))
			continue;
		buf_addf(out, "; %s for ", wrong ? severity_name(s) : "calm");
		rule_say_duration(out, (double)(a->now_ms - i->edge_ms[s]));
		buf_adds(out, " of ");
		rule_say_duration(out, (double)(wrong ? r->for_ms : keep_ms));
		return;
	}
}

static void add_mutes(const struct instance *i, struct buf *out)
{
	const struct instance *by = instance_inhibitor(i);
	const struct alert *al = i->alert;

	if (al->acked_ms)
		buf_addf(out, "; acknowledged by %s", al->by ? al->by : "someone");
	if (al->silence)
		buf_addf(out, "; silenced (%s)", al->silence->matcher);
	if (by)
		buf_addf(out, "; inhibited by %s on %s", by->watch->rule->name, by->subject->id);
	if (i->flapping)
		buf_adds(out, "; flapping, so it ends only when it was calm for 5 min");
	if (!i->watch->awake)
		buf_adds(out, "; outside its hours, so nobody is told");
}

/* Many families have instances and no total: whoever left the instance out would wait for ever. */
static void add_waiting(const struct alerts *a, const struct subject *s, struct buf *out)
{
	struct store_list list;
	struct buf instances;

	buf_init(&instances, STORE_MAX_ID + 3);
	buf_addf(&instances, "%s/*", s->id);
	store_match_take(a->store, instances.data, &list);
	buf_adds(out, "waiting: there is no such series yet");
	if (list.n)
		buf_addf(out, ", but %s; %s means all that begin so", list.at[0].id, instances.data);
	store_list_release(&list);
	buf_release(&instances);
}

static void explain_instance(const struct alerts *a, const struct instance *i, struct buf *out)
{
	const struct subject *s = i->subject;

	buf_addf(out, "  %s: ", s->id);
	if (s->ref == STORE_NONE && i->watch->rule->compare != RULE_ABSENT) {
		if (s->known_ms)
			buf_adds(out, "the series is gone");
		else
			add_waiting(a, s, out);
	} else {
		add_present(i, out);
		if (!subject_fresh(s, a->now_ms) && s->known_ms && i->watch->rule->compare != RULE_ABSENT)
			buf_adds(out, " (out of date)");
	}
	if (i->shown)
		buf_addf(out, "; fires, %s", severity_name(i->shown));
	else
		buf_adds(out, i->judged ? "; does not fire yet" : "; does not fire");
	if (list_linked(&i->moving))
		add_moving(a, i, out);
	if (i->shown)
		add_mutes(i, out);
	buf_addc(out, '\n');
}

void alert_say_value(const struct alert_view *v, struct buf *out)
{
	rule_say_amount(v->rule, v->value, v->unit ? v->unit : "", out);
}

void alert_say_threshold(const struct alert_view *v, struct buf *out)
{
	rule_say_amount(v->rule, v->threshold, v->unit ? v->unit : "", out);
}

void alert_say_end(const struct alert_view *v, struct buf *out)
{
	int64_t ms = v->ends_ms - v->starts_ms;

	buf_adds(out, "after ");
	if (ms < 0) /* the clock was set back meanwhile */
		buf_adds(out, "a while");
	else
		rule_say_duration(out, (double)(ms < 1000 ? ms : ms - ms % 1000));
	if (!v->rule || v->rule->compare == RULE_ABSENT || isnan(v->value))
		return; /* of a silence that is over there is nothing to measure */
	buf_adds(out, ": ");
	rule_say_measure(v->rule, v->value, v->unit, out);
}

bool alerts_explain(struct alerts *a, const char *rule, struct buf *out)
{
	struct watch *w = watch_find(a, rule);
	const char *unit = "";
	size_t n = 0;

	if (!w)
		return false;
	list_each(&w->instances, l, after)
		unit = INSTANCE(l, of_watch)->subject->unit;
	buf_addf(out, "%s: %s", w->rule->name, w->rule->metric);
	if (strcmp(w->metric, w->rule->metric) != 0)
		buf_addf(out, " (%s)", w->metric);
	if (w->rule->file)
		buf_addf(out, ", from %s:%d", w->rule->file, w->rule->line);
	buf_addc(out, '\n');
	add_conditions(w->rule, w->rule->fold == RULE_RATE ? "" : unit, out);
	add_times(w->rule, out);
	list_each(&w->instances, l, following) {
		if (n++ == ROWS) {
			buf_adds(out, "  and more\n");
			break;
		}
		explain_instance(a, INSTANCE(l, of_watch), out);
	}
	if (!n)
		buf_adds(out, "  waiting: no series matches yet\n");
	return true;
}

/* --- for the dashboard --- */

static const char *const folds[] = {[RULE_LAST] = "last", [RULE_AVG] = "avg", [RULE_MIN] = "min", [RULE_MAX] = "max",
	[RULE_RATE] = "rate", [RULE_DELTA] = "delta", [RULE_PERCENTILE] = "p"};

static void add_limits(const struct rule *r, struct buf *out)
{
	const char *comma = "";

	buf_adds(out, ",\"limits\":{");
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		if (!r->limits[s].set)
			continue;
		buf_addf(out, "%s\"%s\":{\"limit\":", comma, severity_name(s));
		json_add_number(out, rule_threshold(r, s, false));
		if (r->compare == RULE_OUTSIDE) {
			buf_adds(out, ",\"high\":");
			json_add_number(out, r->limits[s].high);
		}
		if (r->compare <= RULE_OUTSIDE) {
			buf_adds(out, ",\"clear\":");
			json_add_number(out, r->limits[s].clear);
		}
		buf_addc(out, '}');
		comma = ",";
	}
	buf_addc(out, '}');
}

static const char *state_name(const struct instance *i)
{
	if (i->shown || i->alert)
		return i->shown ? "firing" : "pending";
	return i->subject->ref == STORE_NONE ? "waiting" : "ok";
}

static void add_instances(const struct watch *w, struct buf *out)
{
	size_t n = 0;

	buf_adds(out, ",\"series\":[");
	list_each(&w->instances, l, after) {
		const struct instance *i = INSTANCE(l, of_watch);

		if (n++ >= ROWS)
			continue;
		buf_adds(out, n > 1 ? ",{\"id\":" : "{\"id\":");
		json_add_str(out, i->subject->id);
		buf_adds(out, ",\"value\":");
		json_add_number(out, i->value);
		buf_addf(out, ",\"state\":\"%s\",\"severity\":\"%s\",\"alert\":", state_name(i),
			severity_name(i->shown ? i->shown : i->judged));
		json_add_str(out, i->alert ? i->alert->id : NULL);
		buf_addc(out, '}');
	}
	buf_addf(out, "],\"matched\":%zu", n);
}

/* The worst that any of its series is in. */
static const char *rule_state(const struct watch *w)
{
	bool found = false, pending = false;

	if (!list_empty(&w->firing))
		return "firing";
	list_each(&w->instances, l, after) {
		const struct instance *i = INSTANCE(l, of_watch);

		found |= i->subject->ref != STORE_NONE;
		pending |= i->alert != NULL;
	}
	return pending ? "pending" : found ? "ok" : "waiting";
}

static void add_texts(struct buf *out, const char *name, char *const *at, size_t n)
{
	buf_addf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		json_add_str(out, at[i]);
	}
	buf_addc(out, ']');
}

static void add_rule(const struct watch *w, struct buf *out)
{
	const struct rule *r = w->rule;

	buf_adds(out, "{\"name\":");
	json_add_str(out, r->name);
	buf_adds(out, ",\"type\":");
	json_add_str(out, r->type ? r->type : r->name);
	buf_adds(out, ",\"metric\":");
	json_add_str(out, r->metric);
	buf_addf(out, ",\"compare\":\"%s\"", rule_compare_name(r->compare));
	add_limits(r, out);
	buf_addf(out, ",\"aggregate\":\"%s", folds[r->fold]);
	if (r->fold == RULE_PERCENTILE)
		buf_addf(out, "%g", r->percentile);
	buf_addf(out, "\",\"window\":%lld,\"for\":%lld,\"keep\":%lld", (long long)window_ms_of(r), (long long)r->for_ms,
		(long long)r->keep_ms);
	add_texts(out, "labels", r->labels, r->nlabels);
	add_texts(out, "inhibitedBy", r->inhibited_by, r->ninhibited_by);
	add_texts(out, "inhibits", r->inhibits, r->ninhibits);
	add_texts(out, "channels", r->channels, r->nchannels);
	buf_adds(out, ",\"runbook\":");
	json_add_str(out, r->runbook);
	buf_addf(out, ",\"state\":\"%s\"", rule_state(w));
	add_instances(w, out);
	buf_adds(out, ",\"file\":");
	json_add_str(out, r->file);
	buf_addf(out, ",\"line\":%d}", r->line);
}

void alerts_rules_json(struct alerts *a, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < a->n; i++) {
		if (i)
			buf_addc(out, ',');
		add_rule(&a->watches[i], out);
	}
	buf_addc(out, ']');
}
