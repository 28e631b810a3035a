/* lifetime.c: birth, reload, restart, death: how alerts stay the same alerts when what is around them does not. */
#include "alerts/inner.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- orphans --- */

/* A restored alert of a rule that is no more. */
struct orphan {
	struct link link;
	char id[ALERT_ID_LEN + 1];
	char *rule, *type, *metric, *series, *summary, *by, *note, *labels, *runbook; /* by and note: of the acknowledgement */
	struct told heard;
	enum severity severity;
	double value;
	int64_t starts_ms, acked_ms;
};

static void orphan_free(struct orphan *o)
{
	char *texts[] = {o->rule, o->type, o->metric, o->series, o->summary, o->by, o->note, o->labels, o->runbook};

	list_remove(&o->link);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	told_release(&o->heard);
	free(o);
}

static void keep_orphan(struct alerts *a, const struct alert_saved *saved)
{
	struct orphan *o = xzalloc(sizeof *o);

	memcpy(o->id, saved->id, ALERT_ID_LEN);
	o->rule = xstrdup(saved->rule);
	o->type = xstrdup(saved->type ? saved->type : saved->rule);
	o->metric = xstrdup(saved->metric ? saved->metric : saved->series);
	o->series = xstrdup(saved->series);
	o->summary = xstrdup(saved->summary ? saved->summary : "");
	o->acked_ms = saved->acked_ms;
	o->by = text_copy(saved->acked_ms ? saved->acked_by : saved->by);
	o->note = text_copy(saved->acked_ms ? saved->acked_note : saved->note);
	o->labels = text_copy(saved->labels);
	o->runbook = text_copy(saved->runbook);
	told_read(&o->heard, saved->told);
	o->severity = saved->severity;
	o->value = saved->value;
	o->starts_ms = saved->starts_ms;
	list_push(&a->orphans, &o->link);
}

void orphans_end(struct alerts *a, int64_t now_ms)
{
	list_each(&a->orphans, l, after) {
		struct orphan *o = list_item(l, struct orphan, link);
		struct alert_view v = {.id = o->id, .rule_name = o->rule, .type = o->type, .metric = o->metric, .series = o->series,
			.summary = o->summary, .labels = o->labels, .runbook = o->runbook, .severity = o->severity, .state = ALERT_RESOLVED, .value = o->value, .threshold = NAN,
			.starts_ms = o->starts_ms, .ends_ms = now_ms, .changed_ms = now_ms, .by = o->by, .note = o->note,
			.acked_ms = o->acked_ms, .acked_by = o->acked_ms ? o->by : NULL, .acked_note = o->acked_ms ? o->note : NULL,
			.told = &o->heard};

		if (a->hooks.changed)
			a->hooks.changed(a->hooks.user, ALERT_ENDED, &v, true);
		orphan_free(o);
	}
}

/* --- birth and death --- */

static void use_rules(struct alerts *a, struct rule *rules, size_t n)
{
	a->rules = rules;
	a->n = n;
	a->generation = 0;
	watches_build(a);
}

struct alerts *alerts_new(struct store *st, const char *host, struct rule *take_rules, size_t n, const struct alerts_hooks *hooks)
{
	struct alerts *a = xzalloc(sizeof *a);

	a->store = st;
	a->host = xstrdup(host);
	if (hooks)
		a->hooks = *hooks;
	a->mutes = 1;
	map_init(&a->subjects);
	map_init(&a->ids);
	list_init(&a->clock);
	list_init(&a->moving);
	list_init(&a->open);
	list_init(&a->silences);
	list_init(&a->orphans);
	use_rules(a, take_rules, n);
	watches_wait(a, 0);
	return a;
}

static void rules_free(struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rule_release(&rules[i]);
	free(rules);
}

void alerts_free(struct alerts *a)
{
	struct map_iter it;

	if (!a)
		return;
	silences_release(a); /* first: they outlive the program, and do not end with alerts that only go with it */
	it = map_begin(&a->subjects);
	for (struct map_entry *e; (e = map_next(&it));) {
		struct subject *s = e->value;

		while (s->first)
			instance_free(a, s->first);
		subject_free_unused(a, s);
	}
	list_each(&a->orphans, l, after)
		orphan_free(list_item(l, struct orphan, link));
	watches_release(a->watches, a->n);
	rules_free(a->rules, a->n);
	map_release(&a->subjects);
	map_release(&a->ids);
	free(a->by_ref);
	free(a->window_t);
	free(a->host);
	free(a);
}

