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

/* What a block is read into before it is known to be whole. */
struct draft {
	struct rule rule;
	struct channel channel;
	bool enabled;
	double above, below, equals, clear, outside[2];
	double limits[4];              /* by severity, without a compare of their own */
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
#define NUMBER(fn, field)                                                                    \
	static void fn(struct draft *d, const struct config_entry *e, struct buf *why)       \
	{                                                                                    \
		read_number(e->items[0], &d->field, why);                                    \
	}
#define DURATION(fn, field)                                                                  \
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
TEXT(set_metric, rule.metric)
TEXT(set_summary, rule.summary)
TEXT(set_runbook, rule.runbook)
LIST(set_labels, rule.labels, rule.nlabels)
LIST(set_inhibited, rule.inhibited_by, rule.ninhibited_by)
LIST(set_channels, rule.channels, rule.nchannels)
NUMBER(set_above, above)
NUMBER(set_below, below)
NUMBER(set_equals, equals)
NUMBER(set_clear, clear)
NUMBER(set_info, limits[SEVERITY_INFO])
NUMBER(set_warning, limits[SEVERITY_WARNING])
NUMBER(set_critical, limits[SEVERITY_CRITICAL])
DURATION(set_for, rule.for_ms)
DURATION(set_keep, rule.keep_ms)
DURATION(set_window, rule.window_ms)
DURATION(set_full_in, rule.full_in_ms)
DURATION(set_absent, rule.absent_ms)
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

static void set_outside(struct draft *d, const struct config_entry *e, struct buf *why)
{
	if (e->nitems != 2)
		buf_adds(why, "takes two numbers, such as {10, 20}");
	else if (read_number(e->items[0], &d->outside[0], why))
		read_number(e->items[1], &d->outside[1], why);
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
	{"alert", "info", false, PRINT, set_info, "A limit of its own for this severity; its side is that of above or below, or follows from the order of the limits."},
	{"alert", "warning", false, PRINT, set_warning, "Likewise."},
	{"alert", "critical", false, PRINT, set_critical, "Likewise."},
	{"alert", "for", false, PRINT, set_for, "How long it must be wrong before it fires."},
	{"alert", "keep", false, PRINT, set_keep, "How long it must be right before it ends."},
	{"alert", "window", false, PRINT, set_window, "Judge the aggregate over this long, not the last value."},
	{"alert", "aggregate", false, PRINT, set_aggregate, "Over the window: avg, min, max, rate, delta, p95 …"},
	{"alert", "full_in", false, PRINT, set_full_in, "Fires when a straight line through the window reaches 100 percent within this."},
	{"alert", "absent", false, PRINT, set_absent, "Fires when the series is silent for this long."},
	{"alert", "labels", true, PRINT, set_labels, "{\"team=ops\", …}: travel with the alert. Not alertname, instance, metric, series, severity: those it has."},
	{"alert", "summary", false, PRINT, set_summary, "A sentence; {value} {threshold}, with their unit {value_text} {limit_text}, {series} {metric} {instance} {rule} {severity} {host} {labels.NAME} are filled in."},
	{"alert", "runbook", false, PRINT, set_runbook, "The address of a page that says what to do; filled in like the summary."},
	{"alert", "inhibited_by", true, PRINT, set_inhibited, "Rules that silence this one while they fire."},
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

static bool is_set(double d)
{
	return !isnan(d);
}

/* Which side the limits are on, if neither above nor below says so: more severe is further out. */
static bool limits_rise(const struct draft *d)
{
	double mild = is_set(d->limits[SEVERITY_INFO]) ? d->limits[SEVERITY_INFO] : d->limits[SEVERITY_WARNING];
	double bad = is_set(d->limits[SEVERITY_CRITICAL]) ? d->limits[SEVERITY_CRITICAL] : d->limits[SEVERITY_WARNING];

	return !(bad < mild);
}

static void choose_compare(struct draft *d, struct buf *why)
{
	bool severities = is_set(d->limits[1]) || is_set(d->limits[2]) || is_set(d->limits[3]);
	int n = is_set(d->above) + is_set(d->below) + is_set(d->outside[0]) + is_set(d->equals) + (d->rule.full_in_ms > 0) +
	        (d->rule.absent_ms > 0);

	if (n > 1)
		buf_adds(why, "takes one of above, below, outside, equals, full_in and absent, not several");
	else if (n == 0 && !severities)
		buf_adds(why, "says no limit: above, below, outside, equals, full_in, absent, or warning and critical");
	d->rule.compare = is_set(d->above)         ? RULE_ABOVE
	                  : is_set(d->below)       ? RULE_BELOW
	                  : is_set(d->outside[0])  ? RULE_OUTSIDE
	                  : is_set(d->equals)      ? RULE_EQUALS
	                  : d->rule.full_in_ms > 0 ? RULE_FULL_IN
	                  : d->rule.absent_ms > 0  ? RULE_ABSENT
	                  : limits_rise(d)         ? RULE_ABOVE
	                                           : RULE_BELOW;
	if (n && is_set(d->limits[d->severity]))
		buf_addf(why, "says its limit for %s twice", severity_name(d->severity));
	if (severities && d->rule.compare != RULE_ABOVE && d->rule.compare != RULE_BELOW)
		buf_adds(why, "has limits for severities, which go with above and below only");
}

/* The limit that the block names by itself has the block's severity. */
static void fill_base(struct draft *d)
{
	struct rule_limit *l = &d->rule.limits[d->severity];
	double base = is_set(d->above)        ? d->above
	              : is_set(d->below)      ? d->below
	              : is_set(d->outside[0]) ? d->outside[0]
	              : is_set(d->equals)     ? d->equals
	                                      : NAN;

	if (is_set(base) || d->rule.compare == RULE_FULL_IN || d->rule.compare == RULE_ABSENT)
		*l = (struct rule_limit){.set = true, .low = is_set(base) ? base : 0, .high = d->outside[1]};
	l->high = d->rule.compare == RULE_OUTSIDE ? d->outside[1] : 0;
}

/* clear belongs to the mildest limit; the others keep the same distance. */
static void fill_limits(struct draft *d)
{
	double distance = NAN;

	fill_base(d);
	for (int s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		struct rule_limit *l = &d->rule.limits[s];

		if (is_set(d->limits[s]))
			*l = (struct rule_limit){.set = true, .low = d->limits[s]};
		if (!l->set)
			continue;
		if (isnan(distance))
			distance = is_set(d->clear) ? l->low - d->clear : 0;
		l->clear = l->low - distance;
	}
	if (d->rule.compare == RULE_FULL_IN || d->rule.compare == RULE_ABSENT)
		d->rule.limits[d->severity].clear = 0;
}

static void draft_init(struct draft *d)
{
	*d = (struct draft){.enabled = true, .above = NAN, .below = NAN, .equals = NAN, .clear = NAN, .outside = {NAN, NAN},
	                    .limits = {NAN, NAN, NAN, NAN}, .severity = SEVERITY_WARNING};
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
	fill_limits(d);
	if (!why.len && !rule_check(&d->rule, text, sizeof text))
		buf_adds(&why, text);
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
