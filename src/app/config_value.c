/* config_value.c: one written value at a time, from text to what it means and back. */
#include "app/config_value.h"

#include "base/xmalloc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- quantities: a number and its unit ---- */

struct unit {
	const char *name;
	uint64_t factor;
	bool printed;          /* the one that is written of those that are read */
};

/* Largest first: the first that divides a value is the one it is printed in. */
static const struct unit durations[] = {
	{"d", 86400000, true}, {"h", 3600000, true}, {"min", 60000, true}, {"m", 60000, false}, {"s", 1000, true},
	{"ms", 1, true}, {NULL, 0, false},
};
static const struct unit sizes[] = {
	{"GiB", 1u << 30, true}, {"GB", 1000000000, true}, {"MiB", 1u << 20, true}, {"MB", 1000000, true},
	{"KiB", 1u << 10, true}, {"kB", 1000, true}, {"B", 1, false}, {NULL, 0, false},
};

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define MAX_QUANTITY 1e15 /* exact in a double, and more than any bound */

static const struct unit *find_unit(const struct unit *units, const char *name, size_t len)
{
	for (; units->name; units++)
		if (strlen(units->name) == len && strncasecmp(units->name, name, len) == 0)
			return units;
	return NULL;
}

static bool no_unit(const struct unit *units, const char *text, const char *what, struct buf *why)
{
	buf_addf(why, "\"%s\" %s: ", text, what);
	for (const struct unit *u = units; u->name; u++)
		buf_addf(why, "%s%s", u == units ? "" : u[1].name ? ", " : " or ", u->name);
	return false;
}

/* "12", "1.5", ".5": digits with at most one point. false when there is no number. */
static bool number(const char **at, double *out)
{
	size_t whole = strspn(*at, DIGITS), part = 0;

	if ((*at)[whole] == '.')
		part = 1 + strspn(*at + whole + 1, DIGITS);
	if (whole + part > 18 || whole + (part ? part - 1 : 0) == 0)
		return false;
	*out = strtod(*at, NULL); /* the locale is C: nobody here calls setlocale(3) */
	*at += whole + part;
	return true;
}

/* Pieces such as 1h30m add up. bare: a number and nothing else counts in the smallest unit. */
static bool quantity(const char *text, const struct unit *units, bool bare, uint64_t *out, struct buf *why)
{
	bool alone = bare && text[strspn(text, DIGITS ".")] == '\0';
	double sum = 0;

	for (const char *at = text; at == text || *at;) {
		const struct unit *unit = NULL;
		size_t len;
		double n;

		if (!number(&at, &n)) {
			buf_addf(why, "\"%s\" is not a number with a unit", text);
			return false;
		}
		at += strspn(at, " ");
		len = strspn(at, LETTERS);
		if (len && !(unit = find_unit(units, at, len)))
			return no_unit(units, text, "has an unknown unit; there are", why);
		if (!len && n != 0 && !alone)
			return no_unit(units, text, "needs a unit", why);
		at += len;
		sum += n * (unit ? (double)unit->factor : 1);
	}
	if (sum > MAX_QUANTITY) {
		buf_addf(why, "\"%s\" is beyond all bounds", text);
		return false;
	}
	if (fabs(sum - round(sum)) > 1e-6) {
		buf_addf(why, "\"%s\" is finer than the smallest unit", text);
		return false;
	}
	*out = (uint64_t)llround(sum);
	return true;
}

static void print_quantity(uint64_t n, const struct unit *units, struct buf *out)
{
	while (units->name && (!n || !units->printed || n % units->factor))
		units++;
	buf_addu(out, units->name ? n / units->factor : n);
	if (units->name)
		buf_adds(out, units->name);
}

bool duration_parse(const char *text, uint64_t *ms, struct buf *why)
{
	return quantity(text, durations, false, ms, why);
}

void duration_print(uint64_t ms, struct buf *out)
{
	print_quantity(ms, durations, out);
}

bool size_parse(const char *text, uint64_t *bytes, struct buf *why)
{
	return quantity(text, sizes, true, bytes, why);
}

void size_print(uint64_t bytes, struct buf *out)
{
	print_quantity(bytes, sizes, out);
}

bool percent_parse(const char *text, double *percent, struct buf *why)
{
	const char *at = text;
	double n;

	if (!number(&at, &n) || strcmp(at, *at == '%' ? "%" : "") != 0 || n > 100) {
		buf_addf(why, "\"%s\" is not a percentage from 0%% to 100%%", text);
		return false;
	}
	*percent = n;
	return true;
}

