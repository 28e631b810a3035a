/* channel_webhook.c: one POST for each change, signed as Standard Webhooks 1.0 asks where a secret is set. */
#include "alerts/channel.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/xmalloc.h"

#include <nettle/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void webhook_sign(const char *secret, const char *id, int64_t timestamp_s, const char *body, size_t n, char out[64])
{
	unsigned char key[512], digest[SHA256_DIGEST_SIZE];
	size_t len = strlen(secret);
	struct hmac_sha256_ctx hmac;
	char head[128];

	/* `whsec_` says that base64 follows; anything else is the key itself. */
	if (strncmp(secret, "whsec_", 6) == 0 && len < sizeof key && base64_decode(key, &len, secret + 6, len - 6)) {
		hmac_sha256_set_key(&hmac, len, key);
	} else {
		hmac_sha256_set_key(&hmac, strlen(secret), (const uint8_t *)secret);
	}
	hmac_sha256_update(&hmac, (size_t)snprintf(head, sizeof head, "%s.%lld.", id, (long long)timestamp_s), (const uint8_t *)head);
	hmac_sha256_update(&hmac, n, (const uint8_t *)body);
	hmac_sha256_digest(&hmac, sizeof digest, digest);
	memcpy(out, "v1,", 3);
	out[3 + base64_encode(out + 3, digest, sizeof digest, BASE64_STANDARD)] = '\0';
}

static const char *body(const struct telling *t, struct buf *out)
{
	const struct format *f = format_find(t->channel->format);

	f->body(t, out);
	return f->content_type;
}

struct sending {
	attempt_done_fn *done;
	void *user;
};

static void on_done(void *user, const struct fetch_result *r)
{
	struct sending *s = user;
	struct attempt_result result = {.status = r->status, .retry_after_ms = r->retry_after_ms, .error = r->error};
	char text[160];

	result.delivered = !r->error && r->status >= 200 && r->status < 300;
	result.hopeless = r->refused_address || r->status == 410; /* Gone: the receiver wants no more (Standard Webhooks) */
	if (!result.delivered && !result.error) {
		snprintf(text, sizeof text, "answered %d%s%.100s", r->status, *r->body ? ": " : "", r->body);
		result.error = text;
	}
	s->done(s->user, &result);
	free(s);
}

static const char **headers_of(const struct attempt *a, char lines[4][256])
{
	const struct channel *c = a->channel;
	const char **list = xcalloc(c->nheaders + 5, sizeof *list);
	int64_t now_s = clock_wall_ms() / 1000;
	size_t n = 0;

	for (size_t i = 0; i < c->nheaders; i++)
		list[n++] = c->headers[i];
	snprintf(lines[0], 256, "Content-Type: %s", a->content_type);
	snprintf(lines[1], 256, "webhook-id: %s", a->message_id);
	snprintf(lines[2], 256, "webhook-timestamp: %lld", (long long)now_s);
	list[n++] = lines[0];
	list[n++] = lines[1];
	list[n++] = lines[2];
	if (c->secret) {
		char signature[64];

		webhook_sign(c->secret, a->message_id, now_s, a->body, a->len, signature);
		snprintf(lines[3], 256, "webhook-signature: %s", signature);
		list[n++] = lines[3];
	}
	return list;
}

static void send_webhook(const struct attempt *a, attempt_done_fn *done, void *user)
{
	const struct channel *c = a->channel;
	struct sending *s = xzalloc(sizeof *s);
	char lines[4][256];
	const char **headers = headers_of(a, lines);
	struct fetch_request r = {
		.url = c->url,
		.headers = headers,
		.body = a->body,
		.len = a->len,
		.timeout_ms = c->timeout_ms,
		.redirects = c->redirects,
		.no_private = !c->allow_private,
		.ca_file = c->ca_file,
		.cert_file = c->cert_file,
		.key_file = c->key_file,
		.proxy = c->proxy,
		.user = c->user,
		.password = c->password,
	};

	*s = (struct sending){done, user};
	fetch_start(a->fetch, &r, on_done, s);
	free(headers);
}

static bool check(const struct channel *c, char *why, size_t size)
{
	if (!c->url || (strncmp(c->url, "http://", 7) != 0 && strncmp(c->url, "https://", 8) != 0))
		snprintf(why, size, "url must start with http:// or https://");
	else if (!c->format || !format_find(c->format))
		snprintf(why, size, "format must be one of: %s", format_names());
	else if (strcmp(c->format, "template") == 0 && !c->template)
		snprintf(why, size, "format = template needs template or template_file");
	else
		return true;
	return false;
}

const struct channel_kind channel_webhook = {"webhook", body, send_webhook, check, NULL};