/* --- reload --- */

static bool is_for(const struct watch *w, const char *id)
{
	return w->pattern ? store_pattern_match(w->metric, id) : strcmp(w->metric, id) == 0;
}

/* A value of one kind says nothing under a rule that compares another. */
static bool same_measure(const struct rule *x, const struct rule *y)
{
	return x->compare == y->compare && x->fold == y->fold && window_ms_of(x) == window_ms_of(y);
}

static void move_instance(struct alerts *a, struct instance *i)
{
	const struct rule *former = i->watch->rule;
	struct watch *w = watch_find(a, former->name);

	if (!w || !is_for(w, i->subject->id)) {
		instance_end(a, i, a->now_ms);
		instance_free(a, i);
		return;
	}
	list_remove(&i->of_watch);
	list_remove(&i->firing);
	instance_attach(a, i, w);
	if (!same_measure(former, w->rule))
		i->value = NAN;
	i->next_ms = 0;
}

void alerts_reload(struct alerts *a, struct rule *take_rules, size_t n)
{
	struct watch *watches = a->watches;
	struct rule *rules = a->rules;
	size_t before = a->n;
	struct map_iter it;

	use_rules(a, take_rules, n);
	a->mutes++;
	for (size_t k = 0; k < before; k++)
		list_each(&watches[k].instances, l, after)
			move_instance(a, INSTANCE(l, of_watch));
	watches_wait(a, a->now_ms);
	it = map_begin(&a->subjects);
	for (struct map_entry *e; (e = map_next(&it));)
		subject_free_unused(a, e->value);
	watches_release(watches, before);
	rules_free(rules, before);
}

/* --- restart --- */

static void restore_alert(struct alerts *a, struct instance *i, const struct alert_saved *saved)
{
	struct alert *al;

	alert_open(a, i, saved->id, saved->starts_ms);
	al = i->alert;
	i->value = saved->value;
	i->judged = i->shown = (uint8_t)saved->severity;
	i->high = rule_is_high(i->watch->rule, saved->severity, saved->value);
	for (enum severity s = SEVERITY_INFO; s <= saved->severity; s++)
		i->on[s] = true;
	list_push(&i->watch->firing, &i->firing);
	al->said = saved->state;
	al->restored = al->known = true;
	told_read(&al->heard, saved->told);
	al->told = saved->untold || saved->state == ALERT_SILENCED ? SEVERITY_NONE : saved->severity;
	if (saved->acked_ms) {
		al->acked_ms = saved->acked_ms;
		al->by = text_copy(saved->acked_by);
		al->note = text_copy(saved->acked_note);
	} else if (saved->state == ALERT_ACKNOWLEDGED) {
		al->acked_ms = saved->starts_ms;
		al->by = text_copy(saved->by);
		al->note = text_copy(saved->note);
	}
	instance_summarize(a, i);
}

void alerts_restore(struct alerts *a, const struct alert_saved *saved)
{
	struct watch *w = watch_find(a, saved->rule);
	struct instance *i;
	struct subject *s;

	if (saved->state == ALERT_PENDING || saved->state == ALERT_RESOLVED || saved->severity == SEVERITY_NONE ||
		strlen(saved->id) != ALERT_ID_LEN || map_get(&a->ids, saved->id, ALERT_ID_LEN))
		return;
	s = w && is_for(w, saved->series) ? subject_get(a, saved->series, a->now_ms) : NULL;
	i = s ? instance_of(s, w) : NULL;
	if (s && !i)
		i = instance_new(a, w, s, a->now_ms);
	if (!i || i->alert) {
		keep_orphan(a, saved);
		if (s)
			subject_free_unused(a, s);
		return;
	}
	restore_alert(a, i, saved);
	/* It was silent before the restart, too. */
	if (w->rule->compare == RULE_ABSENT)
		s->since_ms = saved->starts_ms - (int64_t)rule_threshold(w->rule, saved->severity, false);
}
