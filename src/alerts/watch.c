/* watch.c: how rules and series find each other, and what becomes of series that come and go.
 *
 * The catalog is looked through when it has changed, all rules in one pass: an id that somebody waits for is found by its
 * name, patterns are tried one by one. */
#include "alerts/inner.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/xmalloc.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLACK_MS 1500
#define LOOK_MS_PER_1000 500   /* a look through a large catalog costs: it waits so much longer for the next */
#define LOOK_MOST_MS 60000

/* --- rules --- */

struct watch *watch_find(const struct alerts *a, const char *rule)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->watches[i].rule->name, rule) == 0)
			return &a->watches[i];
	return NULL;
}

/* Both sides may have said so: the two are linked once. */
static void add_inhibitor(struct watch *w, struct watch *by, bool whole)
{
	for (size_t i = 0; i < w->ninhibitors; i++) {
		if (w->inhibitors[i].by != by)
			continue;
		w->inhibitors[i].whole |= whole;
		return;
	}
	by->inhibits = true;
	w->inhibitors = xreallocarray(w->inhibitors, w->ninhibitors + 1, sizeof *w->inhibitors);
	w->inhibitors[w->ninhibitors++] = (struct inhibitor){.by = by, .whole = whole};
}

typedef void link_fn(struct watch *w, struct watch *other, bool whole);

/* Each other rule that is meant. */
static void each_named(struct alerts *a, struct watch *w, char *const *names, size_t n, link_fn *link)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < a->n; k++)
			if (&a->watches[k] != w && store_pattern_match(names[i], a->watches[k].rule->name))
				link(w, &a->watches[k], strcmp(names[i], "*") == 0);
}

static void inhibit(struct watch *w, struct watch *other, bool whole)
{
	add_inhibitor(other, w, whole);
}

static void link_inhibitors(struct alerts *a, struct watch *w)
{
	const struct rule *r = w->rule;

	each_named(a, w, r->inhibited_by, r->ninhibited_by, add_inhibitor);
	each_named(a, w, r->inhibits, r->ninhibits, inhibit);
}

static bool reaches(struct watch *from, const struct watch *to, uint64_t walk)
{
	if (from == to)
		return true;
	if (from->visited == walk)
		return false;
	from->visited = walk;
	for (size_t i = 0; i < from->ninhibitors; i++)
		if (reaches(from->inhibitors[i].by, to, walk))
			return true;
	return false;
}

/* Two rules that inhibit each other would both be silent: of those, the alert that was first speaks. */
static void find_mutual(struct alerts *a, struct watch *w)
{
	for (size_t i = 0; i < w->ninhibitors; i++)
		w->inhibitors[i].mutual = reaches(w->inhibitors[i].by, w, ++a->walks);
}

void watches_build(struct alerts *a)
{
	a->watches = xcalloc(a->n, sizeof *a->watches);
	for (size_t i = 0; i < a->n; i++) {
		struct watch *w = &a->watches[i];
		const char *metric = a->rules[i].metric;

		w->rule = &a->rules[i];
		w->metric = xstrdup(a->hooks.resolve ? a->hooks.resolve(metric) : metric);
		w->pattern = strchr(w->metric, '*') != NULL;
		w->awake = rule_in_hours(w->rule, a->weekday, a->minute);
		list_init(&w->instances);
		list_init(&w->firing);
	}
	for (size_t i = 0; i < a->n; i++)
		link_inhibitors(a, &a->watches[i]);
	for (size_t i = 0; i < a->n; i++)
		find_mutual(a, &a->watches[i]);
}

void watches_release(struct watch *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert(list_empty(&w[i].instances));
		free(w[i].metric);
		free(w[i].inhibitors);
	}
	free(w);
}

/* --- series --- */

struct subject *subject_get(struct alerts *a, const char *id, int64_t now_ms)
{
	size_t len = strlen(id);
	struct subject *s = map_get(&a->subjects, id, len);

	if (s)
		return s;
	s = xzalloc(sizeof *s);
	s->id = xstrdup(id);
	s->unit = xstrdup("");
	s->since_ms = s->gone_ms = now_ms;
	s->interval_ms = 1000;
	map_set(&a->subjects, id, len, s);
	return s;
}

static void forget_ref(struct alerts *a, struct subject *s)
{
	uint32_t index = (uint32_t)s->ref;

	if (s->ref != STORE_NONE && index < a->nby_ref && a->by_ref[index] == s)
		a->by_ref[index] = NULL;
	s->ref = STORE_NONE;
}

void subject_free_unused(struct alerts *a, struct subject *s)
{
	if (s->first)
		return;
	forget_ref(a, s);
	map_del(&a->subjects, s->id, strlen(s->id));
	free(s->id);
	free(s->unit);
	free(s);
}

struct instance *instance_of(const struct subject *s, const struct watch *w)
{
	struct instance *i = s->first;

	while (i && i->watch != w)
		i = i->next;
	return i;
}

