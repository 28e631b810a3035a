/* turns.c: requests that take long, some in each turn of the loop. */
#include "app/turns.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/xmalloc.h"

#include <stdlib.h>

#define SHARE_MS 10           /* of a turn, from its first such request on */
#define REQUEST_BYTES 512     /* what one costs beside its own bytes, roughly */
#define PAUSE_MS 1            /* the timers of a turn are run together: the next one's share is a timer of the next */

struct work {
	struct link link;
	turns_fn *fn;
	void *request;
	size_t bytes;
};

/* A client that waits. */
struct line {
	struct link link;
	const void *client;
	struct link works;             /* never empty */
	size_t n;
};

struct turns {
	struct loop *loop;
	struct loop_timer timer;       /* set while anybody waits */
	struct link lines;             /* whose turn it is comes first */
	struct map by_client;
	size_t bytes;
	uint64_t turn;                 /* of the loop, that until_ms is of */
	int64_t until_ms;
};

static bool has_time(struct turns *t)
{
	if (t->turn != loop_turns(t->loop)) {
		t->turn = loop_turns(t->loop);
		t->until_ms = clock_mono_ms() + SHARE_MS;
	}
	return clock_mono_ms() < t->until_ms;
}

static void line_free(struct turns *t, struct line *line)
{
	list_remove(&line->link);
	map_del(&t->by_client, (const char *)&line->client, sizeof line->client);
	free(line);
}

/* One request of the client whose turn it is. */
static void do_one(struct turns *t)
{
	struct line *line = list_item(t->lines.next, struct line, link);
	struct work *work = list_item(line->works.next, struct work, link);

	list_remove(&work->link);
	list_remove(&line->link);
	list_push(&t->lines, &line->link);
	line->n--;
	t->bytes -= work->bytes;
	if (list_empty(&line->works))
		line_free(t, line);
	work->fn(work->request);
	free(work);
}

static void on_turn(struct loop_timer *timer)
{
	struct turns *t = list_item(timer, struct turns, timer);

	while (!list_empty(&t->lines) && has_time(t))
		do_one(t);
	if (!list_empty(&t->lines))
		loop_timer_set(t->loop, timer, PAUSE_MS, on_turn);
}

bool turns_now(struct turns *t)
{
	return list_empty(&t->lines) && has_time(t);
}

bool turns_waits(const struct turns *t, const void *client)
{
	return map_get(&t->by_client, (const char *)&client, sizeof client) != NULL;
}

static struct line *line_of(struct turns *t, const void *client)
{
	struct line *line = map_get(&t->by_client, (const char *)&client, sizeof client);

	if (line)
		return line;
	line = xzalloc(sizeof *line);
	line->client = client;
	list_init(&line->works);
	list_push(&t->lines, &line->link);
	map_set(&t->by_client, (const char *)&client, sizeof client, line);
	return line;
}

bool turns_later(struct turns *t, const void *client, size_t bytes, turns_fn *fn, void *take_request)
{
	struct line *line = line_of(t, client);
	struct work *work;

	if (line->n >= LIMIT_HEAVY_REQUESTS || t->bytes + REQUEST_BYTES > LIMIT_HEAVY_BYTES ||
	    bytes > LIMIT_HEAVY_BYTES - REQUEST_BYTES - t->bytes) {
		if (!line->n)
			line_free(t, line);
		return false;
	}
	work = xzalloc(sizeof *work);
	*work = (struct work){.fn = fn, .request = take_request, .bytes = bytes + REQUEST_BYTES};
	list_push(&line->works, &work->link);
	line->n++;
	t->bytes += work->bytes;
	if (!loop_timer_is_set(&t->timer))
		loop_timer_set(t->loop, &t->timer, PAUSE_MS, on_turn);
	return true;
}

struct turns *turns_new(struct loop *l)
{
	struct turns *t = xzalloc(sizeof *t);

	t->loop = l;
	list_init(&t->lines);
	map_init(&t->by_client);
	return t;
}

void turns_free(struct turns *t)
{
	if (!t)
		return;
	while (!list_empty(&t->lines))
		do_one(t);
	loop_timer_clear(t->loop, &t->timer);
	map_release(&t->by_client);
	free(t);
}
