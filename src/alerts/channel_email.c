/* channel_email.c: mail through an SMTP server (RFC 5321, RFC 5322). */
#include "alerts/channel.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/xmalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* RFC 2047 encoded words, so that any text may stand in a header; no line is longer than 76 characters. */
static void add_subject(struct buf *out, const char *text)
{
	size_t n = strlen(text);

	buf_adds(out, "Subject:");
	while (n) {
		size_t take = n < 39 ? n : 39; /* with "Subject: " before it, a line of 76 */
		char word[64];

		while (take > 1 && take < n && ((unsigned char)text[take] & 0xc0) == 0x80)
			take--; /* not inside a character */
		word[base64_encode(word, text, take, BASE64_STANDARD)] = '\0';
		buf_addf(out, " =?UTF-8?B?%s?=\r\n", word);
		text += take;
		n -= take;
	}
}

static void add_date(struct buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	buf_addf(out, "Date: %s\r\n", text);
}

static void add_base64_lines(struct buf *out, const char *text, size_t n)
{
	while (n) {
		size_t take = n < 57 ? n : 57;
		char line[80];

		line[base64_encode(line, text, take, BASE64_STANDARD)] = '\0';
		buf_addf(out, "%s\r\n", line);
		text += take;
		n -= take;
	}
}

static void add_text(const struct telling *t, struct buf *out)
{
	const struct alert_view *a = t->alert;
	struct buf text, runbook;

	buf_init(&text, 16000);
	buf_init(&runbook, LIMIT_SUMMARY_BYTES);
	buf_addf(&text, "%s\n\nalert:     ", a->summary ? a->summary : "");
	telling_link(t, &text);
	buf_addf(&text, "\nrule:      %s\nseries:    %s\nvalue:     ", a->rule_name, a->series);
	alert_say_value(a, &text);
	buf_adds(&text, "\nthreshold: ");
	alert_say_threshold(a, &text);
	buf_addf(&text, "\nseverity:  %s\nstate:     %s\nhost:      %s\n", severity_name(a->severity), alert_state_name(a->state), t->host);
	if (a->state == ALERT_RESOLVED) {
		buf_adds(&text, "over:      ");
		alert_say_end(a, &text);
		buf_addc(&text, '\n');
	}
	if (a->by)
		buf_addf(&text, "by:        %s %s\n", a->by, a->note ? a->note : "");
	if (a->flapping)
		buf_adds(&text, "flapping:  it comes and goes; its end is told once it was calm for 5 minutes\n");
	alert_runbook(a, t->host, &runbook);
	if (runbook.len)
		buf_addf(&text, "runbook:   %s\n", runbook.data);
	buf_release(&runbook);
	add_base64_lines(out, text.data, text.len);
	buf_release(&text);
}

static const char *body(const struct telling *t, struct buf *out)
{
	const struct alert_view *a = t->alert;
	char id[RANDOM_ID_LEN + 1], *subject;

	random_id(id);
	subject = xasprintf("[%s] %s on %s: %s", a->state == ALERT_FIRING ? severity_name(a->severity) : alert_state_name(a->state),
	                    a->rule_name, t->host, a->summary ? a->summary : a->series);
	add_date(out, t->now_ms);
	buf_addf(out, "From: %s\r\nTo: ", t->channel->from);
	for (size_t i = 0; i < t->channel->nto; i++)
		buf_addf(out, "%s%s", i ? ",\r\n " : "", t->channel->to[i]);
	buf_adds(out, "\r\n");
	add_subject(out, subject);
	/* Mail programs show the changes of one alert as one thread. */
	buf_addf(out, "Message-ID: <%s@vedette>\r\nReferences: <%s@vedette>\r\nAuto-Submitted: auto-generated\r\n", id, a->id);
	buf_adds(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	add_text(t, out);
	free(subject);
	return "message/rfc822";
}

struct sending {
	attempt_done_fn *done;
	void *user;
};

static void on_done(void *user, const struct fetch_result *r)
{
	struct sending *s = user;
	struct attempt_result result = {.delivered = !r->error, .status = r->status, .error = r->error, .retry_after_ms = -1};

	s->done(s->user, &result);
	free(s);
}

static void send_email(const struct attempt *a, attempt_done_fn *done, void *user)
{
	const struct channel *c = a->channel;
	const char **to = xcalloc(c->nto + 1, sizeof *to);
	struct sending *s = xzalloc(sizeof *s);
	struct fetch_request r = {
		.url = c->smtp,
		.body = a->body,
		.len = a->len,
		.timeout_ms = c->timeout_ms,
		.ca_file = c->ca_file,
		.user = c->user,
		.password = c->password,
		.require_tls = c->require_tls,
		.mail_from = c->from,
		.mail_to = to,
	};

	for (size_t i = 0; i < c->nto; i++)
		to[i] = c->to[i];
	*s = (struct sending){done, user};
	fetch_start(a->fetch, &r, on_done, s);
	free(to);
}

/* An address as it stands in an envelope and in a header: no name before it, and nothing that would end it. */
static bool is_address(const char *s)
{
	const char *at = strchr(s, '@');

	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("<>,;:\"()", *p))
			return false;
	return at && at > s && at[1];
}

static bool are_addresses(const struct channel *c)
{
	for (size_t i = 0; i < c->nto; i++)
		if (!is_address(c->to[i]))
			return false;
	return c->nto > 0;
}

static bool check(const struct channel *c, char *why, size_t size)
{
	if (!c->smtp || (strncmp(c->smtp, "smtp://", 7) != 0 && strncmp(c->smtp, "smtps://", 8) != 0))
		snprintf(why, size, "smtp must start with smtp:// or smtps://");
	else if (!c->from || !is_address(c->from))
		snprintf(why, size, "from must be an address alone, such as vedette@example.org");
	else if (!are_addresses(c))
		snprintf(why, size, "to must name addresses alone, such as {\"ops@example.org\"}");
	else
		return true;
	return false;
}

const struct channel_kind channel_email = {"email", body, send_email, check, NULL};
