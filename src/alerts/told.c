/* told.c: which channels heard of an alert. Whoever heard of it hears all that follows, to its end: a pager that was told of a
 * critical alert is told when that is a mere warning, and when it is over. Kept on disk with the alert (app/alerting.c). */
#include "alerts/inner.h"
#include "base/json.h"
#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

bool told_has(const struct told *t, const char *channel)
{
	for (size_t i = 0; t && i < t->n; i++)
		if (strcmp(t->channels[i], channel) == 0)
			return true;
	return false;
}

static void add(struct told *t, char *take_channel)
{
	t->channels = xrealloc(t->channels, (t->n + 1) * sizeof *t->channels);
	t->channels[t->n++] = take_channel;
}

void told_add(struct told *t, const char *channel)
{
	if (!told_has(t, channel))
		add(t, xstrdup(channel));
}

void told_release(struct told *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->channels[i]);
	free(t->channels);
	*t = (struct told){0};
}

void told_json(const struct told *t, struct buf *out)
{
	if (!t || !t->n)
		return;
	buf_addc(out, '[');
	for (size_t i = 0; i < t->n; i++) {
		if (i)
			buf_addc(out, ',');
		json_add_str(out, t->channels[i]);
	}
	buf_addc(out, ']');
}

void told_read(struct told *t, const char *json)
{
	struct slice list = slice_str(json);
	struct json_walk w;

	if (!json || !json_valid(list, 1) || json_type(list) != JSON_IS_ARRAY)
		return;
	w = json_walk(list);
	for (struct slice one; json_next(&w, &one);) {
		struct buf name;

		if (json_type(one) != JSON_IS_STRING)
			continue;
		buf_init(&name, SIZE_MAX / 2);
		json_unquote(&name, one);
		add(t, buf_take(&name, NULL));
	}
}
