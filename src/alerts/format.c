/* format.c: what a webhook's body looks like. A row each. */
#include "alerts/channel.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- json: the alert object of the API --- */

static void body_json(const struct telling *t, struct buf *out)
{
	alert_json(t->alert, t->host, t->now_ms, out);
}

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

static void add_common_labels(const struct telling *t, const struct alert_view *a, struct buf *out)
{
	add_pair(out, "alertname", 9, a->rule_name);
	add_pair(out, "instance", 8, t->host);
	for (size_t i = 0; a->rule && i < a->rule->nlabels; i++) {
		const char *label = a->rule->labels[i], *eq = strchr(label, '=');

		if (eq)
			add_pair(out, label, (size_t)(eq - label), eq + 1);
	}
}

static void add_labels(const struct telling *t, const struct alert_view *a, struct buf *out)
{
	buf_addc(out, '{');
	add_common_labels(t, a, out);
	add_pair(out, "metric", 6, a->metric);
	add_pair(out, "series", 6, a->series);
	add_pair(out, "severity", 8, severity_name(a->severity));
	buf_addc(out, '}');
}

static void add_annotations(const struct alert_view *a, struct buf *out)
{
	char value[32];

	snprintf(value, sizeof value, "%.6g", a->value);
	buf_addc(out, '{');
	add_pair(out, "summary", 7, a->summary);
	if (a->rule && a->rule->runbook)
		add_pair(out, "runbook_url", 11, a->rule->runbook);
	add_pair(out, "value", 5, value);
	buf_addc(out, '}');
}

static void add_alert(const struct telling *t, const struct alert_view *a, struct buf *out)
{
	buf_addf(out, "{\"status\":\"%s\",\"labels\":", a->state == ALERT_RESOLVED ? "resolved" : "firing");
	add_labels(t, a, out);
	buf_adds(out, ",\"annotations\":");
	add_annotations(a, out);
	buf_adds(out, ",\"startsAt\":");
	add_time(out, a->starts_ms);
	buf_adds(out, ",\"endsAt\":");
	add_time(out, a->ends_ms);
	buf_adds(out, ",\"generatorURL\":");
	json_add_str(out, t->external_url);
	buf_addf(out, ",\"fingerprint\":\"%s\"}", a->id);
}

struct group {
	const struct telling *t;
	struct buf *out;
};

static void add_other(void *user, const struct alert_view *a)
{
	struct group *g = user;

	if (strcmp(a->id, g->t->alert->id) == 0 || strcmp(a->rule_name, g->t->alert->rule_name) != 0 || a->state == ALERT_PENDING)
		return;
	buf_addc(g->out, ',');
	add_alert(g->t, a, g->out);
}

/* One rule is one group: the alert that changed comes first, then what else of it is firing. */
static void body_alertmanager(const struct telling *t, struct buf *out)
{
	const struct alert_view *a = t->alert;
	struct group g = {t, out};

	buf_adds(out, "{\"version\":\"4\",\"groupKey\":");
	buf_adds(out, "\"{}:{alertname=\\\"");
	for (const char *p = a->rule_name; *p; p++)
		if (*p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
			buf_addc(out, *p);
	buf_addf(out, "\\\"}\",\"truncatedAlerts\":0,\"status\":\"%s\",\"receiver\":", a->state == ALERT_RESOLVED ? "resolved" : "firing");
	json_add_str(out, t->channel->name);
	buf_adds(out, ",\"groupLabels\":{\"alertname\":");
	json_add_str(out, a->rule_name);
	buf_adds(out, "},\"commonLabels\":{");
	add_common_labels(t, a, out);
	buf_adds(out, "},\"commonAnnotations\":{},\"externalURL\":");
	json_add_str(out, t->external_url);
	buf_adds(out, ",\"alerts\":[");
	add_alert(t, a, out);
	if (t->alerts)
		alerts_each(t->alerts, add_other, &g);
	buf_adds(out, "]}");
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

/* `*[critical] HIGH_CPU* on host: summary` */
static void add_sentence(const struct telling *t, const char *bold, struct buf *text)
{
	const struct alert_view *a = t->alert;

	buf_addf(text, "%s %s[%s] %s%s on %s: %s", sign_of(a), bold, word_of(a), a->rule_name, bold, t->host, a->summary ? a->summary : "");
	if (a->by)
		buf_addf(text, " (%s%s%s)", a->by, a->note && *a->note ? ": " : "", a->note && *a->note ? a->note : "");
	if (a->rule && a->rule->runbook)
		buf_addf(text, " %s", a->rule->runbook);
}

static void body_slack(const struct telling *t, struct buf *out)
{
	struct buf text;

	buf_init(&text, 4000);
	add_sentence(t, "*", &text);
	buf_adds(out, "{\"text\":");
	json_add_string(out, text.data, text.len);
	buf_addc(out, '}');
	buf_release(&text);
}

#define DISCORD_MAX 2000 /* characters of a message */

static void body_discord(const struct telling *t, struct buf *out)
{
	struct buf text;

	buf_init(&text, 4000);
	add_sentence(t, "**", &text);
	buf_adds(out, "{\"content\":");
	json_add_string(out, text.data, text.len < DISCORD_MAX ? text.len : DISCORD_MAX);
	buf_adds(out, ",\"allowed_mentions\":{\"parse\":[]}}");
	buf_release(&text);
}

/* --- one's own --- */

/* `{{name}}` gives the member of the alert object as JSON text; `{{name|text}}` the inside of its string. */
static void add_member(struct slice alert, const char *name, size_t n, struct buf *out)
{
	bool bare = n > 5 && memcmp(name + n - 5, "|text", 5) == 0;
	struct slice value;
	char key[64];

	snprintf(key, sizeof key, "%.*s", (int)(bare ? n - 5 : n), name);
	if (!json_get(alert, key, &value))
		value = slice_of("null", 4);
	if (bare && json_type(value) == JSON_STRING)
		buf_add(out, value.p + 1, value.n - 2);
	else
		json_add_slice(out, value);
}

static void body_template(const struct telling *t, struct buf *out)
{
	const char *p = t->channel->template ? t->channel->template : "";
	struct buf alert;

	buf_init(&alert, SIZE_MAX / 2);
	alert_json(t->alert, t->host, t->now_ms, &alert);
	while (*p) {
		const char *open = strstr(p, "{{"), *shut = open ? strstr(open, "}}") : NULL;

		if (!shut) {
			buf_adds(out, p);
			break;
		}
		buf_add(out, p, (size_t)(open - p));
		add_member(slice_of(alert.data, alert.len), open + 2, (size_t)(shut - open - 2), out);
		p = shut + 2;
	}
	buf_release(&alert);
}

static const struct format formats[] = {
	{"json",         "application/json", body_json},
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
