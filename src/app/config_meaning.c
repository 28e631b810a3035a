/* config_meaning.c: alert rules and channels: from what is written to what it means, a row for each key. */
#include "app/config_blocks.h"

#include "alerts/channels.h"
#include "app/config_value.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SECRET = 4096, MAX_TEMPLATE = 64 << 10 };

/* A limit as it is written; what its compare makes of it is known when the block is whole. */
enum form { UNSAID, NUMBER, PAIR, DURATION };
struct written {
	enum form form;
	double low, high;              /* high: of a pair; a duration is in ms */
};

/* What a block is read into before it is known to be whole. */
struct draft {
	struct rule rule;
	struct channel channel;
	bool enabled;
	struct written limits[RULE_ABSENT + 1]; /* by compare: the mildest, or the only one */
	struct written severities[4];  /* by severity, without a compare of their own */
	struct written clear;
	enum severity severity;
	char *secret_file, *password_file, *template_file;
	bool readable_by_others;       /* one of these files is */
};

/* ---- values ---- */

static void set_text(char **field, const struct config_entry *e)
{
	free(*field);
	*field = *e->items[0] ? xstrdup(e->items[0]) : NULL;
}

static void set_list(char ***field, size_t *n, const struct config_entry *e)
{
	*field = xcalloc(e->nitems, sizeof **field);
	for (*n = 0; *n < e->nitems; ++*n)
		(*field)[*n] = xstrdup(e->items[*n]);
}

/* A number, perhaps with a percent sign: "80", "-2.5", "80%". */
static bool read_number(const char *text, double *out, struct buf *why)
{
	char *end;
	double d = strtod(text, &end);

	if (end != text && (!*end || strcmp(end, "%") == 0) && isfinite(d)) {
		*out = d;
		return true;
	}
	buf_addf(why, "\"%s\" is not a number", text);
	return false;
}

static void read_ms(const struct config_entry *e, int64_t *out, struct buf *why)
{
	uint64_t ms;

	if (duration_parse(e->items[0], &ms, why))
		*out = (int64_t)ms;
}

/* Two numbers: what outside says. */
static void read_pair(const struct config_entry *e, struct written *out, struct buf *why)
{
	struct written w = {.form = PAIR};

	if (e->nitems != 2)
		buf_adds(why, "takes two numbers, such as {10, 20}");
	else if (read_number(e->items[0], &w.low, why) && read_number(e->items[1], &w.high, why))
		*out = w;
}

/* A limit of any form: "80", "4h", {10, 20}. */
static void read_limit(const struct config_entry *e, struct written *out, struct buf *why)
{
	uint64_t ms;
	double d;
	struct buf ignored;

	if (e->nitems != 1) {
		read_pair(e, out, why);
		return;
	}
	buf_init(&ignored, CONFIG_MAX_TEXT);
	if (read_number(e->items[0], &d, &ignored))
		*out = (struct written){NUMBER, d, 0};
	else if (duration_parse(e->items[0], &ms, &ignored))
		*out = (struct written){DURATION, (double)ms, 0};
	else
		buf_addf(why, "\"%s\" is neither a number nor a duration", e->items[0]);
	buf_release(&ignored);
}

static void read_count(const struct config_entry *e, uint64_t least, uint64_t most, uint64_t *out, struct buf *why)
{
	uint64_t n;

	if (!count_parse(e->items[0], &n, why))
		return;
	if (n < least || n > most)
		buf_addf(why, "must be from %llu to %llu", (unsigned long long)least, (unsigned long long)most);
	else
		*out = n;
}

static void read_severity(const struct config_entry *e, enum severity *out, struct buf *why)
{
	if (!severity_parse(e->items[0], out) || *out == SEVERITY_NONE)
		buf_addf(why, "\"%s\" is none of info, warning or critical", e->items[0]);
}

