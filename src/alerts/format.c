/* format.c: what a webhook's body looks like. A row each. */
#include "alerts/channel.h"

#include "base/json.h"
#include "base/limits.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void telling_link(const struct telling *t, struct buf *out)
{
	/* An address of the dashboard's (web/js/lib/urlstate.js). */
	buf_addf(out, "%s#/alerts?alert=%s", t->external_url, t->alert->id);
}

void telling_object(const struct telling *t, struct buf *out)
{
	struct buf link;

	buf_init(&link, LIMIT_SUMMARY_BYTES);
	telling_link(t, &link);
	alert_json_linked(t->alert, t->host, t->now_ms, link.data, out);
	buf_release(&link);
}

/* A label of the rule, its placeholders filled. */
static void fill(const struct telling *t, const struct alert_view *a, const char *text, struct buf *out)
{
	struct rule_words w = {a->series, t->host, severity_name(a->severity), a->value, a->threshold, a->unit ? a->unit : ""};

	buf_init(out, LIMIT_SUMMARY_BYTES);
	rule_fill(a->rule, text, &w, out);
}

/* For people, of an alert that is damped. */
#define FLAPS "it comes and goes: its end is told once it was calm for 5 minutes"


/* --- alertmanager: its webhook payload, version 4 (Alertmanager, template.Data) --- */

