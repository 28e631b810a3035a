/* exposition.c: /metrics. Prometheus text 0.0.4, or OpenMetrics 1.0 for who prefers it.
 *
 * The collectors read afresh on the sampler's thread and write their families; the request waits meanwhile. */
#include "app/alerting.h"
#include "app/routes.h"
#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

struct scrape {
	struct app *app;
	struct http_request *request;  /* NULL once its client has left */
	bool open_metrics;
	struct buf text;
};

static void on_gone(void *user)
{
	struct scrape *s = user;

	s->request = NULL;
}

static bool ends_in(const char *s, size_t n, const char *end)
{
	size_t len = strlen(end);

	return n > len && memcmp(s + n - len, end, len) == 0;
}

/* `# HELP name …`, `# TYPE name counter`: in OpenMetrics a counter's family is named without _total, and what is
 * of no type is unknown. A counter that has no _total is no counter there. */
static void add_comment(struct buf *out, const char *line, size_t n, bool counter)
{
	const char *name = line + 7, *end = line + n;
	size_t name_len = strcspn(name, " \n");
	bool total = ends_in(name, name_len, "_total") && counter;
	const char *rest = name + name_len;

	buf_add(out, line, 7);
	buf_add(out, name, name_len - (total ? 6 : 0));
	if (line[2] == 'T' && (strncmp(rest, " untyped", 8) == 0 || (strncmp(rest, " counter", 8) == 0 && !total)))
		buf_adds(out, " unknown\n");
	else
		buf_add(out, rest, (size_t)(end - rest));
}

/* Is the family that HELP names a counter? Its TYPE line follows. */
static bool next_is_counter(const char *line, size_t n, const char *end)
{
	const char *type = line + n, *stop = memchr(type, '\n', (size_t)(end - type));

	if (line[2] == 'T')
		type = line, stop = line + n - 1;
	return stop && stop - type > 8 && memcmp(stop - 8, " counter", 8) == 0;
}

static void to_open_metrics(const struct buf *in, struct buf *out)
{
	const char *p = in->data, *end = p + in->len;

	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t n = stop ? (size_t)(stop - p) + 1 : (size_t)(end - p);

		if (n > 8 && *p == '#')
			add_comment(out, p, n, next_is_counter(p, n, end));
		else
			buf_add(out, p, n);
		p += n;
	}
	buf_adds(out, "# EOF\n");
}

static void add_build(struct scrape *s)
{
	buf_addf(&s->text,
	         "# HELP vedette_build_info Version of Vedette.\n# TYPE vedette_build_info gauge\n"
	         "vedette_build_info{version=\"%s\"} 1\n",
	         VEDETTE_VERSION);
}

static void answer(void *arg)
{
	struct scrape *s = arg;

	if (s->request) {
		add_build(s);
		alerting_expose(s->app->alerting, &s->text);
		if (s->open_metrics) {
			struct buf open;

			buf_init(&open, SIZE_MAX / 2);
			to_open_metrics(&s->text, &open);
			http_reply_buf(s->request, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", &open);
		} else {
			http_reply_buf(s->request, 200, "text/plain; version=0.0.4; charset=utf-8", &s->text);
		}
	}
	buf_release(&s->text);
	free(s);
}

/* On the sampler's thread. */
static void on_scraped(void *user, struct buf *out)
{
	struct scrape *s = user;
	struct loop *l = s->app->loop;
	size_t n;
	char *text = buf_take(out, &n);

	buf_add(&s->text, text, n);
	free(text);
	loop_post(l, answer, s);
}

void exposition_reply(struct app *app, struct http_request *r)
{
	const char *accept = http_header(r, "accept");
	struct scrape *s = xzalloc(sizeof *s);

	s->app = app;
	s->request = r;
	s->open_metrics = accept && strstr(accept, "application/openmetrics-text");
	buf_init(&s->text, SIZE_MAX / 2);
	http_on_gone(r, on_gone, s);
	collect_scrape(app->collect, on_scraped, s);
}
