/* alert_json.c: one alert as clients, webhooks and the history know it (API.md section 2). */
#include "alerts/inner.h"
#include "base/json.h"
#include "base/limits.h"

#include <string.h>

static void add_filled(const struct alert_view *v, const struct rule_words *w, const char *text, struct buf *out)
{
	struct buf filled;

	buf_init(&filled, LIMIT_SUMMARY_BYTES);
	rule_fill(v->rule, text, w, &filled);
	json_add_string(out, filled.data, filled.len);
	buf_release(&filled);
}

static void add_labels(const struct alert_view *v, const struct rule_words *w, struct buf *out)
{
	buf_addc(out, '{');
	for (size_t i = 0; v->rule && i < v->rule->nlabels; i++) {
		const char *label = v->rule->labels[i];
		size_t n = strcspn(label, "=");

		if (i)
			buf_addc(out, ',');
		json_add_string(out, label, n);
		buf_addc(out, ':');
		add_filled(v, w, label + n + 1, out);
	}
	buf_addc(out, '}');
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

void alert_json(const struct alert_view *v, const char *host, int64_t now_ms, struct buf *out)
{
	const struct rule_words w = {v->series, host, severity_name(v->severity), v->value, v->threshold};
	const char *runbook = v->rule ? v->rule->runbook : NULL;

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
	buf_adds(out, ",\"labels\":");
	add_labels(v, &w, out);
	buf_adds(out, ",\"runbook\":");
	if (runbook && *runbook)
		add_filled(v, &w, runbook, out);
	else
		buf_adds(out, "null");
	add_flag(out, "flapping", v->flapping);
	add_flag(out, "inhibited", v->inhibited);
	buf_addc(out, '}');
}