/* What counts as on time: twice the interval, or twice what it last took: devices do not keep to what they announced. */
bool subject_fresh(const struct subject *s, int64_t now_ms)
{
	int64_t usual = s->gap_ms > s->interval_ms ? s->gap_ms : s->interval_ms;

	return s->known_ms && now_ms - s->known_ms <= 2 * usual + SLACK_MS;
}

static void set_ref(struct alerts *a, struct subject *s, store_ref ref, int64_t now_ms)
{
	size_t index = (uint32_t)ref;

	if (s->ref == ref)
		return;
	forget_ref(a, s);
	if (index >= a->nby_ref) {
		size_t n = index + 1 + index / 2;

		a->by_ref = xreallocarray(a->by_ref, n, sizeof(struct subject *));
		memset(a->by_ref + a->nby_ref, 0, (n - a->nby_ref) * sizeof(struct subject *));
		a->nby_ref = n;
	}
	/* A successor got the room of a series that was looked at before this one and is gone. */
	if (a->by_ref[index]) {
		a->by_ref[index]->ref = STORE_NONE;
		a->by_ref[index]->gone_ms = now_ms;
	}
	s->ref = ref;
	a->by_ref[index] = s;
}

/* A restored alert waited for its unit. */
static void set_unit(struct alerts *a, struct subject *s, const char *unit)
{
	if (strcmp(s->unit, unit) == 0)
		return;
	free(s->unit);
	s->unit = xstrdup(unit);
	for (struct instance *i = s->first; i; i = i->next)
		if (i->alert)
			instance_summarize(a, i);
}

static void bind(struct alerts *a, struct subject *s, const struct store_entry *e, int64_t now_ms)
{
	bool came = s->ref != e->series;

	set_ref(a, s, e->series, now_ms);
	set_unit(a, s, e->unit);
	s->kind = e->kind;
	s->interval_ms = e->interval_ms;
	s->round = a->round;
	/* Its first sample came before anyone knew it; what is older than that says nothing of now. */
	if (came && !isnan(e->last) && now_ms - e->t_ms <= 2 * (int64_t)e->interval_ms + SLACK_MS)
		alerts_sample(a, &(struct store_fresh){e->series, e->t_ms, e->last}, now_ms);
}

/* --- the look --- */

static void match_patterns(struct alerts *a, const struct store_entry *e, int64_t now_ms)
{
	for (size_t i = 0; i < a->n; i++) {
		struct watch *w = &a->watches[i];
		struct subject *s;

		if (!w->pattern || !store_pattern_match(w->metric, e->id))
			continue;
		s = subject_get(a, e->id, now_ms);
		if (!instance_of(s, w) && !instance_new(a, w, s, now_ms))
			subject_free_unused(a, s);
	}
}

/* An instance that nothing keeps: the next series of that name starts anew. */
static bool is_idle(const struct instance *i)
{
	return !i->alert && i->watch->pattern && i->watch->rule->compare != RULE_ABSENT;
}

static void series_gone(struct alerts *a, struct subject *s, int64_t now_ms)
{
	if (s->ref != STORE_NONE) {
		forget_ref(a, s);
		s->gone_ms = now_ms;
	}
	for (struct instance *i = s->first, *next; i; i = next) {
		next = i->next;
		if (i->shown == SEVERITY_NONE && i->watch->rule->compare != RULE_ABSENT)
			instance_end(a, i, now_ms);
		if (is_idle(i))
			instance_free(a, i);
	}
	subject_free_unused(a, s);
}

void catalog_look(struct alerts *a, int64_t now_ms)
{
	uint64_t generation = store_generation(a->store);
	bool soon = now_ms < a->look_ms && a->look_ms - now_ms < LOOK_MOST_MS; /* further off: the clock was set back */
	struct store_list list;
	struct map_iter it;

	if (generation == a->generation || (soon && a->generation))
		return;
	a->generation = generation;
	a->round++;
	store_match_take(a->store, "*", &list);
	for (size_t i = 0; i < list.n; i++) {
		struct subject *s;

		match_patterns(a, &list.at[i], now_ms);
		s = map_get(&a->subjects, list.at[i].id, strlen(list.at[i].id));
		if (s)
			bind(a, s, &list.at[i], now_ms);
	}
	it = map_begin(&a->subjects);
	for (struct map_entry *e; (e = map_next(&it));) {
		struct subject *s = e->value;

		if (s->round != a->round)
			series_gone(a, s, now_ms);
	}
	a->look_ms = now_ms + (int64_t)(list.n / 1000) * LOOK_MS_PER_1000;
	store_list_release(&list);
}

void watches_wait(struct alerts *a, int64_t now_ms)
{
	for (size_t i = 0; i < a->n; i++) {
		struct watch *w = &a->watches[i];
		struct subject *s;

		if (w->pattern)
			continue;
		s = subject_get(a, w->metric, now_ms);
		if (!instance_of(s, w) && !instance_new(a, w, s, now_ms))
			subject_free_unused(a, s);
	}
}