#define TEXT(fn, field)                                                                      \
	static void fn(struct draft *d, const struct config_entry *e, struct buf *why)       \
	{                                                                                    \
		(void)why;                                                                   \
		set_text(&d->field, e);                                                      \
	}
#define LIST(fn, field, count)                                                               \
	static void fn(struct draft *d, const struct config_entry *e, struct buf *why)       \
	{                                                                                    \
		(void)why;                                                                   \
		set_list(&d->field, &d->count, e);                                           \
	}
#define LIMIT(fn, compare)                                                                   \
	static void fn(struct draft *d, const struct config_entry *e, struct buf *why)       \
	{                                                                                    \
		if (read_number(e->items[0], &d->limits[compare].low, why))                  \
			d->limits[compare].form = NUMBER;                                    \
	}
#define TIME_LIMIT(fn, compare)                                                              \
	static void fn(struct draft *d, const struct config_entry *e, struct buf *why)       \
	{                                                                                    \
		int64_t ms = 0;                                                              \
                                                                                             \
		read_ms(e, &ms, why);                                                        \
		d->limits[compare] = (struct written){DURATION, (double)ms, 0};              \
	}
#define ANY_LIMIT(fn, field)                                                                 \
	static void fn(struct draft *d, const struct config_entry *e, struct buf *why)       \
	{                                                                                    \
		read_limit(e, &d->field, why);                                               \
	}
#define SPAN(fn, field)                                                                      \
	static void fn(struct draft *d, const struct config_entry *e, struct buf *why)       \
	{                                                                                    \
		read_ms(e, &d->field, why);                                                  \
	}
#define FLAG(fn, field)                                                                      \
	static void fn(struct draft *d, const struct config_entry *e, struct buf *why)       \
	{                                                                                    \
		bool_parse(e->items[0], &d->field, why);                                     \
	}

FLAG(set_enabled, enabled)
TEXT(set_type, rule.type)
TEXT(set_summary, rule.summary)
TEXT(set_runbook, rule.runbook)
LIST(set_labels, rule.labels, rule.nlabels)
LIST(set_inhibited, rule.inhibited_by, rule.ninhibited_by)
LIST(set_inhibits, rule.inhibits, rule.ninhibits)
LIST(set_channels, rule.channels, rule.nchannels)
LIMIT(set_above, RULE_ABOVE)
LIMIT(set_below, RULE_BELOW)
LIMIT(set_equals, RULE_EQUALS)
TIME_LIMIT(set_full_in, RULE_FULL_IN)
TIME_LIMIT(set_absent, RULE_ABSENT)
ANY_LIMIT(set_clear, clear)
ANY_LIMIT(set_info, severities[SEVERITY_INFO])
ANY_LIMIT(set_warning, severities[SEVERITY_WARNING])
ANY_LIMIT(set_critical, severities[SEVERITY_CRITICAL])
SPAN(set_for, rule.for_ms)
SPAN(set_keep, rule.keep_ms)
SPAN(set_window, rule.window_ms)
TEXT(set_url, channel.url)
TEXT(set_format, channel.format)
TEXT(set_template, channel.template)
TEXT(set_template_file, template_file)
TEXT(set_secret, channel.secret)
TEXT(set_secret_file, secret_file)
TEXT(set_ca, channel.ca_file)
TEXT(set_cert, channel.cert_file)
TEXT(set_key, channel.key_file)
TEXT(set_proxy, channel.proxy)
TEXT(set_user, channel.user)
TEXT(set_password_file, password_file)
TEXT(set_smtp, channel.smtp)
TEXT(set_from, channel.from)
LIST(set_headers, channel.headers, channel.nheaders)
LIST(set_rules, channel.rules, channel.nrules)
LIST(set_command, channel.command, channel.ncommand)
LIST(set_to, channel.to, channel.nto)
FLAG(set_private, channel.allow_private)

static void set_metric(struct draft *d, const struct config_entry *e, struct buf *why)
{
	set_text(&d->rule.metric, e);
	if (d->rule.metric)
		series_check(d->rule.metric, why);
}

