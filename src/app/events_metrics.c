/* events_metrics.c: the events of namespace `/`: metrics. */
#include "app/answers.h"
#include "app/events.h"
#include "app/feed.h"
#include "base/limits.h"

#include <stdio.h>

/* --- shapes --- */

static const char *pattern_list(struct sio_args args)
{
	struct slice v;

	if (sio_args_at(args, 0, &v) && (json_type(v) == JSON_IS_STRING || (json_type(v) == JSON_IS_ARRAY && json_count(v))))
		return NULL;
	return "the first argument must be a series id, a pattern with *, or a list of them";
}

static const char *options_object(struct sio_args args)
{
	struct slice v;

	if (!sio_args_at(args, 0, &v) || json_type(v) == JSON_IS_OBJECT || json_type(v) == JSON_IS_NULL)
		return NULL;
	return "the first argument must be an object of options";
}

static const char *optional_patterns(struct sio_args args)
{
	struct slice v;

	if (sio_args_at(args, 0, &v) && json_type(v) != JSON_IS_NULL && pattern_list(args))
		return pattern_list(args);
	if (sio_args_at(args, 1, &v) && json_type(v) != JSON_IS_OBJECT && json_type(v) != JSON_IS_NULL)
		return "the second argument must be an object of options";
	return NULL;
}

/* --- subscriptions --- */

static struct subscriber *client_of(const struct call *c)
{
	return sio_socket_user(c->socket);
}

static bool take_patterns(struct call *c, struct texts *patterns)
{
	struct params p;

	params_init(&p, slice_of("", 0));
	if (texts_parse(&p, "a pattern", call_arg(c, 0), LIMIT_SUBSCRIPTIONS, LIMIT_PATTERN_BYTES, patterns))
		return true;
	call_error(c, p.error);
	return false;
}

static void tell_patterns(struct call *c, const char *event, const struct texts *patterns)
{
	struct sio_builder b;

	for (size_t i = 0; i < patterns->n; i++) {
		sio_builder_init(&b);
		sio_add_string(&b, patterns->at[i]);
		sio_socket_emit(c->socket, event, sio_built(&b));
		sio_builder_release(&b);
	}
}

static void on_subscribe(struct call *c)
{
	struct texts patterns;
	struct buf answer;

	if (!take_patterns(c, &patterns))
		return;
	buf_init(&answer, SIZE_MAX / 2);
	buf_adds(&answer, "\"matched\":[");
	if (subscriber_add(client_of(c), &patterns, &answer)) {
		buf_addc(&answer, ']');
		tell_patterns(c, "subscribed", &patterns);
		if (c->ack)
			call_ok(c, answer.data);
	} else {
		call_error(c, "too many subscriptions: a client may have at most 200; use patterns with *");
	}
	buf_release(&answer);
	texts_release(&patterns);
}

static void on_unsubscribe(struct call *c)
{
	struct texts patterns;

	if (!take_patterns(c, &patterns))
		return;
	subscriber_drop(client_of(c), &patterns);
	tell_patterns(c, "unsubscribed", &patterns);
	call_ok(c, NULL);
	texts_release(&patterns);
}

static void on_set_rate(struct call *c)
{
	static const char *const hows[] = {"last", "avg", "min", "max", NULL};
	uint32_t least = c->app->config->min_rate_ms;
	struct params p;
	double rate = 0;
	char members[40];
	int how;

	params_init(&p, call_arg(c, 1));
	how = params_word(&p, "aggregate", hows, AGGREGATE_LAST);
	if (!sio_args_number(c->args, 0, &rate) || rate < least || rate > LIMIT_RATE_MS)
		params_fail(&p, "the rate must be a number of milliseconds from %u to %d", least, LIMIT_RATE_MS);
	if (!params_ok(&p)) {
		call_error(c, p.error);
		return;
	}
	snprintf(members, sizeof members, "\"rate\":%u", (uint32_t)rate);
	if (c->ack)
		call_ok(c, members);
	subscriber_set_rate(client_of(c), (uint32_t)rate, (enum aggregate)how);
}

static void on_watch(struct call *c)
{
	struct texts patterns = {0};
	struct params p;
	struct buf answer;
	uint32_t rate;

	params_init(&p, call_arg(c, 0));
	rate = (uint32_t)params_number(&p, "rate", c->app->config->min_rate_ms, LIMIT_RATE_MS, 1000);
	params_texts(&p, "series", LIMIT_WATCH_PATTERNS, LIMIT_PATTERN_BYTES, &patterns);
	if (!params_ok(&p)) {
		call_error(c, p.error);
	} else {
		buf_init(&answer, SIZE_MAX / 2);
		if (subscriber_watch(client_of(c), patterns.at, patterns.n, rate, &answer))
			call_ok(c, answer.data);
		else
			call_error(c, "too many series: a watch list may hold at most 1000");
		buf_release(&answer);
	}
	texts_release(&patterns);
}

/* --- questions --- */

static void answer(struct call *c, struct slice options, answer_fn *fn)
{
	struct params p;
	struct buf b;

	params_init(&p, options);
	buf_init(&b, SIZE_MAX / 2);
	if (params_ok(&p))
		fn(c->app, &p, &b);
	if (params_ok(&p))
		call_ok(c, b.data);
	else
		call_error(c, p.error);
	buf_release(&b);
}

static void on_get_metrics(struct call *c)
{
	struct slice pattern = call_arg(c, 0), more = call_arg(c, 1);
	struct json_walk w = json_walk(more.n ? more : slice_of("{}", 2));
	struct slice name, value;
	struct buf options;

	buf_init(&options, SIZE_MAX / 2);
	buf_addc(&options, '{');
	while (json_next_member(&w, &name, &value)) {
		json_add_slice(&options, name);
		buf_addc(&options, ':');
		json_add_slice(&options, value);
		buf_addc(&options, ',');
	}
	buf_adds(&options, "\"pattern\":"); /* of two members of one name the last counts */
	json_add_slice(&options, pattern.n ? pattern : slice_of("null", 4));
	buf_addc(&options, '}');
	answer(c, slice_of(options.data, options.len), answer_series);
	buf_release(&options);
}

static void on_get_history(struct call *c)
{
	answer(c, call_arg(c, 0), answer_history);
}

static void on_get_processes(struct call *c)
{
	answer(c, call_arg(c, 0), answer_processes);
}

static void on_get_status(struct call *c)
{
	answer(c, slice_of("", 0), answer_status);
}

static void on_get_events(struct call *c)
{
	answer(c, slice_of("", 0), answer_events);
}

static const struct event events[] = {
	{"subscribe metric",   ROLE_VIEWER, pattern_list,     on_subscribe, true},
	{"unsubscribe metric", ROLE_VIEWER, pattern_list,     on_unsubscribe, true},
	{"set polling rate",   ROLE_VIEWER, NULL,             on_set_rate, true},
	{"get metrics",        ROLE_VIEWER, optional_patterns, on_get_metrics, true},
	{"get history",        ROLE_VIEWER, options_object,   on_get_history, true},
	{"get processes",      ROLE_VIEWER, options_object,   on_get_processes, true},
	{"get status",         ROLE_VIEWER, NULL,             on_get_status, false},
	{"get events",         ROLE_VIEWER, NULL,             on_get_events, false},
	{"watch",              ROLE_VIEWER, options_object,   on_watch, true},
};

const struct event_rows events_metrics = {events, sizeof events / sizeof *events};