bool count_parse(const char *text, uint64_t *count, struct buf *why)
{
	size_t n = strspn(text, DIGITS);

	if (!n || text[n] || n > 18) {
		buf_addf(why, "\"%s\" is not a whole number", text);
		return false;
	}
	*count = strtoull(text, NULL, 10);
	return true;
}

bool bool_parse(const char *text, bool *value, struct buf *why)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*value = i % 2;
			return true;
		}
	}
	buf_addf(why, "\"%s\" is neither true nor false", text);
	return false;
}

/* ---- addresses ---- */

static bool port_parse(const char *text, uint16_t *port)
{
	size_t n = strspn(text, DIGITS);

	if (!n || text[n] || n > 5 || strtoul(text, NULL, 10) > UINT16_MAX)
		return false;
	*port = (uint16_t)strtoul(text, NULL, 10);
	return true;
}

static bool fill_ip4(struct config_addr *a)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(a->port)};

	if (inet_pton(AF_INET, a->host, &sin.sin_addr) != 1)
		return false;
	a->loopback = ntohl(sin.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	memcpy(&a->sa, &sin, sizeof sin);
	a->sa_len = sizeof sin;
	return true;
}

static bool fill_ip6(struct config_addr *a)
{
	struct sockaddr_in6 sin = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
	char *zone = strchr(a->host, '%');
	bool ok;

	if (zone)
		*zone = '\0';
	ok = inet_pton(AF_INET6, a->host, &sin.sin6_addr) == 1;
	if (zone) {
		*zone = '%';
		sin.sin6_scope_id = if_nametoindex(zone + 1);
		ok = ok && sin.sin6_scope_id;
	}
	a->loopback = IN6_IS_ADDR_LOOPBACK(&sin.sin6_addr) ||
		(IN6_IS_ADDR_V4MAPPED(&sin.sin6_addr) && sin.sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
	memcpy(&a->sa, &sin, sizeof sin);
	a->sa_len = sizeof sin;
	return ok;
}

/* Splits "host:port" and "[host]:port"; the port may be left out. */
static bool split(const char *text, struct config_addr *a, bool *brackets)
{
	const char *end = NULL;
	size_t len;

	*brackets = *text == '[';
	if (*brackets)
		end = strchr(text, ']');
	else
		end = text + strcspn(text, ":");
	if (!end || (*brackets && end[1] && end[1] != ':'))
		return false;
	len = (size_t)(end - text) - *brackets;
	end += *brackets;
	if (!len || (*end && !port_parse(end + 1, &a->port)))
		return false;
	a->host = xstrndup(text + *brackets, len);
	return true;
}

/* The usual slips get a sentence of their own. */
static bool not_an_address(const char *text, struct buf *why)
{
	struct in6_addr ip6;

	if (inet_pton(AF_INET6, text, &ip6) == 1)
		buf_addf(why, "an IPv6 address is written in brackets: [%s]:%d", text, CONFIG_DEFAULT_PORT);
	else if (!*text || *text == ':' || *text == '*' || text[strspn(text, DIGITS)] == '\0')
		buf_addf(why, "\"%s\" names no address: 127.0.0.1:PORT is this host alone, 0.0.0.0:PORT every IPv4 "
			"address, [::]:PORT every address", text);
	else if (isalpha((unsigned char)*text) && !strchr(text, '/'))
		buf_addf(why, "\"%s\": names are not looked up; write the address itself (or localhost)", text);
	else
		buf_addf(why, "\"%s\" is not an address and a port, such as 127.0.0.1:%d or [::1]:%d", text,
			CONFIG_DEFAULT_PORT, CONFIG_DEFAULT_PORT);
	return false;
}

bool addr_parse(const char *text, struct config_addr *out, struct buf *why)
{
	struct config_addr a = {.port = CONFIG_DEFAULT_PORT};
	bool ip6 = false, good = split(text, &a, &ip6);

	if (good && strcasecmp(a.host, "localhost") == 0) {
		free(a.host);
		a.host = xstrdup("127.0.0.1");
	}
	good = good && (ip6 ? fill_ip6(&a) : fill_ip4(&a));
	if (!good) {
		addr_release(&a);
		return not_an_address(text, why);
	}
	a.text = xasprintf(ip6 ? "[%s]:%u" : "%s:%u", a.host, a.port);
	*out = a;
	return true;
}

void addr_release(struct config_addr *a)
{
	free(a->text);
	free(a->host);
	a->text = a->host = NULL;
}

static char *lower_take(const char *text, size_t len)
{
	char *copy = xstrndup(text, len);

	for (char *p = copy; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* A name of letters, digits, `.`, `-`, `_`, or an IPv6 address in brackets. */
static bool is_host(const char *text, size_t len)
{
	if (len > 2 && *text == '[')
		return strspn(text + 1, "0123456789abcdefABCDEF:.") == len - 2 && text[len - 1] == ']';
	return len && len <= 253 && strspn(text, LETTERS DIGITS ".-_") >= len && *text != '.' && *text != '-';
}

bool host_parse(const char *text, char **take_out, struct buf *why)
{
	size_t len = strlen(text);

	if (is_host(text, len)) {
		*take_out = lower_take(text, len);
		return true;
	}
	if (strchr(text, '*'))
		buf_addf(why, "\"%s\": names are written out, there is no wildcard", text);
	else if (strchr(text, '/'))
		buf_addf(why, "\"%s\" is an address of a page; only the host's name belongs here", text);
	else if (strchr(text, ':'))
		buf_addf(why, "\"%s\": only the name belongs here, without a port", text);
	else
		buf_addf(why, "\"%s\" is not a host's name", text);
	return false;
}

/* Browsers leave the usual port out of an Origin, so "https://h:443" would never match (RFC 6454 6.1). */
static bool usual_port(const char *scheme, size_t len, uint16_t port)
{
	return (len == 5 && strncasecmp(scheme, "https", 5) == 0 && port == 443) ||
		(len == 4 && strncasecmp(scheme, "http", 4) == 0 && port == 80);
}

bool origin_parse(const char *text, char **take_out, struct buf *why)
{
	size_t scheme = strspn(text, LETTERS DIGITS "+.-"), host;
	const char *at = text + scheme;
	uint16_t port = 0;

	if (strcmp(text, "*") == 0) {
		*take_out = xstrdup("*");
		return true;
	}
	if (!scheme || strncmp(at, "://", 3) != 0 || !at[3])
		goto wrong;
	at += 3;
	host = *at == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/");
	if (host > strlen(at) || !is_host(at, host))
		goto wrong;
	if (at[host] == '/' || (at[host] && !port_parse(at + host + 1, &port)))
		goto wrong;
	*take_out = lower_take(text, usual_port(text, scheme, port) ? (size_t)(at + host - text) : strlen(text));
	return true;
wrong:
	buf_addf(why, "\"%s\" is not an origin: \"https://host\" or \"https://host:port\" without a path, or \"*\"", text);
	return false;
}

bool web_address_parse(const char *text, char **take_out, struct buf *why)
{
	size_t scheme = strncasecmp(text, "https://", 8) == 0 ? 8 : strncasecmp(text, "http://", 7) == 0 ? 7 : 0, host, path;
	const char *at = text + scheme;
	uint16_t port;
	bool port_ok;
	char *lower;

	if (!scheme)
		goto wrong;
	host = *at == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/");
	if (host > strlen(at) || !is_host(at, host))
		goto wrong;
	at += host;
	path = strcspn(at, "/");
	port_ok = !path;
	if (*at == ':') {
		char *number = xstrndup(at + 1, path - 1);

		port_ok = port_parse(number, &port);
		free(number);
	}
	at += path;
	if (!port_ok || at[strspn(at, LETTERS DIGITS "/-._~%!$&'()*+,;=:")])
		goto wrong;
	lower = lower_take(text, (size_t)(at - text));
	*take_out = xasprintf("%s%s%s", lower, at, *at && at[strlen(at) - 1] == '/' ? "" : "/");
	free(lower);
	return true;
wrong:
	buf_addf(why, "\"%s\" is not where a browser finds the dashboard: \"https://host\", \"http://host:port\" or \"https://host/path/\", "
		"without a name, a query or a #", text);
	return false;
}

/* ---- did you mean ---- */

#define LONGEST 40

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edit distance with swaps of neighbours as one slip (optimal string alignment). */
static size_t slips(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), row[3][LONGEST + 1];

	if (la > LONGEST || lb > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = row[i % 3], *up = row[(i + 2) % 3], *two_up = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = least(least(now[j - 1], up[j]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], two_up[j - 2] + 1);
		}
	}
	return row[la % 3][lb];
}

void nearest_init(struct nearest *n, const char *word)
{
	/* A third of the letters wrong is another word. */
	*n = (struct nearest){.word = word, .slips = strlen(word) / 3 + 2};
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t s = slips(n->word, candidate);

	if (s < n->slips && s < strlen(candidate)) {
		n->slips = s;
		n->best = candidate;
	}
}