static void set_outside(struct draft *d, const struct config_entry *e, struct buf *why)
{
	read_pair(e, &d->limits[RULE_OUTSIDE], why);
}

static void set_severity(struct draft *d, const struct config_entry *e, struct buf *why)
{
	read_severity(e, &d->severity, why);
}

static void set_least(struct draft *d, const struct config_entry *e, struct buf *why)
{
	read_severity(e, &d->channel.least, why);
}

static void set_aggregate(struct draft *d, const struct config_entry *e, struct buf *why)
{
	if (!rule_fold_parse(e->items[0], &d->rule.fold, &d->rule.percentile))
		buf_addf(why, "\"%s\" is none of last, avg, min, max, rate, delta or a percentile such as p95", e->items[0]);
}

static void set_tls(struct draft *d, const struct config_entry *e, struct buf *why)
{
	bool required;

	if (bool_parse(e->items[0], &required, why))
		d->channel.tls = required ? CHANNEL_TLS_REQUIRED : CHANNEL_TLS_NONE;
}

static void set_hours(struct draft *d, const struct config_entry *e, struct buf *why)
{
	d->rule.hours = xcalloc(e->nitems, sizeof *d->rule.hours);
	for (size_t i = 0; i < e->nitems; i++) {
		if (rule_hours_parse(e->items[i], &d->rule.hours[d->rule.nhours]))
			d->rule.nhours++;
		else
			buf_addf(why, "\"%s\" is no time of the week, such as \"mon-fri 08:00-18:00\"", e->items[i]);
	}
}

static void set_timeout(struct draft *d, const struct config_entry *e, struct buf *why)
{
	int64_t ms = d->channel.timeout_ms;

	read_ms(e, &ms, why);
	if (ms < 100 || ms > 600000)
		buf_adds(why, "must be from 100ms to 10min");
	else
		d->channel.timeout_ms = (uint32_t)ms;
}

static void set_max_wait(struct draft *d, const struct config_entry *e, struct buf *why)
{
	int64_t ms = d->channel.max_wait_ms;

	read_ms(e, &ms, why);
	if (ms < 100 || ms > 86400000)
		buf_adds(why, "must be from 100ms to 1d");
	else
		d->channel.max_wait_ms = ms;
}

static void set_max_age(struct draft *d, const struct config_entry *e, struct buf *why)
{
	int64_t ms = d->channel.max_age_ms;

	read_ms(e, &ms, why);
	if (ms < 60000 || ms > INT64_C(90) * 86400000)
		buf_adds(why, "must be from 1min to 90d");
	else
		d->channel.max_age_ms = ms;
}

static void set_retries(struct draft *d, const struct config_entry *e, struct buf *why)
{
	uint64_t n = d->channel.max_attempts;

	read_count(e, 1, 10000, &n, why);
	d->channel.max_attempts = (uint32_t)n;
}

static void set_redirects(struct draft *d, const struct config_entry *e, struct buf *why)
{
	uint64_t n = 0;

	read_count(e, 0, 20, &n, why);
	d->channel.redirects = (unsigned)n;
}

