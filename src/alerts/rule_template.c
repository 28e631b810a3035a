/* rule_template.c: sentences about a rule: the ones people write with {placeholders}, and those for rules that have none. */
#include "alerts/inner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- numbers for people --- */

/* Four digits at most, no exponent where one can be avoided, no zeros at the end. */
static void add_number(struct buf *out, double v)
{
	char text[64];
	double size = fabs(v);

	if (isnan(v)) {
		buf_adds(out, "unknown");
		return;
	}
	if (size >= 1e15 || (size < 0.001 && size > 0) || isinf(v)) {
		buf_addf(out, "%.3g", v);
		return;
	}
	snprintf(text, sizeof text, "%.*f", size >= 1000 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4, v);
	if (strchr(text, '.')) {
		size_t n = strlen(text);

		while (text[n - 1] == '0')
			n--;
		text[text[n - 1] == '.' ? n - 1 : n] = '\0';
	}
	buf_adds(out, strcmp(text, "-0") == 0 ? "0" : text);
}

void rule_say_duration(struct buf *out, double ms)
{
	static const struct {
		double ms;
		const char *name;
	} units[] = {{86400e3, "d"}, {3600e3, "h"}, {60e3, "min"}, {1e3, "s"}, {1, "ms"}};
	size_t i = 0;

	while (i + 1 < sizeof units / sizeof *units && ms < 2 * units[i].ms && fmod(ms, units[i].ms) != 0)
		i++;
	while (i + 1 < sizeof units / sizeof *units && ms < units[i].ms)
		i++;
	add_number(out, ms / units[i].ms);
	buf_addf(out, " %s", units[i].name);
}

/* How a unit is said, as the dashboard does (web/js/lib/units.js). */
static const struct unit {
	const char *name, *said;
	double step;                   /* a prefix for each; 0: none */
	double span_ms;                /* a duration; 0: none */
} units[] = {
	{"percent", "%",  0,    0},    {"bytes",  "B",     1024, 0},    {"bytes/s", "B/s", 1024, 0},
	{"bits/s", "bit/s", 1000, 0},  {"bits",   "bit",   0,    0},    {"ms",      "",    0,    1},
	{"s",      "",    0,    1000}, {"celsius", "\xc2\xb0" "C", 0,   0}, {"volts",   "V",   0,    0},
	{"watts",  "W",   0,    0},
};

static struct unit unit_of(const char *name)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i].name, name) == 0)
			return units[i];
	return (struct unit){name, name, 0, 0};
}

