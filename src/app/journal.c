/* journal.c: what happened to the monitor itself. */
#include "app/journal.h"

#include "base/clock.h"
#include "base/json.h"

#include <stdio.h>

const struct journal_event *journal_add(struct journal *j, const char *kind, const char *text)
{
	struct journal_event *e;

	if (j->n == JOURNAL_EVENTS)
		j->first = (j->first + 1) % JOURNAL_EVENTS;
	else
		j->n++;
	e = &j->at[(j->first + j->n - 1) % JOURNAL_EVENTS];
	e->t_ms = clock_wall_ms();
	e->kind = kind;
	snprintf(e->text, sizeof e->text, "%s", text);
	return e;
}

void journal_event_json(const struct journal_event *e, struct buf *out)
{
	buf_addf(out, "{\"timestamp\":%lld,\"kind\":\"%s\",\"text\":", (long long)e->t_ms, e->kind);
	json_add_str(out, e->text);
	buf_addc(out, '}');
}

void journal_json(const struct journal *j, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < j->n; i++) {
		if (i)
			buf_addc(out, ',');
		journal_event_json(&j->at[(j->first + i) % JOURNAL_EVENTS], out);
	}
	buf_addc(out, ']');
}