const struct block_key block_keys[] = {
	{"alert", "enabled", false, PRINT, set_enabled, "false takes a rule away, also a built-in one."},
	{"alert", "type", false, PRINT, set_type, "What an alert of it is called; the rule's name if not said."},
	{"alert", "metric", false, PRINT, set_metric, "A series, an alias, or a pattern with *: one alert for each series that it matches."},
	{"alert", "above", false, PRINT, set_above, "Fires above this."},
	{"alert", "below", false, PRINT, set_below, "Fires below this."},
	{"alert", "outside", true, PRINT, set_outside, "Fires outside of these two, {10, 20}."},
	{"alert", "equals", false, PRINT, set_equals, "Fires at exactly this."},
	{"alert", "clear", false, PRINT, set_clear, "Calm again only past this: keeps a value on the edge from firing again and again."},
	{"alert", "severity", false, PRINT, set_severity, "info, warning (the default) or critical."},
	{"alert", "info", true, PRINT, set_info, "A limit of its own for this severity, written like that of the rule: 90, 4h or {5, 30}. Without above or below the order of the limits says which side is meant."},
	{"alert", "warning", true, PRINT, set_warning, "Likewise."},
	{"alert", "critical", true, PRINT, set_critical, "Likewise."},
	{"alert", "for", false, PRINT, set_for, "How long it must be wrong before it fires."},
	{"alert", "keep", false, PRINT, set_keep, "How long it must be right before it ends."},
	{"alert", "window", false, PRINT, set_window, "Judge the aggregate over this long, not the last value."},
	{"alert", "aggregate", false, PRINT, set_aggregate, "Over the window: avg, min, max, rate, delta, p95 …"},
	{"alert", "full_in", false, PRINT, set_full_in, "Fires when a straight line through the window reaches 100 percent within this."},
	{"alert", "absent", false, PRINT, set_absent, "Fires when the series is silent for this long."},
	{"alert", "labels", true, PRINT, set_labels, "{\"team=ops\", …}: travel with the alert. Not alertname, instance, metric, series, severity: those it has."},
	{"alert", "summary", false, PRINT, set_summary, "A sentence; {value} {threshold}, with their unit {value_text} {limit_text}, {series} {metric} {instance} {rule} {severity} {host} {labels.NAME} are filled in."},
	{"alert", "runbook", false, PRINT, set_runbook, "The address of a page that says what to do; filled in like the summary."},
	{"alert", "inhibited_by", true, PRINT, set_inhibited, "Rules that silence this one while they fire at least as badly: names, or patterns with *. One about an instance, such as a disk, silences what is about the same."},
	{"alert", "inhibits", true, PRINT, set_inhibits, "The same, said by the other side. {\"*\"} silences every other rule, whatever it is about. Of two that silence each other, the worse speaks, else the older. Outside of its hours a rule silences nobody."},
	{"alert", "hours", true, PRINT, set_hours, "Tell only then: {\"mon-fri 08:00-18:00\"}, local time."},
	{"alert", "channels", true, PRINT, set_channels, "Tell only these; all if none is named."},
#define COMMON(section)                                                                                              \
	{section, "severity", false, PRINT, set_least, "The mildest that is told: info (the default), warning or critical."}, \
	{section, "rules", true, PRINT, set_rules, "Tell of these rules only; patterns with *."},                             \
	{section, "timeout", false, PRINT, set_timeout, "Of one attempt: 15s."},                                              \
	{section, "max_wait", false, PRINT, set_max_wait, "The longest wait between two attempts, 100ms to 1d: 1h. The first is 5 s, each is twice the one before."}, \
	{section, "max_age", false, PRINT, set_max_age, "A message that could not be delivered for so long is given up, 1min to 90d: 7d."}, \
	{section, "retries", false, PRINT, set_retries, "Attempts after which it is given up even so, 1 to 10000: no limit."}
	{"webhook", "url", false, PRINT_HOST, set_url, "Where each change of an alert is posted to."},
	{"webhook", "format", false, PRINT, set_format, "json (the default), alertmanager, slack, discord or template."},
	{"webhook", "template", false, PRINT, set_template, "A body of one's own: {{summary}} is the member of the alert as JSON, {{summary|text}} without quotes."},
	{"webhook", "template_file", false, PRINT, set_template_file, "The same, in a file."},
	{"webhook", "secret", false, PRINT_NOTHING, set_secret, "Signs each post (Standard Webhooks); whsec_… or plain text. Better in a file:"},
	{"webhook", "secret_file", false, PRINT, set_secret_file, "A file that holds it."},
	{"webhook", "headers", true, PRINT_NOTHING, set_headers, "Further headers, {\"X-Team: ops\"}."},
	{"webhook", "redirects", false, PRINT, set_redirects, "How many are followed: 0."},
	{"webhook", "private", false, PRINT, set_private, "Whether loopback and private addresses may be posted to: true. With a proxy, false is about the target, not the proxy."},
	{"webhook", "ca_file", false, PRINT, set_ca, "Certificates that sign the receiver's, beside none of the system's."},
	{"webhook", "cert_file", false, PRINT, set_cert, "Our certificate, and"},
	{"webhook", "key_file", false, PRINT, set_key, "its key."},
	{"webhook", "proxy", false, PRINT_HOST, set_proxy, "http://host:port."},
	{"webhook", "user", false, PRINT, set_user, "For basic authentication, and"},
	{"webhook", "password_file", false, PRINT, set_password_file, "a file that holds the password."},
	COMMON("webhook"),
	{"exec", "command", true, PRINT, set_command, "The full path of a program and its arguments; the alert comes on standard input and in VEDETTE_…"},
	COMMON("exec"),
	{"email", "smtp", false, PRINT_HOST, set_smtp, "smtp://host:25, smtp://host:587, smtps://host:465."},
	{"email", "from", false, PRINT, set_from, "Sender."},
	{"email", "to", true, PRINT, set_to, "Recipients. Who is refused for good keeps it from nobody else; who is refused for now gets it later."},
	{"email", "user", false, PRINT, set_user, "To sign in with, and"},
	{"email", "password_file", false, PRINT, set_password_file, "a file that holds the password."},
	{"email", "tls", false, PRINT, set_tls, "Of smtp://: true sends no mail without STARTTLS, false uses none. Not said: where the server offers it, and no mail without it where a user or a ca_file is named."},
	{"email", "ca_file", false, PRINT, set_ca, "Certificates that sign the server's, beside none of the system's."},
	COMMON("email"),
};
const size_t block_keys_len = sizeof block_keys / sizeof *block_keys;

