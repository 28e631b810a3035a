/* guard.c: who may talk to us from a browser.
 *
 * DNS rebinding: a page of attacker.example whose name was pointed at our address sends that name as
 * Host. An address in the Host header cannot be such a name, so addresses, loopback names, our own name and those
 * of the configuration are let in. Cross-site: a browser says in Origin whose page it is. */
#include "app/routes.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The name in "name:port" or "[v6]:port", lower case, without a final dot. */
static bool host_name(const char *host, char *out, size_t size)
{
	size_t n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");

	if (*host == '[') {
		host++;
		n -= n > 0;
	}
	if (!n || n >= size)
		return false;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)host[i]);
	while (n && out[n - 1] == '.')
		n--;
	out[n] = '\0';
	return n > 0;
}

static bool is_address(const char *name)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* The name in the configured address of the dashboard. */
static bool is_of_url(const char *url, const char *name)
{
	char authority[300], own[256];
	const char *at;

	if (!url)
		return false;
	at = strstr(url, "://") + 3;
	snprintf(authority, sizeof authority, "%.*s", (int)strcspn(at, "/"), at);
	return host_name(authority, own, sizeof own) && strcmp(own, name) == 0;
}

bool guard_host_allowed(const struct app *app, const char *host)
{
	char name[256];
	size_t n;

	if (!host) /* HTTP/1.0: no browser */
		return true;
	if (!host_name(host, name, sizeof name))
		return false;
	n = strlen(name);
	if (is_address(name) || strcmp(name, "localhost") == 0 || (n > 10 && strcmp(name + n - 10, ".localhost") == 0) ||
	    strcasecmp(name, app->hostname) == 0 || is_of_url(app->config->url, name))
		return true;
	for (size_t i = 0; i < app->config->hosts.n; i++)
		if (strcmp(app->config->hosts.at[i], name) == 0)
			return true;
	return false;
}

bool guard_origin_allowed(const struct app *app, const char *origin, const char *host)
{
	const struct config_strings *others = &app->config->socketio.cors_origins;
	const char *authority = strstr(origin, "://");

	if (authority && host && strcasecmp(authority + 3, host) == 0)
		return true;
	for (size_t i = 0; i < others->n; i++)
		if (strcmp(others->at[i], "*") == 0 || strcasecmp(others->at[i], origin) == 0)
			return true;
	return false;
}

bool guard_request(void *user, struct http_request *r)
{
	const char *host = http_header(r, "host"), *origin = http_header(r, "origin");
	struct app *app = user;
	char text[400];

	if (!guard_host_allowed(app, host)) {
		snprintf(text, sizeof text, "the name %.200s is not one of ours: add it to `hosts` in the configuration", host);
		http_error(r, 421, text);
		return false;
	}
	if (origin && !guard_origin_allowed(app, origin, host)) {
		snprintf(text, sizeof text, "pages of %.200s may not talk to this server: add it to `cors_origins` in the configuration", origin);
		http_error(r, 403, text);
		return false;
	}
	return true;
}

void guard_headers(void *user, struct http_request *r)
{
	(void)user;
	http_add_header(r, "Content-Security-Policy",
	                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
	                "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
	http_add_header(r, "X-Content-Type-Options", "nosniff");
	http_add_header(r, "Referrer-Policy", "no-referrer");
	http_add_header(r, "Cross-Origin-Opener-Policy", "same-origin");
	http_add_header(r, "Cross-Origin-Resource-Policy", "same-origin");
}
