/* silences.c: what is not to be told for a while: matchers, and the times at which silences begin and end. */
#include "alerts/inner.h"
#include "base/limits.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MATCHER_BYTES 1000

struct silence_item {
	struct link link;
	struct silence said;           /* its texts are its own */
	bool begun;                    /* that stays so when the clock is set back */
};

/* --- matchers: name=pattern, comma means and --- */

struct term {
	const char *name, *pattern;
	size_t name_len, pattern_len;
};

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static size_t trimmed(const char *p, size_t n)
{
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	return n;
}

/* The next term; false at the end. A term without an equals sign has no pattern. */
static bool next_term(const char **at, struct term *t)
{
	const char *p = skip_blanks(*at), *equals;
	size_t n;

	if (!*p)
		return false;
	n = strcspn(p, ",");
	*at = p + n + (p[n] == ',');
	equals = memchr(p, '=', n);
	t->name = p;
	t->name_len = trimmed(p, equals ? (size_t)(equals - p) : n);
	t->pattern = NULL;
	t->pattern_len = 0;
	if (equals) {
		t->pattern = skip_blanks(equals + 1);
		t->pattern_len = trimmed(t->pattern, (size_t)(p + n - t->pattern));
	}
	return true;
}

static bool is_named(const struct term *t, const char *name)
{
	return strlen(name) == t->name_len && memcmp(t->name, name, t->name_len) == 0;
}

/* store_pattern_match() wants a string of its own. */
static bool matches(const struct term *t, const char *text)
{
	char pattern[MATCHER_BYTES + 1];

	memcpy(pattern, t->pattern, t->pattern_len);
	pattern[t->pattern_len] = '\0';
	return store_pattern_match(pattern, text);
}

static bool is_a_severity(const struct term *t)
{
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		if (matches(t, severity_name(s)))
			return true;
	return false;
}

static bool term_check(const struct term *t, char *why, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	int n = (int)(t->name_len < 60 ? t->name_len : 60);

	if (!t->pattern)
		snprintf(why, size, "\"%.*s\" is not name=pattern, as in rule=HIGH_*", n, t->name);
	else if (!t->name_len || strspn(t->name, letters) < t->name_len)
		snprintf(why, size, "\"%.*s\" is no name: there are rule, type, metric, series, instance, severity and labels", n, t->name);
	else if (!t->pattern_len)
		snprintf(why, size, "%.*s= is empty: * stands for anything", n, t->name);
	else if (is_named(t, "severity") && !is_a_severity(t))
		snprintf(why, size, "severity is info, warning or critical");
	else
		return true;
	return false;
}

bool silence_matcher_check(const char *matcher, char *why, size_t size)
{
	const char *at = matcher;
	struct term t;
	size_t n = 0;

	if (strlen(matcher) > MATCHER_BYTES) {
		snprintf(why, size, "the matcher is longer than %d bytes", MATCHER_BYTES);
		return false;
	}
	for (; next_term(&at, &t); n++)
		if (!term_check(&t, why, size))
			return false;
	if (!n)
		snprintf(why, size, "the matcher is empty: rule=* matches everything");
	return n > 0;
}

/* --- matching --- */

static bool label_matches(const struct alerts *a, const struct instance *i, const struct term *t)
{
	const struct rule *r = i->watch->rule;
	const struct rule_words w = {i->subject->id, a->host, severity_name(i->shown), i->value, rule_threshold(r, i->shown, i->high),
	                             i->subject->unit};
	bool match = false;
	struct buf text;

	for (size_t k = 0; k < r->nlabels; k++) {
		const char *label = r->labels[k];

		if (strncmp(label, t->name, t->name_len) != 0 || label[t->name_len] != '=')
			continue;
		buf_init(&text, LIMIT_SUMMARY_BYTES);
		rule_fill(r, label + t->name_len + 1, &w, &text);
		match = matches(t, text.data);
		buf_release(&text);
		break;
	}
	return match;
}

static bool term_matches(const struct alerts *a, const struct instance *i, const struct term *t)
{
	const struct rule *r = i->watch->rule;
	const struct {
		const char *name, *text;
	} known[] = {
		{"rule", r->name},
		{"type", r->type ? r->type : r->name},
		{"metric", r->metric},
		{"series", i->subject->id},
		{"instance", series_instance(i->subject->id)},
		{"severity", severity_name(i->shown)},
	};

	for (size_t k = 0; k < sizeof known / sizeof *known; k++)
		if (is_named(t, known[k].name))
			return matches(t, known[k].text);
	return label_matches(a, i, t);
}

static bool has_begun(const struct silence_item *item, int64_t now_ms)
{
	return item->begun || now_ms >= item->said.from_ms;
}