/* ---- a rule ---- */

/* Which side the limits are on, if neither above nor below says so: more severe is further out. */
static bool limits_rise(const struct draft *d)
{
	const struct written *mild = NULL, *bad = NULL;

	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		if (d->severities[s].form == UNSAID)
			continue;
		mild = mild ? mild : &d->severities[s];
		bad = &d->severities[s];
	}
	return !mild || mild->low <= bad->low;
}

/* What is meant where nothing but severities says a limit. */
static enum rule_compare guess_compare(const struct draft *d, struct buf *why)
{
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		if (d->severities[s].form == PAIR)
			return RULE_OUTSIDE;
		if (d->severities[s].form != DURATION)
			continue;
		buf_adds(why, "has times for limits, but not of what: say the mildest one as full_in or absent");
		return RULE_FULL_IN;
	}
	return limits_rise(d) ? RULE_ABOVE : RULE_BELOW;
}

static void choose_compare(struct draft *d, struct buf *why)
{
	int n = 0, severities = 0;

	for (enum rule_compare c = RULE_ABOVE; c <= RULE_ABSENT; c++) {
		if (d->limits[c].form == UNSAID)
			continue;
		d->rule.compare = c;
		n++;
	}
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		severities += d->severities[s].form != UNSAID;
	if (n > 1)
		buf_adds(why, "takes one of above, below, outside, equals, full_in and absent, not several");
	else if (n == 0 && !severities)
		buf_adds(why, "says no limit: above, below, outside, equals, full_in, absent, or warning and critical");
	else if (n == 0)
		d->rule.compare = guess_compare(d, why);
	else if (d->severities[d->severity].form != UNSAID)
		buf_addf(why, "says its limit for %s twice", severity_name(d->severity));
}

