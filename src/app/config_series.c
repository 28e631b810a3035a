/* config_series.c: what a rule can be about: the families that collectors say they make (struct metric), before any was read.
 *
 * Unknown is what no host will ever have. A family that this host happens not to have, an instance that is missing, a name that comes
 * while the server runs: those are waited for. A limit is impossible where no value of any series that is meant can cross it; in doubt
 * it is possible. */
#include "app/config_blocks.h"

#include "app/answers.h"
#include "app/config_value.h"
#include "collectors/collectors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What families begin with that no collector makes: devices, queues and log files bring them at run time. */
static const char *const coming[] = {"device", "queue", "log"};
#define COMING (sizeof coming / sizeof *coming)

/* ---- families ---- */

struct family {
	const char *name, *unit;
	double min, max;               /* infinite where nothing is known */
};

/* Counts and amounts. Others (ms, °C) are measured from a zero that lies in their middle. */
static bool is_amount(const char *unit)
{
	static const char *const units[] = {"", "percent", "bytes", "bytes/s", "1/s"};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i], unit) == 0)
			return true;
	return false;
}

static struct family family_of(const struct metric *m, const char *unbounded)
{
	bool whole = strcmp(m->unit, "percent") == 0 && !(unbounded && strcmp(m->family, unbounded) == 0);

	return (struct family){m->family, m->unit, is_amount(m->unit) ? 0 : -INFINITY, whole ? 100 : INFINITY};
}

/* Those of each collector, then those that the runner tells itself; false behind the last. */
static bool family_at(size_t i, struct family *out)
{
	for (size_t k = 0; k < collectors_len; i -= collectors[k++]->nmetrics) {
		if (i >= collectors[k]->nmetrics)
			continue;
		*out = family_of(&collectors[k]->metrics[i], collectors[k]->unbounded);
		return true;
	}
	if (i >= collect_metrics_len)
		return false;
	*out = family_of(&collect_metrics[i], NULL);
	return true;
}

/* Can it name a series of the family? Behind its first star anything can follow, an instance for example. */
static bool may_be(const char *metric, const char *family)
{
	size_t n = strcspn(metric, "*"), len = strlen(family);

	if (n < len)
		return metric[n] && strncmp(metric, family, n) == 0;
	return strncmp(metric, family, len) == 0 && strchr("/*", metric[len]); /* or its end: strchr(3) finds that too */
}

static bool may_come(const char *metric)
{
	size_t n = strcspn(metric, "*");

	for (size_t i = 0; i < COMING; i++) {
		size_t len = strlen(coming[i]);

		if (n > len ? strncmp(metric, coming[i], len) == 0 && metric[len] == '.' : metric[n] && strncmp(metric, coming[i], n) == 0)
			return true;
	}
	return false;
}

static bool is_known(const char *metric)
{
	struct family f;

	for (size_t i = 0; family_at(i, &f); i++)
		if (may_be(metric, f.name))
			return true;
	return may_come(metric);
}

/* ---- names ---- */

static size_t head_len(const char *name)
{
	return strcspn(name, "./*");
}

static bool same_head(const char *a, const char *b)
{
	return head_len(a) == head_len(b) && strncmp(a, b, head_len(a)) == 0;
}

/* Of several that are as near, one that begins like the word. */
static void try_families(struct nearest *near)
{
	struct family f;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; family_at(i, &f); i++)
			if ((*f.name == *near->word) == (pass == 0))
				nearest_try(near, f.name);
}

static bool is_first_of_head(size_t at, const char *name)
{
	struct family f;

	for (size_t i = 0; i < at && family_at(i, &f); i++)
		if (same_head(f.name, name))
			return false;
	return true;
}

