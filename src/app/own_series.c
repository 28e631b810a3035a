/* own_series.c: series of Vedette itself that only the talking half can tell. What they are called and mean is in collectors/self.c. */
#include "app/own_series.h"

#include "collectors/collectors.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct metric *metric_of(const char *family)
{
	for (size_t i = 0; i < collector_self.nmetrics; i++)
		if (strcmp(collector_self.metrics[i].family, family) == 0)
			return &collector_self.metrics[i];
	return NULL;
}

store_ref own_series(struct store *st, const char *family, const char *instance)
{
	const struct metric *m = metric_of(family);
	char id[STORE_MAX_ID + 1];

	assert(m);
	snprintf(id, sizeof id, "%s%s%s", family, instance ? "/" : "", instance ? instance : "");
	return store_series(st, &(struct store_info){id, m->unit, m->help, collector_self.name, m->kind, collector_self.interval_ms});
}