/* The limits of a rule are of one form: that of its compare. */
static void check_form(const struct draft *d, const char *key, const struct written *w, enum form want, struct buf *why)
{
	static const char *const words[] = {[NUMBER] = "one number", [PAIR] = "two numbers, such as {10, 20}", [DURATION] = "a duration, such as 4h"};

	if (w->form != UNSAID && w->form != want && !why->len)
		buf_addf(why, "%s must be %s, since the rule is about %s", key, words[want], rule_compare_name(d->rule.compare));
}

static void check_forms(const struct draft *d, struct buf *why)
{
	enum rule_compare c = d->rule.compare;
	enum form want = c == RULE_OUTSIDE ? PAIR : c == RULE_FULL_IN || c == RULE_ABSENT ? DURATION : NUMBER;

	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		check_form(d, severity_name(s), &d->severities[s], want, why);
	if (c == RULE_ABSENT && d->clear.form != UNSAID && !why->len)
		buf_adds(why, "absent knows no clear: the alert ends with the next value");
	check_form(d, "clear", &d->clear, want == PAIR ? NUMBER : want, why);
}

/* The limit that the block names by itself has the block's severity. clear belongs to the mildest limit; the others keep the same
 * distance. */
static void fill_limits(struct draft *d)
{
	struct rule *r = &d->rule;
	const struct written *own = &d->limits[r->compare];
	double distance = NAN;

	if (own->form != UNSAID)
		d->severities[d->severity] = *own;
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		const struct written *w = &d->severities[s];

		if (w->form == UNSAID)
			continue;
		if (isnan(distance))
			distance = d->clear.form != UNSAID ? w->low - d->clear.low : 0;
		r->limits[s] = (struct rule_limit){.set = true, .low = w->low, .high = w->high, .clear = w->low - distance};
		/* A forecast's window is long enough for the mildest. */
		if (r->compare == RULE_FULL_IN && w->low > (double)r->full_in_ms)
			r->full_in_ms = (int64_t)w->low;
	}
}

static void draft_init(struct draft *d)
{
	*d = (struct draft){.enabled = true, .severity = SEVERITY_WARNING};
	d->channel.timeout_ms = 15000;
	d->channel.max_age_ms = INT64_C(7) * 86400000;
	d->channel.max_wait_ms = 3600000;
	d->channel.allow_private = true;
	d->channel.least = SEVERITY_INFO;
}

static void draft_release(struct draft *d)
{
	rule_release(&d->rule);
	channel_release(&d->channel);
	free(d->secret_file);
	free(d->password_file);
	free(d->template_file);
}

/* False: some are wrong, and what follows from them need not be said as well. l NULL: it was read before, and is right. */
static bool read_entries(struct load *l, const struct config_block *b, struct draft *d)
{
	bool good = true;

	for (size_t i = 0; i < b->nentries; i++) {
		const struct config_entry *e = &b->entries[i];
		struct place p = block_place(b, e->line);
		struct buf why;

		buf_init(&why, CONFIG_MAX_TEXT);
		if (e->nitems)
			e->key->set(d, e, &why);
		if (why.len && l)
			load_mistake(l, &p, "%s \"%s\" %s: %s", b->section->name, b->title, e->key->name, why.data);
		good = good && !why.len;
		buf_release(&why);
	}
	return good;
}

/* False: nothing to keep. */
static bool read_rule(struct load *l, const struct config_block *b, struct draft *d)
{
	struct place p = block_place(b, 0);
	char text[300] = "";
	struct buf why;

	draft_init(d);
	if (!read_entries(l, b, d) || !d->enabled)
		return false;
	buf_init(&why, CONFIG_MAX_TEXT);
	d->rule.name = xstrdup(b->title);
	d->rule.file = b->file;
	d->rule.line = (int)b->line;
	choose_compare(d, &why);
	check_forms(d, &why);
	fill_limits(d);
	if (!why.len && !rule_check(&d->rule, text, sizeof text))
		buf_adds(&why, text);
	if (!why.len)
		series_check_limits(&d->rule, &why);
	if (why.len && l)
		load_mistake(l, &p, "alert \"%s\": %s", b->title, why.data);
	buf_release(&why);
	return true;
}