/* "cpu.usage, cpu.user, …" of what begins like metric, or what all names begin with. */
static void add_known(const char *metric, struct buf *out)
{
	struct family f;
	size_t start = out->len;

	for (size_t i = 0; family_at(i, &f); i++)
		if (same_head(f.name, metric))
			buf_addf(out, "%s%s", out->len == start ? " There are " : ", ", f.name);
	if (out->len > start)
		return;
	for (size_t i = 0; family_at(i, &f); i++)
		if (is_first_of_head(i, f.name))
			buf_addf(out, "%s%.*s", out->len == start ? " Names begin with " : ", ", (int)head_len(f.name), f.name);
	for (size_t i = 0; i < COMING; i++)
		buf_addf(out, "%s%s", i ? ", " : "; at run time come ", coming[i]);
}

void series_check(const char *metric, struct buf *why)
{
	size_t len = strcspn(metric, "/");
	char family[STORE_MAX_ID + 1];
	struct nearest near;

	if (is_known(series_resolve(metric)))
		return;
	snprintf(family, sizeof family, "%.*s", (int)len, metric);
	nearest_init(&near, family);
	try_families(&near);
	buf_addf(why, "there is no series \"%s\".", metric);
	if (near.best)
		buf_addf(why, " Did you mean \"%s%s\"?", near.best, metric + len);
	add_known(metric, why);
}

/* ---- limits ---- */

/* Can a value of the family be beyond the limit? */
static bool can_cross(const struct rule *r, const struct rule_limit *l, const struct family *f)
{
	switch (r->compare) {
	case RULE_ABOVE:
		return l->low < f->max;
	case RULE_BELOW:
		return l->low > f->min;
	case RULE_OUTSIDE:
		return l->low > f->min || l->high < f->max;
	case RULE_EQUALS:
		return l->low >= f->min && l->low <= f->max;
	case RULE_FULL_IN:
		return f->max == 100;
	case RULE_ABSENT:
		return true;
	}
	return true;
}

/* Can a value come back past clear? */
static bool can_end(const struct rule *r, const struct rule_limit *l, const struct family *f)
{
	if (l->clear == l->low) /* nobody asked for one */
		return true;
	return r->compare == RULE_ABOVE ? l->clear >= f->min : r->compare != RULE_BELOW || l->clear <= f->max;
}

typedef bool can_fn(const struct rule *r, const struct rule_limit *l, const struct family *f);

/* For every family that is meant; first is one of them. */
static bool is_impossible(const struct rule *r, const struct rule_limit *l, can_fn *can, struct family *first)
{
	const char *metric = series_resolve(r->metric);
	struct family f;
	size_t n = 0;

	for (size_t i = 0; family_at(i, &f); i++) {
		if (!may_be(metric, f.name))
			continue;
		if (can(r, l, &f))
			return false;
		if (!n++)
			*first = f;
	}
	return n && !may_come(metric);
}

static void add_bounds(const struct family *f, struct buf *why)
{
	buf_addf(why, ": %s is ", f->name);
	if (isinf(f->max))
		buf_adds(why, "never below 0");
	else
		buf_addf(why, "a percentage, %g to %g", f->min, f->max);
}

static void check_limit(const struct rule *r, const struct rule_limit *l, struct buf *why)
{
	struct family f;

	if (is_impossible(r, l, can_cross, &f)) {
		if (r->compare == RULE_FULL_IN) {
			buf_addf(why, "full_in needs a series that is full at 100 percent, such as fs.used_percent/*, and %s is none", f.name);
			return;
		}
		buf_addf(why, "%s %g", rule_compare_name(r->compare), l->low);
		if (r->compare == RULE_OUTSIDE)
			buf_addf(why, " to %g", l->high);
		buf_adds(why, " can never be");
		add_bounds(&f, why);
	} else if (is_impossible(r, l, can_end, &f)) {
		buf_addf(why, "clear %g can never be reached, so that the alert would not end", l->clear);
		add_bounds(&f, why);
	}
}

void series_check_limits(const struct rule *r, struct buf *why)
{
	/* What changes can do so in either direction, and by more than it is. */
	if (r->fold == RULE_RATE || r->fold == RULE_DELTA)
		return;
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL && !why->len; s++)
		if (r->limits[s].set)
			check_limit(r, &r->limits[s], why);
}
