/* alert_json.c: one alert as clients, webhooks and the history know it (API.md section 2). */
#include "alerts/inner.h"
#include "base/json.h"
#include "base/limits.h"

#include <string.h>

static struct rule_words words_of(const struct alert_view *v, const char *host)
{
	return (struct rule_words){v->series, host, severity_name(v->severity), v->value, v->threshold, v->unit ? v->unit : ""};
}

static void add_label(const struct alert_view *v, const struct rule_words *w, const char *label, struct buf *out)
{
	size_t n = strcspn(label, "=");
	struct buf filled;

	json_add_string(out, label, n);
	buf_addc(out, ':');
	buf_init(&filled, LIMIT_SUMMARY_BYTES);
	rule_fill(v->rule, label + n + 1, w, &filled);
	json_add_string(out, filled.data, filled.len);
	buf_release(&filled);
}

void alert_labels_json(const struct alert_view *v, const char *host, struct buf *out)
{
	const struct rule_words w = words_of(v, host);

	if (!v->rule) {
		buf_adds(out, v->labels ? v->labels : "{}");
		return;
	}
	buf_addc(out, '{');
	for (size_t i = 0; i < v->rule->nlabels; i++) {
		if (i)
			buf_addc(out, ',');
		add_label(v, &w, v->rule->labels[i], out);
	}
	buf_addc(out, '}');
}

void alert_runbook(const struct alert_view *v, const char *host, struct buf *out)
{
	const struct rule_words w = words_of(v, host);
	struct buf filled;

	if (!v->rule || !v->rule->runbook) {
		buf_adds(out, !v->rule && v->runbook ? v->runbook : "");
		return;
	}
	buf_init(&filled, LIMIT_SUMMARY_BYTES);
	rule_fill(v->rule, v->rule->runbook, &w, &filled);
	buf_add(out, filled.data, filled.len);
	buf_release(&filled);
}

static void add_runbook(const struct alert_view *v, const char *host, struct buf *out)
{
	struct buf text;

	buf_init(&text, LIMIT_SUMMARY_BYTES);
	alert_runbook(v, host, &text);
	json_add_str(out, text.len ? text.data : NULL);
	buf_release(&text);
}

static void add_text(struct buf *out, const char *name, const char *text)
{
	buf_addf(out, ",\"%s\":", name);
	json_add_str(out, text);
}

static void add_number(struct buf *out, const char *name, double v)
{
	buf_addf(out, ",\"%s\":", name);
	json_add_number(out, v);
}

static void add_time(struct buf *out, const char *name, int64_t ms)
{
	buf_addf(out, ",\"%s\":", name);
	if (ms)
		buf_addi(out, ms);
	else
		buf_adds(out, "null");
}

static void add_flag(struct buf *out, const char *name, bool is)
{
	buf_addf(out, ",\"%s\":%s", name, is ? "true" : "false");
}

static void add_members(const struct alert_view *v, const char *host, int64_t now_ms, struct buf *out)
{
	buf_adds(out, "{\"id\":");
	json_add_str(out, v->id);
	add_text(out, "rule", v->rule_name);
	add_text(out, "type", v->type);
	add_text(out, "metric", v->metric);
	add_text(out, "series", v->series);
	add_number(out, "value", v->value);
	add_number(out, "threshold", v->threshold);
	add_text(out, "severity", severity_name(v->severity));
	add_text(out, "state", alert_state_name(v->state));
	add_time(out, "startsAt", v->starts_ms);
	add_time(out, "endsAt", v->ends_ms);
	add_time(out, "timestamp", now_ms);
	add_text(out, "host", host);
	add_text(out, "summary", v->summary);
	add_text(out, "by", v->by);
	add_text(out, "note", v->note);
	add_time(out, "acknowledgedAt", v->acked_ms);
	add_time(out, "silencedUntil", v->silenced_ms == SILENCE_UNTIL_RESOLVED ? 0 : v->silenced_ms);
	add_text(out, "silence", v->silence);
	buf_adds(out, ",\"labels\":");
	alert_labels_json(v, host, out);
	buf_adds(out, ",\"runbook\":");
	add_runbook(v, host, out);
	add_flag(out, "flapping", v->flapping);
	add_flag(out, "inhibited", v->inhibited);
}

void alert_json(const struct alert_view *v, const char *host, int64_t now_ms, struct buf *out)
{
	add_members(v, host, now_ms, out);
	buf_addc(out, '}');
}

void alert_json_linked(const struct alert_view *v, const char *host, int64_t now_ms, const char *url, struct buf *out)
{
	add_members(v, host, now_ms, out);
	add_text(out, "url", url);
	buf_addc(out, '}');
}