/* ---- a channel ---- */

/* Not blocking: a reload reads on the loop, and a pipe that nobody writes to would hold it. */
static char *read_file_take(const char *path, size_t most, struct stat *st, struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = xzalloc(most + 2);
	ssize_t n = fd < 0 || fstat(fd, st) < 0 ? -1 : read(fd, text, most + 1);

	if (n < 0)
		buf_addf(why, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		buf_addf(why, "%s: is no file", path);
	else if ((size_t)n > most)
		buf_addf(why, "%s: is longer than %zu bytes", path, most);
	if (fd >= 0)
		close(fd);
	if (!why->len)
		return text;
	free(text);
	return NULL;
}

/* The first line of the file. */
static char *read_secret_take(const char *path, struct draft *d, struct buf *why)
{
	struct stat st;
	char *text = read_file_take(path, MAX_SECRET, &st, why);

	if (!text)
		return NULL;
	d->readable_by_others |= (st.st_mode & S_IROTH) != 0;
	text[strcspn(text, "\r\n")] = '\0';
	if (!*text)
		buf_addf(why, "%s: its first line is empty", path);
	return text;
}

/* Files that libcurl will read, at each message: they are named now, while somebody looks. */
static void look_at_file(const char *key, const char *path, struct buf *why)
{
	struct stat st;
	int fd;

	if (!path || why->len)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		buf_addf(why, "%s: %s: %s", key, path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		buf_addf(why, "%s: %s: is no file", key, path);
	if (fd >= 0)
		close(fd);
}

static void read_files(struct draft *d, struct buf *why)
{
	struct stat st;

	look_at_file("ca_file", d->channel.ca_file, why);
	look_at_file("cert_file", d->channel.cert_file, why);
	look_at_file("key_file", d->channel.key_file, why);
	if (d->secret_file && !why->len) {
		free(d->channel.secret);
		d->channel.secret = read_secret_take(d->secret_file, d, why);
	}
	if (d->password_file && !why->len)
		d->channel.password = read_secret_take(d->password_file, d, why);
	if (d->template_file && !why->len) {
		free(d->channel.template);
		d->channel.template = read_file_take(d->template_file, MAX_TEMPLATE, &st, why);
	}
}

static void read_channel(struct load *l, const struct config_block *b, struct draft *d, struct buf *warnings)
{
	struct place p = block_place(b, 0);
	char text[300] = "";
	struct buf why;
	bool good;

	draft_init(d);
	good = read_entries(l, b, d);
	buf_init(&why, CONFIG_MAX_TEXT);
	d->channel.name = xstrdup(b->title);
	d->channel.kind = channel_kind_find(b->section->name);
	if (!d->channel.format)
		d->channel.format = xstrdup("json");
	read_files(d, &why);
	if (good && !why.len && !d->channel.kind->check(&d->channel, text, sizeof text))
		buf_adds(&why, text);
	if (why.len)
		load_mistake(l, &p, "%s \"%s\": %s", b->section->name, b->title, why.data);
	if (d->readable_by_others)
		buf_addf(warnings, "%s:%u: the secret of %s \"%s\" is in a file that everyone may read\n", b->file, b->line, b->section->name,
		         b->title);
	buf_release(&why);
}

/* ---- what is given out ---- */

bool block_rule_take(struct load *l, const struct config_block *b, struct rule *out)
{
	struct draft d;
	bool kept = read_rule(l, b, &d);

	if (kept) {
		*out = d.rule;
		d.rule = (struct rule){0};
	}
	draft_release(&d);
	return kept;
}

void block_channel_take(struct load *l, const struct config_block *b, struct channel *out, struct buf *warnings)
{
	struct draft d;

	read_channel(l, b, &d, warnings);
	*out = d.channel;
	d.channel = (struct channel){0};
	draft_release(&d);
}
