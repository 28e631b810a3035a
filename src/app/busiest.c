/* busiest.c: of many instances, those with the most. */
#include "app/busiest.h"

#include "base/xmalloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Steps of a range: enough that a minute is weighed by its raw points, few enough that a thousand series take milliseconds. */
#define STEPS 30

struct row {
	struct weighed w;
	const char *instance;
	size_t first;          /* of the instance's rows in the list */
	double weight;         /* of the instance */
};

static double mean_of(struct store *st, const struct store_entry *e, int64_t from_ms, int64_t to_ms)
{
	struct store_query q = {.from_ms = from_ms, .to_ms = to_ms, .points = STEPS, .fold = STORE_AVG};
	struct store_range r;
	int64_t from, step;
	size_t n, known = 0;
	double sum = 0;

	store_plan(&q, e->interval_ms, &from, &step, &n);
	if (!store_query_take(st, e->series, &q, from, step, n, &r))
		return NAN; /* it went away a moment ago */
	for (size_t i = 0; i < n; i++) {
		if (isnan(r.value[i]))
			continue;
		sum += r.value[i];
		known++;
	}
	store_range_release(&r);
	return known ? sum / (double)known : NAN;
}

static const char *instance_of(const char *id)
{
	const char *slash = strchr(id, '/');

	return slash ? slash + 1 : id;
}

static int by_instance(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->instance, y->instance);

	return order ? order : (x->w.entry > y->w.entry) - (x->w.entry < y->w.entry);
}

static int by_weight(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	if (x->first != y->first)
		return x->first > y->first ? 1 : -1;
	return (x->w.entry > y->w.entry) - (x->w.entry < y->w.entry);
}

/* Rows of one instance stand together: each is told their sum and the place of the first. Returns how many instances. */
static size_t weigh_instances(struct row *rows, size_t n, const struct store_entry *list)
{
	size_t instances = 0;

	for (size_t i = 0, end; i < n; i = end, instances++) {
		double sum = 0;

		for (end = i; end < n && strcmp(rows[end].instance, rows[i].instance) == 0; end++)
			if (!isnan(rows[end].w.mean))
				sum += rows[end].w.mean;
		for (size_t k = i; k < end; k++) {
			rows[k].weight = sum;
			rows[k].first = (size_t)(rows[i].w.entry - list);
		}
	}
	return instances;
}

void busiest_take(struct store *st, const struct store_list *list, const bool *skip, int64_t from_ms, int64_t to_ms, size_t top,
                  struct busiest *out)
{
	struct row *rows = xcalloc(list->n + 1, sizeof *rows);
	size_t n = 0, seen = 0;

	for (size_t i = 0; i < list->n; i++)
		if (!skip || !skip[i])
			rows[n++] = (struct row){{&list->at[i], mean_of(st, &list->at[i], from_ms, to_ms)}, instance_of(list->at[i].id), 0, 0};
	qsort(rows, n, sizeof *rows, by_instance);
	*out = (struct busiest){.at = xcalloc(n + 1, sizeof *out->at), .instances = weigh_instances(rows, n, list->at)};
	qsort(rows, n, sizeof *rows, by_weight);
	for (size_t i = 0; i < n; i++) {
		seen += i == 0 || rows[i].first != rows[i - 1].first;
		if (seen > top)
			break;
		out->at[out->n++] = rows[i].w;
	}
	free(rows);
}

void busiest_release(struct busiest *b)
{
	free(b->at);
	*b = (struct busiest){0};
}
