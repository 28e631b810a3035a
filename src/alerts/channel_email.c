/* channel_email.c: mail through an SMTP server (RFC 5321, RFC 5322).
 *
 * A recipient who is refused keeps the mail from nobody else. With some of them it is delivered: those refused for good (5xx) are
 * named in the log and in last_error, those refused for now (4xx: greylisting, a full mailbox) get it in a later attempt, which goes
 * to them alone. With none of them the attempt has failed, and the next one goes to all. */
#include "alerts/channel.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "base/xmalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PARTIAL_MOST 1000 /* mails that some recipients have and others get later: of the oldest it is forgotten, and it goes to all again */

#define ERROR_MAX 1000

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

/* Of a mail that some have and others are to get later: who needs no further attempt. In memory alone: after a restart such a mail
 * goes to everyone again, for told twice is better than not at all. */
struct partial {
	struct link link;
	char *message_id;
	char **done;
	size_t ndone;
	struct buf refused;            /* `bad@example.org: 550 …`, for good */
};

static struct link partials = {&partials, &partials}; /* oldest first */
static size_t npartials;

static void partial_free(struct partial *p)
{
	if (!p)
		return;
	list_remove(&p->link);
	npartials--;
	for (size_t i = 0; i < p->ndone; i++)
		free(p->done[i]);
	free(p->done);
	free(p->message_id);
	buf_release(&p->refused);
	free(p);
}

static struct partial *partial_find(const char *message_id)
{
	list_each(&partials, l, after) {
		struct partial *p = list_item(l, struct partial, link);

		if (strcmp(p->message_id, message_id) == 0)
			return p;
	}
	return NULL;
}

static struct partial *partial_new(const char *message_id)
{
	struct partial *p = xzalloc(sizeof *p);

	if (npartials == PARTIAL_MOST)
		partial_free(list_item(partials.next, struct partial, link));
	p->message_id = xstrdup(message_id);
	buf_init(&p->refused, ERROR_MAX);
	list_push(&partials, &p->link);
	npartials++;
	return p;
}

static bool is_done(const struct partial *p, const char *address)
{
	for (size_t i = 0; p && i < p->ndone; i++)
		if (strcmp(p->done[i], address) == 0)
			return true;
	return false;
}

static void set_done(struct partial *p, const char *address)
{
	p->done = xreallocarray(p->done, p->ndone + 1, sizeof *p->done);
	p->done[p->ndone++] = xstrdup(address);
}

/* One attempt: to whom it goes, which are those of the channel that need it still. */
struct sending {
	attempt_done_fn *done;
	void *user;
	char *channel, *message_id;
	char **to;                     /* ends with NULL */
	size_t nto;
};

static void sending_free(struct sending *s)
{
	for (size_t i = 0; i < s->nto; i++)
		free(s->to[i]);
	free(s->to);
	free(s->channel);
	free(s->message_id);
	free(s);
}

/* RFC 5321 4.2.1: 4 is "not now", 5 is "not ever". One that says neither took it. */
static bool is_refusal(const struct fetch_reply *r)
{
	return r->code / 100 == 4 || r->code / 100 == 5;
}

static bool is_for_good(const struct fetch_reply *r)
{
	return r->code / 100 == 5;
}

static void add_refusal(struct buf *text, const char *address, const struct fetch_reply *r)
{
	buf_addf(text, "%s%s: %s", text->len ? "; " : "", address, r->text);
}

/* Those who have it, and those who will never, are done; returns how many are left, and names them. */
static size_t settle(const struct sending *s, const struct fetch_result *r, struct partial *p, struct buf *later)
{
	size_t left = 0;

	for (size_t i = 0; i < s->nto; i++) {
		const struct fetch_reply *reply = &r->replies[i];

		if (is_refusal(reply) && !is_for_good(reply)) {
			add_refusal(later, s->to[i], reply);
			left++;
			continue;
		}
		set_done(p, s->to[i]);
		if (is_refusal(reply))
			add_refusal(&p->refused, s->to[i], reply);
	}
	return left;
}

static bool all_refused(const struct sending *s, const struct fetch_result *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nreplies && i < s->nto; i++)
		n += is_refusal(&r->replies[i]);
	return n && n == s->nto;
}