static void add_time(struct buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char text[40];
	struct tm tm;

	if (!ms) {
		buf_adds(out, "\"0001-01-01T00:00:00Z\"");
		return;
	}
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_addf(out, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}

static void add_pair(struct buf *out, const char *name, size_t n, const char *value)
{
	if (out->data[out->len - 1] != '{')
		buf_addc(out, ',');
	json_add_string(out, name, n);
	buf_addc(out, ':');
	json_add_str(out, value ? value : "");
}

/* Of an alert whose rule is gone; it may be of a time when a label could have any name. */
static void add_kept_labels(const struct alert_view *a, struct buf *out)
{
	struct json_walk w = json_walk(slice_str(a->labels));

	for (struct slice name, value; json_next_member(&w, &name, &value);) {
		if (name.n >= 2 && rule_label_taken(name.p + 1, name.n - 2))
			continue;
		buf_addc(out, ',');
		json_add_slice(out, name);
		buf_addc(out, ':');
		json_add_slice(out, value);
	}
}

static void add_rule_labels(const struct telling *t, const struct alert_view *a, struct buf *out)
{
	add_pair(out, "alertname", 9, a->rule_name);
	add_pair(out, "instance", 8, t->host);
	if (!a->rule && a->labels)
		add_kept_labels(a, out);
	for (size_t i = 0; a->rule && i < a->rule->nlabels; i++) {
		const char *label = a->rule->labels[i];
		size_t n = strcspn(label, "=");
		struct buf value;

		fill(t, a, label + n + 1, &value);
		add_pair(out, label, n, value.data);
		buf_release(&value);
	}
}

static void add_labels(const struct telling *t, const struct alert_view *a, struct buf *out)
{
	buf_addc(out, '{');
	add_rule_labels(t, a, out);
	add_pair(out, "metric", 6, a->metric);
	add_pair(out, "series", 6, a->series);
	add_pair(out, "severity", 8, severity_name(a->severity));
	buf_addc(out, '}');
}

static void add_annotations(const struct telling *t, const struct alert_view *a, struct buf *out)
{
	struct buf runbook;
	char value[32];

	snprintf(value, sizeof value, "%.6g", a->value);
	buf_addc(out, '{');
	add_pair(out, "summary", 7, a->summary);
	buf_init(&runbook, LIMIT_SUMMARY_BYTES);
	alert_runbook(a, t->host, &runbook);
	if (runbook.len)
		add_pair(out, "runbook_url", 11, runbook.data);
	buf_release(&runbook);
	add_pair(out, "value", 5, value);
	if (a->flapping)
		add_pair(out, "flapping", 8, FLAPS);
	buf_addc(out, '}');
}

static void add_link(const struct telling *t, const struct alert_view *a, struct buf *out)
{
	struct telling other = *t;
	struct buf link;

	other.alert = a;               /* of the group */
	buf_init(&link, LIMIT_SUMMARY_BYTES);
	telling_link(&other, &link);
	json_add_string(out, link.data, link.len);
	buf_release(&link);
}

static void add_alert(const struct telling *t, const struct alert_view *a, struct buf *out)
{
	buf_addf(out, "{\"status\":\"%s\",\"labels\":", a->state == ALERT_RESOLVED ? "resolved" : "firing");
	add_labels(t, a, out);
	buf_adds(out, ",\"annotations\":");
	add_annotations(t, a, out);
	buf_adds(out, ",\"startsAt\":");
	add_time(out, a->starts_ms);
	buf_adds(out, ",\"endsAt\":");
	add_time(out, a->ends_ms);
	buf_adds(out, ",\"generatorURL\":");
	add_link(t, a, out);
	buf_addf(out, ",\"fingerprint\":\"%s\"}", a->id);
}

/* Others of the group that a message holds, of those that the channel heard of, since it does not hear the end of the rest. When a thousand
 * series of one rule fire, each tells of itself. */
#define GROUP_OTHERS 100

struct group {
	const struct telling *t;
	struct buf *out;
	size_t n;
};

static void visit_other(void *user, const struct alert_view *a)
{
	struct group *g = user;

	if (strcmp(a->id, g->t->alert->id) == 0 || strcmp(a->rule_name, g->t->alert->rule_name) != 0 || a->inhibited ||
	    (a->state != ALERT_FIRING && a->state != ALERT_ACKNOWLEDGED) || !told_has(a->told, g->t->channel->name))
		return;
	if (++g->n > GROUP_OTHERS)
		return;
	buf_addc(g->out, ',');
	add_alert(g->t, a, g->out);
}

static size_t visit_others(const struct telling *t, struct buf *out)
{
	struct group g = {t, out, 0};

	if (t->alerts)
		alerts_each(t->alerts, visit_other, &g);
	return g.n;
}

/* Do all of the alerts have this member of `which`? */
static bool is_common(struct slice alerts, const char *which, const char *name, struct slice value)
{
	struct json_walk w = json_walk(alerts);

	for (struct slice one, object, v; json_next(&w, &one);)
		if (!json_get(one, which, &object) || !json_get(object, name, &v) || v.n != value.n || memcmp(v.p, value.p, v.n) != 0)
			return false;
	return true;
}

/* Of labels or annotations those that are the same in all alerts of the message. */
static void add_common(struct slice alerts, const char *which, struct buf *out)
{
	struct slice first, object, name, value;
	struct json_walk w;

	buf_addc(out, '{');
	if (!json_at(alerts, 0, &first) || !json_get(first, which, &object))
		object = slice_of("{}", 2);
	w = json_walk(object);
	while (json_next_member(&w, &name, &value)) {
		struct buf key;

		buf_init(&key, SIZE_MAX / 2);
		json_unquote(&key, name);
		if (is_common(alerts, which, key.data, value)) {
			if (out->data[out->len - 1] != '{')
				buf_addc(out, ',');
			json_add_slice(out, name);
			buf_addc(out, ':');
			json_add_slice(out, value);
		}
		buf_release(&key);
	}
	buf_addc(out, '}');
}

static void add_group_key(const char *rule, struct buf *out)
{
	buf_adds(out, "\"{}:{alertname=\\\"");
	for (const char *p = rule; *p; p++)
		if (*p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
			buf_addc(out, *p);
	buf_adds(out, "\\\"}\"");
}

/* One rule is one group: the alert that changed comes first, then what else of it is firing. */
static void body_alertmanager(const struct telling *t, struct buf *out)
{
	const struct alert_view *a = t->alert;
	struct slice list;
	struct buf alerts;
	size_t others;

	buf_init(&alerts, SIZE_MAX / 2);
	buf_addc(&alerts, '[');
	add_alert(t, a, &alerts);
	others = visit_others(t, &alerts);
	buf_addc(&alerts, ']');
	list = slice_of(alerts.data, alerts.len);
	buf_adds(out, "{\"version\":\"4\",\"groupKey\":");
	add_group_key(a->rule_name, out);
	buf_addf(out, ",\"truncatedAlerts\":%zu,\"status\":\"%s\",\"receiver\":", others > GROUP_OTHERS ? others - GROUP_OTHERS : 0,
	         a->state == ALERT_RESOLVED && !others ? "resolved" : "firing");
	json_add_str(out, t->channel->name);
	buf_adds(out, ",\"groupLabels\":{\"alertname\":");
	json_add_str(out, a->rule_name);
	buf_adds(out, "},\"commonLabels\":");
	add_common(list, "labels", out);
	buf_adds(out, ",\"commonAnnotations\":");
	add_common(list, "annotations", out);
	buf_adds(out, ",\"externalURL\":");
	json_add_str(out, t->external_url);
	buf_adds(out, ",\"alerts\":");
	json_add_slice(out, list);
	buf_addc(out, '}');
	buf_release(&alerts);
}

/* --- chats --- */

static const char *word_of(const struct alert_view *a)
{
	switch (a->state) {
	case ALERT_RESOLVED:
		return "resolved";
	case ALERT_ACKNOWLEDGED:
		return "acknowledged";
	case ALERT_SILENCED:
		return "silenced";
	default:
		return severity_name(a->severity);
	}
}

static const char *sign_of(const struct alert_view *a)
{
	if (a->state == ALERT_RESOLVED)
		return "\xe2\x9c\x85";                                                     /* a tick */
	return a->severity == SEVERITY_CRITICAL ? "\xf0\x9f\x94\xb4" : "\xf0\x9f\x9f\xa0"; /* a red, an orange circle */
}

/* What a name or a sentence may not say in a chat: mention everyone, or show one link and lead to another. */
struct chat {
	const char *bold;
	void (*add)(struct buf *out, const char *text);
	void (*add_link)(struct buf *out, const char *url);
};

/* Slack has three signs of its own (Slack, "Formatting text for app surfaces"). */
static void add_slack(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			buf_adds(out, "&amp;");
		else if (*text == '<' || *text == '>')
			buf_adds(out, *text == '<' ? "&lt;" : "&gt;");
		else
			buf_addc(out, *text);
	}
}

static void add_discord(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\*_~`|<>[]#", *text))
			buf_addc(out, '\\');
		buf_addc(out, *text);
	}
}

static const struct chat slack = {"*", add_slack, add_slack}, discord = {"**", add_discord, buf_adds};

static void add_by(const struct chat *c, const struct alert_view *a, struct buf *text)
{
	if (!a->by)
		return;
	buf_adds(text, " (");
	c->add(text, a->by);
	if (a->note && *a->note) {
		buf_adds(text, ": ");
		c->add(text, a->note);
	}
	buf_addc(text, ')');
}

/* The summary is still that of when it fired. */
static void add_end(const struct chat *c, const struct alert_view *a, struct buf *text)
{
	struct buf end;

	buf_init(&end, 200);
	alert_say_end(a, &end);
	buf_adds(text, " (over ");
	c->add(text, end.data);
	buf_addc(text, ')');
	buf_release(&end);
}

/* `*[critical] HIGH_CPU* on host: summary` */
static void add_sentence(const struct telling *t, const struct chat *c, struct buf *text)
{
	const struct alert_view *a = t->alert;

	buf_addf(text, "%s %s[%s] ", sign_of(a), c->bold, word_of(a));
	c->add(text, a->rule_name);
	buf_addf(text, "%s on ", c->bold);
	c->add(text, t->host);
	buf_adds(text, ": ");
	c->add(text, a->summary ? a->summary : "");
	if (a->state == ALERT_RESOLVED)
		add_end(c, a, text);
	if (a->flapping)
		buf_adds(text, " (" FLAPS ")");
	add_by(c, a, text);
}

/* A line each: where the alert is, and what to do. */
static void add_links(const struct telling *t, const struct chat *c, struct buf *text)
{
	struct buf link, runbook;

	buf_init(&link, LIMIT_SUMMARY_BYTES);
	buf_init(&runbook, LIMIT_SUMMARY_BYTES);
	telling_link(t, &link);
	alert_runbook(t->alert, t->host, &runbook);
	buf_adds(text, "\nalert: ");
	c->add_link(text, link.data);
	if (runbook.len) {
		buf_adds(text, "\nrunbook: ");
		c->add_link(text, runbook.data);
	}
	buf_release(&runbook);
	buf_release(&link);
}

#define SENTENCE_MAX 32000 /* a summary and a note, each byte of them escaped */

static void body_slack(const struct telling *t, struct buf *out)
{
	struct buf text;

	buf_init(&text, SENTENCE_MAX);
	add_sentence(t, &slack, &text);
	add_links(t, &slack, &text);
	buf_adds(out, "{\"text\":");
	json_add_string(out, text.data, text.len);
	buf_addc(out, '}');
	buf_release(&text);
}

#define DISCORD_MAX 2000 /* characters of a message */

/* What is left of it where at most so many bytes have room: not half of a character. */
static size_t cut(const struct buf *text, size_t most)
{
	size_t n = text->len < most ? text->len : most;

	while (n < text->len && n && ((unsigned char)text->data[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* A sentence may be cut; half a link leads nowhere. */
static void body_discord(const struct telling *t, struct buf *out)
{
	struct buf text, links;
	size_t links_len;

	buf_init(&text, SENTENCE_MAX);
	buf_init(&links, SENTENCE_MAX);
	add_links(t, &discord, &links);
	add_sentence(t, &discord, &text);
	links_len = cut(&links, DISCORD_MAX);
	text.len = cut(&text, DISCORD_MAX - links_len);
	buf_add(&text, links.data, links_len);
	buf_adds(out, "{\"content\":");
	json_add_string(out, text.data, text.len);
	buf_adds(out, ",\"allowed_mentions\":{\"parse\":[]}}");
	buf_release(&links);
	buf_release(&text);
}

/* --- one's own --- */

/* `{{name}}` is the member of the alert object as JSON text; `{{name|text}}` the inside of its string. */
struct hole {
	const char *open, *after;      /* where it begins, and what follows it */
	char name[64];
	bool bare;
};

/* The first hole of text; false if there is none. */
static bool next_hole(const char *text, struct hole *h)
{
	const char *shut;
	size_t n;

	h->open = strstr(text, "{{");
	shut = h->open ? strstr(h->open, "}}") : NULL;
	if (!shut)
		return false;
	h->after = shut + 2;
	n = (size_t)(shut - h->open) - 2;
	h->bare = n > 5 && memcmp(shut - 5, "|text", 5) == 0;
	snprintf(h->name, sizeof h->name, "%.*s", (int)(h->bare ? n - 5 : n), h->open + 2);
	return true;
}

static void fill_hole(struct slice alert, const struct hole *h, struct buf *out)
{
	struct slice value;

	if (!json_get(alert, h->name, &value))
		value = slice_of("null", 4);
	if (h->bare && json_type(value) == JSON_IS_STRING)
		buf_add(out, value.p + 1, value.n - 2);
	else
		json_add_slice(out, value);
}

static void body_template(const struct telling *t, struct buf *out)
{
	const char *p = t->channel->template ? t->channel->template : "";
	struct buf alert;

	buf_init(&alert, SIZE_MAX / 2);
	telling_object(t, &alert);
	for (struct hole h; next_hole(p, &h); p = h.after) {
		buf_add(out, p, (size_t)(h.open - p));
		fill_hole(slice_of(alert.data, alert.len), &h, out);
	}
	buf_adds(out, p);
	buf_release(&alert);
}

bool webhook_template_check(const char *text, char *why, size_t size)
{
	static const struct alert_view any = {.id = "", .rule_name = "", .type = "", .metric = "", .series = "", .summary = ""};
	struct slice unused;
	struct buf alert;
	bool good = true;

	buf_init(&alert, SIZE_MAX / 2);
	alert_json_linked(&any, "", 0, "", &alert);
	for (struct hole h; good && next_hole(text, &h); text = h.after) {
		good = json_get(slice_of(alert.data, alert.len), h.name, &unused);
		if (!good)
			snprintf(why, size, "an alert has no {{%s}} to fill in; {{summary}}, {{severity}}, {{value}} … are members of its object", h.name);
	}
	buf_release(&alert);
	text = strstr(text, "{{");
	if (good && text)
		snprintf(why, size, "\"%.40s\" opens {{ and does not close it with }}", text);
	return good && !text;
}

static const struct format formats[] = {
	{"json",         "application/json", telling_object},
	{"alertmanager", "application/json", body_alertmanager},
	{"slack",        "application/json", body_slack},
	{"discord",      "application/json", body_discord},
	{"template",     "application/json", body_template},
};

const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

const char *format_names(void)
{
	return "json, alertmanager, slack, discord, template";
}