static void add_scaled(struct buf *out, double v, const struct unit *u)
{
	static const char *const iec[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"}, *const si[] = {"", "k", "M", "G", "T", "P"};
	size_t i = 0;

	/* Not 1024: "1012 KiB" has a digit too many. */
	for (; fabs(v) >= 999.5 && i + 1 < sizeof iec / sizeof *iec; i++)
		v /= u->step;
	add_number(out, v);
	buf_addf(out, " %s%s", u->step > 1000 ? iec[i] : si[i], u->said);
}

static void add_span(struct buf *out, double ms)
{
	if (ms < 0)
		buf_addc(out, '-');
	rule_say_duration(out, fabs(ms));
}

void rule_say_value(struct buf *out, double v, const char *unit)
{
	const struct unit u = unit_of(unit);

	if (isfinite(v) && u.step > 0) {
		add_scaled(out, v, &u);
	} else if (isfinite(v) && u.span_ms > 0) {
		add_span(out, v * u.span_ms);
	} else {
		add_number(out, v);
		if (*u.said && !isnan(v))
			buf_addf(out, " %s", u.said);
	}
}

const char *series_instance(const char *id)
{
	const char *slash = strchr(id, '/');

	return slash ? slash + 1 : "";
}

/* --- templates --- */

static const char *const names[] = {
	"value", "threshold", "value_text", "limit_text", "series", "metric", "instance", "rule", "severity", "host",
};
enum name { VALUE, THRESHOLD, VALUE_TEXT, LIMIT_TEXT, SERIES, METRIC, INSTANCE, RULE, SEVERITY, HOST, NAMES };
#define LABELS "labels."

/* A silence and a forecast are times, and nobody counts in milliseconds. */
static void add_measure(const struct rule *r, double v, struct buf *out)
{
	if ((r->compare == RULE_ABSENT || r->compare == RULE_FULL_IN) && isfinite(v))
		rule_say_duration(out, v);
	else
		add_number(out, v);
}

void rule_say_amount(const struct rule *r, double v, const char *unit, struct buf *out)
{
	if (r && (r->compare == RULE_ABSENT || r->compare == RULE_FULL_IN))
		add_measure(r, v, out);
	else
		rule_say_value(out, v, r && r->fold == RULE_RATE ? "" : unit);
}

static void add_word(const struct rule *r, enum name name, const struct rule_words *w, struct buf *out)
{
	switch (name) {
	case VALUE:
		add_measure(r, w->value, out);
		break;
	case THRESHOLD:
		add_measure(r, w->threshold, out);
		break;
	case VALUE_TEXT:
		rule_say_amount(r, w->value, w->unit, out);
		break;
	case LIMIT_TEXT:
		rule_say_amount(r, w->threshold, w->unit, out);
		break;
	case SERIES:
		buf_adds(out, w->series);
		break;
	case METRIC:
		buf_adds(out, r->metric);
		break;
	case INSTANCE:
		buf_adds(out, series_instance(w->series));
		break;
	case RULE:
		buf_adds(out, r->name);
		break;
	case SEVERITY:
		buf_adds(out, w->severity);
		break;
	case HOST:
		buf_adds(out, w->host);
		break;
	case NAMES:
		break;
	}
}

static bool is_name(const char *p, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(p, name, n) == 0;
}

static enum name name_of(const char *p, size_t n)
{
	enum name i = 0;

	while (i < NAMES && !is_name(p, n, names[i]))
		i++;
	return i;
}

/* The text of a label, or NULL. */
static const char *label_of(const struct rule *r, const char *p, size_t n)
{
	const size_t skip = sizeof LABELS - 1;

	if (n <= skip || memcmp(p, LABELS, skip) != 0)
		return NULL;
	for (size_t i = 0; i < r->nlabels; i++)
		if (strncmp(r->labels[i], p + skip, n - skip) == 0 && r->labels[i][n - skip] == '=')
			return r->labels[i] + (n - skip) + 1;
	return NULL;
}

/* Past the ceiling as much as fits, up to the end of a character; then nothing more. */
static void add_fitting(struct buf *out, const char *p, size_t n)
{
	size_t room = out->max - out->len, fits = room;

	if (!out->full && n > room) {
		while (fits && ((unsigned char)p[fits] & 0xc0) == 0x80)
			fits--;
		buf_add(out, p, fits);
	}
	buf_add(out, p, n);
}

/* A label's own placeholders are filled too, except for other labels: no text is without end. */
static void fill(const struct rule *r, const char *text, const struct rule_words *w, bool labels, struct buf *out)
{
	const char *open, *close, *label;

	while ((open = strchr(text, '{')) && (close = strchr(open, '}'))) {
		const char *p = open + 1;
		size_t n = (size_t)(close - p);
		enum name name = name_of(p, n);

		add_fitting(out, text, (size_t)(open - text));
		if (name < NAMES)
			add_word(r, name, w, out);
		else if (labels && (label = label_of(r, p, n)))
			fill(r, label, w, false, out);
		else
			add_fitting(out, open, n + 2);
		text = close + 1;
	}
	add_fitting(out, text, strlen(text));
}

void rule_fill(const struct rule *r, const char *text, const struct rule_words *w, struct buf *out)
{
	fill(r, text, w, true, out);
}

bool rule_template_check(const struct rule *r, const char *text, char *why, size_t size)
{
	const char *open, *close;

	for (; (open = strchr(text, '{')); text = close + 1) {
		size_t n;

		close = strchr(open, '}');
		if (!close) {
			snprintf(why, size, "\"%.40s\" opens a placeholder and does not close it", open);
			return false;
		}
		n = (size_t)(close - open - 1);
		if (name_of(open + 1, n) < NAMES || label_of(r, open + 1, n))
			continue;
		if (strncmp(open + 1, LABELS, sizeof LABELS - 1) == 0)
			snprintf(why, size, "{%.*s}: the rule has no such label", (int)(n < 60 ? n : 60), open + 1);
		else
			snprintf(why, size, "unknown placeholder {%.*s}: there are {value}, {threshold}, {value_text}, {limit_text}, {series}, {metric}, {instance}, "
				"{rule}, {severity}, {host} and {labels.NAME}", (int)(n < 60 ? n : 60), open + 1);
		return false;
	}
	return true;
}

/* --- sentences --- */

static void add_fold(const struct rule *r, struct buf *out)
{
	static const char *const words[] = {[RULE_AVG] = "avg", [RULE_MIN] = "min", [RULE_MAX] = "max", [RULE_RATE] = "rate",
		[RULE_DELTA] = "delta", [RULE_PERCENTILE] = "p"};

	if (r->fold == RULE_LAST)
		return;
	buf_addf(out, " (%s", words[r->fold]);
	if (r->fold == RULE_PERCENTILE)
		buf_addf(out, "%g", r->percentile);
	buf_adds(out, " over ");
	rule_say_duration(out, (double)r->window_ms);
	buf_addc(out, ')');
}

void rule_say_limit(const struct rule *r, enum severity s, double value, const char *unit, struct buf *out)
{
	const struct rule_limit *l = &r->limits[s];

	switch (r->compare) {
	case RULE_ABOVE:
		buf_adds(out, "above ");
		rule_say_value(out, l->low, unit);
		break;
	case RULE_BELOW:
		buf_adds(out, "below ");
		rule_say_value(out, l->low, unit);
		break;
	case RULE_OUTSIDE:
		if (!isnan(value)) {
			bool high = rule_is_high(r, s, value);

			buf_adds(out, high ? "above " : "below ");
			rule_say_value(out, high ? l->high : l->low, unit);
			break;
		}
		buf_adds(out, "outside ");
		rule_say_value(out, l->low, unit);
		buf_adds(out, " to ");
		rule_say_value(out, l->high, unit);
		break;
	case RULE_EQUALS:
		buf_adds(out, "equal to ");
		rule_say_value(out, l->low, unit);
		break;
	case RULE_FULL_IN:
		buf_adds(out, "full in less than ");
		rule_say_duration(out, rule_threshold(r, s, false));
		break;
	case RULE_ABSENT:
		buf_adds(out, "silent for ");
		rule_say_duration(out, rule_threshold(r, s, false));
		break;
	}
}

void rule_say_measure(const struct rule *r, double value, const char *unit, struct buf *out)
{
	if (r->compare != RULE_FULL_IN) {
		rule_say_value(out, value, r->fold == RULE_RATE ? "" : unit);
		add_fold(r, out);
		return;
	}
	buf_adds(out, isinf(value) ? "does not fill up" : value > 0 ? "full in " : "is full");
	if (isfinite(value) && value > 0)
		rule_say_duration(out, value);
}

void rule_say(const struct rule *r, enum severity s, const char *name, double value, const char *unit, struct buf *out)
{
	/* A rate is told by the second, and its unit knows nothing of that. */
	const char *of = r->fold == RULE_RATE ? "" : unit;

	buf_adds(out, name);
	if (r->compare == RULE_ABSENT) {
		buf_adds(out, " has been silent for ");
		rule_say_duration(out, value);
		return;
	}
	if (r->compare == RULE_FULL_IN) {
		buf_adds(out, value > 0 ? " will be full in " : " is full");
		if (value > 0)
			rule_say_duration(out, value);
		return;
	}
	add_fold(r, out);
	buf_adds(out, " is ");
	rule_say_value(out, value, of);
	if (r->compare == RULE_EQUALS || !r->limits[s].set)
		return;
	buf_adds(out, ", ");
	rule_say_limit(r, s, value, of, out);
}