/* Nobody got it in this attempt. */
static void say_failure(const struct sending *s, const struct fetch_result *r, struct buf *text)
{
	if (all_refused(s, r)) {
		for (size_t i = 0; i < s->nto; i++)
			add_refusal(text, s->to[i], &r->replies[i]);
		return;
	}
	buf_adds(text, r->error);
	if (r->no_tls)
		buf_adds(text, ": the server offers no STARTTLS, and without it no mail is sent where user, ca_file or tls = true is set; "
			"smtps:// is TLS from the start, tls = false sends all in clear text, the password too");
	else if (r->untrusted)
		buf_adds(text, ": ca_file names the certificate that signs the server's");
}

/* Some have it, now or since an attempt before: those who were refused for good hold it up no longer. */
static void finish_partly(const struct sending *s, const struct fetch_result *r, struct partial *p, struct attempt_result *result,
                          struct buf *text)
{
	size_t left = settle(s, r, p, text);

	result->delivered = !left;
	if (!left)
		buf_adds(text, p->refused.data);
	if (text->len) {
		buf_adds(text, " (the others have it)");
		result->error = text->data;
	}
	if (!left && text->len)
		log_warn("channel %s: refused: %s", s->channel, text->data);
	if (!left)
		partial_free(p);
}

static void on_done(void *user, const struct fetch_result *r)
{
	struct sending *s = user;
	struct attempt_result result = {.status = r->status, .retry_after_ms = -1};
	struct partial *p = partial_find(s->message_id);
	struct buf text;

	buf_init(&text, ERROR_MAX);
	if (!r->error || (p && all_refused(s, r))) {
		finish_partly(s, r, p ? p : partial_new(s->message_id), &result, &text);
	} else {
		say_failure(s, r, &text);
		result.error = text.data;
	}
	s->done(s->user, &result);
	buf_release(&text);
	sending_free(s);
}

/* What is known of earlier attempts; nothing if the configuration names nobody any more who still needs it: then all are told again. */
static const struct partial *partial_of(const struct attempt *a)
{
	struct partial *p = partial_find(a->message_id);
	size_t i = 0;

	while (i < a->channel->nto && is_done(p, a->channel->to[i]))
		i++;
	if (i < a->channel->nto)
		return p;
	partial_free(p);
	return NULL;
}

static struct sending *sending_new(const struct attempt *a, attempt_done_fn *done, void *user)
{
	const struct channel *c = a->channel;
	const struct partial *p = partial_of(a);
	struct sending *s = xzalloc(sizeof *s);

	*s = (struct sending){.done = done, .user = user, .channel = xstrdup(c->name), .message_id = xstrdup(a->message_id)};
	s->to = xcalloc(c->nto + 1, sizeof *s->to);
	for (size_t i = 0; i < c->nto; i++)
		if (!is_done(p, c->to[i]))
			s->to[s->nto++] = xstrdup(c->to[i]);
	return s;
}

/* A name before the host: a password goes with it. */
static bool signs_in(const struct channel *c)
{
	const char *host = strstr(c->smtp, "//") + 2;

	return c->user || memchr(host, '@', strcspn(host, "/"));
}

static enum fetch_tls tls_of(const struct channel *c)
{
	if (c->tls == CHANNEL_TLS_NONE)
		return FETCH_TLS_NONE;
	return c->tls == CHANNEL_TLS_REQUIRED || signs_in(c) || c->ca_file ? FETCH_TLS_REQUIRED : FETCH_TLS_TRIED;
}

static void send_email(const struct attempt *a, attempt_done_fn *done, void *user)
{
	const struct channel *c = a->channel;
	struct sending *s = sending_new(a, done, user);
	struct fetch_request r = {
		.url = c->smtp,
		.body = a->body,
		.len = a->len,
		.timeout_ms = c->timeout_ms,
		.ca_file = c->ca_file,
		.user = c->user,
		.password = c->password,
		.tls = tls_of(c),
		.mail_from = c->from,
		.mail_to = (const char *const *)s->to,
	};

	fetch_start(a->fetch, &r, on_done, s);
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

static void end(void)
{
	while (!list_empty(&partials))
		partial_free(list_item(partials.next, struct partial, link));
}

const struct channel_kind channel_email = {"email", body, send_email, check, end};