static bool covers(const struct alerts *a, const struct silence_item *item, const struct instance *i, int64_t now_ms)
{
	const struct silence *s = &item->said;
	const char *at = s->matcher;
	struct term t;

	if (!has_begun(item, now_ms) || now_ms >= s->until_ms)
		return false;
	if (*s->alert)
		return strcmp(s->alert, i->alert->id) == 0;
	while (next_term(&at, &t))
		if (!term_matches(a, i, &t))
			return false;
	return true;
}

const struct silence *silence_for(struct alerts *a, const struct instance *i, int64_t now_ms)
{
	list_each(&a->silences, l, after) {
		const struct silence_item *item = list_item(l, struct silence_item, link);

		if (covers(a, item, i, now_ms))
			return &item->said;
	}
	return NULL;
}

/* --- their life --- */

static void item_free(struct silence_item *item)
{
	free(item->said.matcher);
	free(item->said.by);
	free(item->said.note);
	free(item);
}

/* Those that ended leave the list at once, but live on until every alert has let go of them. */
static void take_ended(struct alerts *a, struct link *ended, int64_t now_ms)
{
	a->silences_edge_ms = INT64_MAX;
	list_each(&a->silences, l, after) {
		struct silence_item *item = list_item(l, struct silence_item, link);
		const struct silence *s = &item->said;
		int64_t edge;

		item->begun = has_begun(item, now_ms);
		edge = item->begun ? s->until_ms : s->from_ms;
		if (now_ms >= s->until_ms) {
			list_remove(l);
			list_push(ended, l);
			a->nsilences--;
		} else if (edge < a->silences_edge_ms) {
			a->silences_edge_ms = edge;
		}
	}
}

static void forget(struct link *ended)
{
	list_each(ended, l, after) {
		list_remove(l);
		item_free(list_item(l, struct silence_item, link));
	}
}

/* Silences are others now: alerts learn it, and then those that ended may go. */
static void changed(struct alerts *a, struct link *ended, int64_t now_ms)
{
	take_ended(a, ended, now_ms);
	a->mutes++;
	alerts_refresh(a, now_ms);
	forget(ended);
}

void silences_tick(struct alerts *a, int64_t now_ms)
{
	struct link ended;

	if (now_ms < a->silences_edge_ms || list_empty(&a->silences))
		return;
	list_init(&ended);
	changed(a, &ended, now_ms);
}

/* It was of this alert, and nobody else's. */
static void end_with_alert(struct alerts *a, struct silence_item *item, int64_t now_ms)
{
	list_remove(&item->link);
	a->nsilences--;
	if (a->hooks.silence_ended)
		a->hooks.silence_ended(a->hooks.user, &item->said, now_ms);
	item_free(item);
}

void silences_end_with(struct alerts *a, const char *alert, int64_t now_ms)
{
	list_each(&a->silences, l, after) {
		struct silence_item *item = list_item(l, struct silence_item, link);

		if (strcmp(item->said.alert, alert) == 0)
			end_with_alert(a, item, now_ms);
	}
}

void silences_end_lost(struct alerts *a, int64_t now_ms)
{
	list_each(&a->silences, l, after) {
		struct silence_item *item = list_item(l, struct silence_item, link);

		if (*item->said.alert && !map_get(&a->ids, item->said.alert, strlen(item->said.alert)))
			end_with_alert(a, item, now_ms);
	}
}

static struct silence_item *item_of(const struct silence *s)
{
	struct silence_item *item = xzalloc(sizeof *item);

	item->said = *s;
	item->said.matcher = xstrdup(s->matcher);
	item->said.by = s->by ? xstrdup(s->by) : NULL;
	item->said.note = s->note ? xstrdup(s->note) : NULL;
	return item;
}

int alerts_silence(struct alerts *a, const struct silence *s, int64_t now_ms)
{
	char why[200];
	struct link ended;

	list_init(&ended);
	if (!s->id[0] || !silence_matcher_check(s->matcher, why, sizeof why))
		return -EINVAL;
	if (*s->alert && a->ticked_ms && !map_get(&a->ids, s->alert, strlen(s->alert)))
		return -ENOENT;
	list_each(&a->silences, l, after)
		if (strcmp(list_item(l, struct silence_item, link)->said.id, s->id) == 0) {
			list_remove(l);
			list_push(&ended, l);
			a->nsilences--;
		}
	if (s->until_ms > now_ms) {
		if (a->nsilences >= LIMIT_SILENCES && list_empty(&ended))
			return -ENOSPC;
		list_push(&a->silences, &item_of(s)->link);
		a->nsilences++;
	}
	changed(a, &ended, now_ms);
	return 0;
}

void alerts_each_silence(struct alerts *a, void (*fn)(void *user, const struct silence *s), void *user)
{
	list_each(&a->silences, l, after)
		fn(user, &list_item(l, struct silence_item, link)->said);
}

void silences_release(struct alerts *a)
{
	forget(&a->silences);
}
