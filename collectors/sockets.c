/* sockets.c: TCP's states and traffic, UDP's traffic, sockets in use; from
 * /proc/net/{snmp,snmp6,netstat,sockstat,sockstat6} (proc(5)).
 *
 * The states are counted through sock_diag(7): /proc/net/tcp and tcp6 tell the
 * same, but cost milliseconds each on a host with a big hash table, full or
 * not. They are read where there is no sock_diag, and in tests. */
#include "collectors/sockets.h"

#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include "base/clock.h"

#include <errno.h>
#include <fnmatch.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel's numbers of the states are the order of the first metrics. */
enum {
	M_ESTABLISHED, M_SYN_SENT, M_SYN_RECV, M_FIN_WAIT1, M_FIN_WAIT2, M_TIME_WAIT, M_CLOSE, M_CLOSE_WAIT, M_LAST_ACK,
	M_LISTEN, M_CLOSING, M_RETRANSMITS, M_IN_SEGMENTS, M_OUT_SEGMENTS, M_RESETS, M_UDP_IN, M_UDP_OUT, M_UDP_ERRORS,
	M_USED, METRICS
};

static const struct metric metrics[] = {
	[M_ESTABLISHED]  = { "tcp.established",  "",    STORE_GAUGE, "Connections that are open" },
	[M_SYN_SENT]     = { "tcp.syn_sent",     "",    STORE_GAUGE, "Connections being opened from here" },
	[M_SYN_RECV]     = { "tcp.syn_recv",     "",    STORE_GAUGE, "Connections being opened from elsewhere" },
	[M_FIN_WAIT1]    = { "tcp.fin_wait1",    "",    STORE_GAUGE, "Closed here, not yet confirmed" },
	[M_FIN_WAIT2]    = { "tcp.fin_wait2",    "",    STORE_GAUGE, "Closed here, still open there" },
	[M_TIME_WAIT]    = { "tcp.time_wait",    "",    STORE_GAUGE, "Closed, kept for late packets" },
	[M_CLOSE]        = { "tcp.close",        "",    STORE_GAUGE, "Not connected" },
	[M_CLOSE_WAIT]   = { "tcp.close_wait",   "",    STORE_GAUGE, "Closed there, not yet by the program here" },
	[M_LAST_ACK]     = { "tcp.last_ack",     "",    STORE_GAUGE, "Closed on both ends, last word not confirmed" },
	[M_LISTEN]       = { "tcp.listen",       "",    STORE_GAUGE, "Waiting for connections" },
	[M_CLOSING]      = { "tcp.closing",      "",    STORE_GAUGE, "Closed on both ends at once" },
	[M_RETRANSMITS]  = { "tcp.retransmits",  "1/s", STORE_RATE,  "Segments sent again" },
	[M_IN_SEGMENTS]  = { "tcp.in_segments",  "1/s", STORE_RATE,  "Segments received" },
	[M_OUT_SEGMENTS] = { "tcp.out_segments", "1/s", STORE_RATE,  "Segments sent" },
	[M_RESETS]       = { "tcp.resets",       "1/s", STORE_RATE,  "Resets sent" },
	[M_UDP_IN]       = { "udp.in",           "1/s", STORE_RATE,  "Datagrams received" },
	[M_UDP_OUT]      = { "udp.out",          "1/s", STORE_RATE,  "Datagrams sent" },
	[M_UDP_ERRORS]   = { "udp.errors",       "1/s", STORE_RATE,  "Datagrams that could not be received" },
	[M_USED]         = { "sockets.used",     "",    STORE_GAUGE, "Sockets of every kind" },
};

/* Counters and the metrics they add up to: IPv4 and IPv6 count UDP apart. */
static const struct {
	const char *name;
	size_t metric;
} counters[] = {
	{ "Tcp_RetransSegs", M_RETRANSMITS }, { "Tcp_InSegs", M_IN_SEGMENTS },   { "Tcp_OutSegs", M_OUT_SEGMENTS },
	{ "Tcp_OutRsts", M_RESETS },          { "Udp_InDatagrams", M_UDP_IN },   { "Udp6_InDatagrams", M_UDP_IN },
	{ "Udp_OutDatagrams", M_UDP_OUT },    { "Udp6_OutDatagrams", M_UDP_OUT }, { "Udp_InErrors", M_UDP_ERRORS },
	{ "Udp6_InErrors", M_UDP_ERRORS },
};
#define COUNTERS (sizeof counters / sizeof *counters)

/* Files that a kernel may lack (IPv6 switched off) but for the first. */
enum { SNMP, SNMP6, SOCKSTAT, SOCKSTAT6, NETSTAT, TCP, TCP6, FILES };
static const char *const files[FILES] = {
	"net/snmp", "net/snmp6", "net/sockstat", "net/sockstat6", "net/netstat", "net/tcp", "net/tcp6",
};

struct state {
	struct source files[FILES];
	struct span span;
	uint64_t now[COUNTERS], base[COUNTERS];
	bool has[COUNTERS], base_has[COUNTERS];
	double rate[METRICS];
	bool known;
	int diag_fd;           /* sock_diag; valid while has_diag */
	bool has_diag;
	unsigned char counting; /* the family whose sockets are being counted; AF_UNSPEC: none */
	uint64_t partial[TCP_STATES]; /* those counted so far */
	uint64_t states[TCP_STATES]; /* as they were counted last */
	bool states_known;
	int64_t file_next_ns;  /* the files are not counted again before */
	double page_bytes;
};

#define FILE_MAX (1u << 20)
#define TCP_MAX (64u << 20)
#define RATE_MOST 1e10
#define DIAG_SHARE 1000        /* counting through sock_diag may take one part of so many of the time, */
#define DIAG_LEAST_NS 500000   /* but at least so long in each read */
#define DIAG_MOST_NS 20000000  /* and at most so long */
#define FILE_SHARE 300         /* the same of the files, which are counted in one go */

static void close_sockets(void *state)
{
	struct state *s = state;

	for (int i = 0; i < FILES; i++)
		source_close(&s->files[i]);
	if (s->has_diag)
		close(s->diag_fd);
	s->has_diag = false;
}

static int open_sockets(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = source_open(&s->files[SNMP], roots->proc, files[SNMP], FILE_MAX);

	if (err) {
		*why = "cannot read /proc/net/snmp";
		return err;
	}
	for (int i = SNMP + 1; i < FILES; i++)
		source_open(&s->files[i], roots->proc, files[i], i < TCP ? FILE_MAX : TCP_MAX);
	if (!strcmp(roots->proc, "/proc")) {
		s->diag_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
		s->has_diag = s->diag_fd >= 0;
	}
	s->page_bytes = (double)sysconf(_SC_PAGESIZE);
	return 0;
}

/* --- the states --- */

static void add_state(uint64_t count[TCP_STATES], uint64_t state)
{
	if (state == TCP_NEW_SYN_RECV) /* how the kernel calls a request inside */
		state = TCP_SYN_RECV_STATE;
	if (state >= 1 && state < TCP_STATES)
		count[state]++;
}

/* "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 …": the fourth word, in hexadecimal. */
void sockets_count_states(struct text text, uint64_t count[TCP_STATES])
{
	struct text line, word;

	while (text_line(&text, &line)) {
		int words = 0;

		while (words < 4 && text_word(&line, &word))
			words++;
		if (words == 4 && text_len(&word) == 2)
			add_state(count, strtoul((char[3]){ word.at[0], word.at[1] }, NULL, 16));
	}
}

static int diag_ask(int fd, unsigned char family)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} ask = {
		.head = {
			.nlmsg_len = sizeof ask,
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.body = { .sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 0xffff },
	};

	return send(fd, &ask, sizeof ask, 0) < 0 ? -errno : 0;
}

/* 0: more follows; 1: that was all; or -errno. */
static int diag_take(struct nlmsghdr *h, size_t len, uint64_t count[TCP_STATES])
{
	for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		const struct inet_diag_msg *m = NLMSG_DATA(h);
		const struct nlmsgerr *e = NLMSG_DATA(h);

		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return e->error ? e->error : -EPROTO;
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof *m))
			add_state(count, m->idiag_state);
	}
	return 0;
}

/* The next part of a count: 0 when there is more to come, 1 when it is complete, or -errno. */
static int diag_next(struct state *s)
{
	_Alignas(struct nlmsghdr) char answer[16384];
	ssize_t n = recv(s->diag_fd, answer, sizeof answer, MSG_DONTWAIT);
	int got;

	if (n <= 0)
		return n < 0 ? -errno : -EPROTO;
	got = diag_take((struct nlmsghdr *)answer, (size_t)n, s->partial);
	if (got == -ENOENT && s->counting == AF_INET6) /* no IPv6 here */
		got = 1;
	if (got <= 0 || s->counting == AF_INET6)
		return got;
	s->counting = AF_INET6;
	return diag_ask(s->diag_fd, AF_INET6);
}

static int diag_begin(struct state *s)
{
	memset(s->partial, 0, sizeof s->partial);
	s->counting = AF_INET;
	return diag_ask(s->diag_fd, AF_INET);
}

/* The kernel hands out a count in parts, and waits in between: a hundred thousand
 * sockets take tens of milliseconds, which are spread over as many reads as it
 * needs, so that the other collectors are not kept waiting. */
static int count_by_diag(struct state *s, int64_t budget_ns)
{
	int64_t until_ns = clock_mono_ns() + budget_ns;
	int got = s->counting == AF_UNSPEC ? diag_begin(s) : 0;

	while (!got) {
		got = diag_next(s);
		if (clock_mono_ns() > until_ns)
			break;
	}
	if (got == 1) {
		memcpy(s->states, s->partial, sizeof s->states);
		s->states_known = true;
	}
	if (got)
		s->counting = AF_UNSPEC;
	return got < 0 ? got : 0;
}

static void count_by_file(struct state *s, int64_t now_ns)
{
	int64_t start_ns = clock_mono_ns();

	if (now_ns < s->file_next_ns)
		return;
	s->states_known = false;
	memset(s->states, 0, sizeof s->states);
	for (int i = TCP; i <= TCP6; i++)
		if (s->files[i].path && !source_read(&s->files[i])) {
			sockets_count_states(source_text(&s->files[i]), s->states);
			s->states_known = true;
		}
	s->file_next_ns = now_ns + (clock_mono_ns() - start_ns) * FILE_SHARE;
}

/* A kernel without sock_diag, or a sandbox without netlink, refuses: once is enough to know. */
static void count_states(struct state *s, int64_t now_ns)
{
	int64_t budget_ns = (int64_t)(s->span.s * 1e9 / DIAG_SHARE);

	budget_ns = budget_ns < DIAG_LEAST_NS ? DIAG_LEAST_NS : budget_ns > DIAG_MOST_NS ? DIAG_MOST_NS : budget_ns;
	if (s->has_diag && count_by_diag(s, budget_ns)) {
		close(s->diag_fd);
		s->has_diag = false;
	}
	if (!s->has_diag)
		count_by_file(s, now_ns);
}

static void tell_states(struct state *s, int64_t now_ns, struct sink *out)
{
	count_states(s, now_ns);
	for (size_t i = 1; i < TCP_STATES; i++)
		sink_set(out, i - 1 + M_ESTABLISHED, s->states_known ? (double)s->states[i] : NAN);
}

/* --- counters: pairs of lines, "Tcp: InSegs OutSegs" and "Tcp: 7319 4062" --- */

typedef void field_fn(void *user, const char *name, double value);

static void field(void *user, field_fn *fn, const struct text *protocol, const struct text *name, double value)
{
	char full[128], part[64];

	text_clean(protocol, part, sizeof part);
	snprintf(full, sizeof full, "%s_", part);
	text_clean(name, part, sizeof part);
	snprintf(full + strlen(full), sizeof full - strlen(full), "%s", part);
	fn(user, full, value);
}

static void each_pair(struct text text, field_fn *fn, void *user)
{
	struct text names, values, protocol, same, name;
	int64_t value;

	while (text_line(&text, &names) && text_line(&text, &values)) {
		if (!text_until(&names, ':', &protocol) || !text_until(&values, ':', &same))
			continue;
		while (text_word(&names, &name) && text_i64(&values, &value))
			field(user, fn, &protocol, &name, (double)value);
	}
}

/* "Udp6InDatagrams                 	105": the protocol ends with its 6. */
static void each_line(struct text text, field_fn *fn, void *user)
{
	struct text line, name, protocol;
	uint64_t value;

	while (text_line(&text, &line)) {
		if (!text_word(&line, &name) || !text_u64(&line, &value) || !text_until(&name, '6', &protocol))
			continue;
		protocol.end++;
		field(user, fn, &protocol, &name, (double)value);
	}
}

static void take_counter(void *user, const char *name, double value)
{
	struct state *s = user;

	for (size_t i = 0; i < COUNTERS; i++)
		if (!strcmp(name, counters[i].name)) {
			s->now[i] = (uint64_t)value;
			s->has[i] = true;
		}
}

static void compare(struct state *s)
{
	bool told[METRICS] = { false };

	s->known = true;
	for (size_t i = 0; i < COUNTERS; i++) {
		size_t m = counters[i].metric;
		double rate = counter_delta(s->base[i], s->now[i], RATE_MOST * s->span.s) / s->span.s;

		if (!s->has[i] || !s->base_has[i])
			continue;
		s->rate[m] = told[m] ? s->rate[m] + rate : rate;
		told[m] = true;
	}
	for (size_t m = M_RETRANSMITS; m <= M_UDP_ERRORS; m++)
		if (!told[m])
			s->rate[m] = NAN;
}

static void tell_rates(struct state *s, const struct collect_time *now, struct sink *out)
{
	bool next = span_next(&s->span, now);

	memset(s->has, 0, sizeof s->has);
	each_pair(source_text(&s->files[SNMP]), take_counter, s);
	if (s->files[SNMP6].path && !source_read(&s->files[SNMP6]))
		each_line(source_text(&s->files[SNMP6]), take_counter, s);
	if (next)
		compare(s);
	memcpy(s->base, s->now, sizeof s->base);
	memcpy(s->base_has, s->has, sizeof s->base_has);
	for (size_t m = M_RETRANSMITS; s->known && m <= M_UDP_ERRORS; m++)
		sink_set(out, m, s->rate[m]);
}

/* --- sockets in use: "sockets: used 16", "TCP: inuse 1 orphan 0 tw 1 alloc 1 mem 51" --- */

static void each_use(struct text text, field_fn *fn, void *user)
{
	struct text line, protocol, name;
	int64_t value;

	while (text_line(&text, &line)) {
		if (!text_until(&line, ':', &protocol))
			continue;
		while (text_word(&line, &name) && text_i64(&line, &value))
			field(user, fn, &protocol, &name, (double)value);
	}
}

static void take_used(void *user, const char *name, double value)
{
	double *used = user;

	if (!strcmp(name, "sockets_used"))
		*used = value;
}

static int read_sockets(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err = source_read(&s->files[SNMP]);
	double used = NAN;

	(void)why;
	if (err)
		return err;
	tell_rates(s, now, out);
	if (!now->scrape) /* /metrics does not show them */
		tell_states(s, now->mono_ns, out);
	if (s->files[SOCKSTAT].path && !source_read(&s->files[SOCKSTAT]))
		each_use(source_text(&s->files[SOCKSTAT]), take_used, &used);
	sink_set(out, M_USED, used);
	return 0;
}

/* --- /metrics --- */

/* node_exporter's default --collector.netstat.fields, as globs. */
static const char *const exposed[] = {
	"*_InErrors", "*_InErrs", "Ip_Forwarding", "Ip6_InOctets", "Ip6_OutOctets", "IpExt_InOctets", "IpExt_OutOctets",
	"Icmp_InMsgs", "Icmp_OutMsgs", "Icmp6_InMsgs", "Icmp6_OutMsgs", "TcpExt_Listen*", "TcpExt_Syncookies*",
	"TcpExt_TCPSynRetrans", "TcpExt_TCPTimeouts", "Tcp_ActiveOpens", "Tcp_InSegs", "Tcp_OutSegs", "Tcp_OutRsts",
	"Tcp_PassiveOpens", "Tcp_RetransSegs", "Tcp_CurrEstab", "Udp_InDatagrams", "Udp_OutDatagrams", "Udp_NoPorts",
	"Udp_RcvbufErrors", "Udp_SndbufErrors", "Udp6_InDatagrams", "Udp6_OutDatagrams", "Udp6_NoPorts",
	"Udp6_RcvbufErrors", "Udp6_SndbufErrors",
};

static void expose_netstat(void *user, const char *name, double value)
{
	const char *underscore = strchr(name, '_');
	char family[160], help[160];

	for (size_t i = 0; i < sizeof exposed / sizeof *exposed; i++) {
		if (fnmatch(exposed[i], name, 0))
			continue;
		snprintf(family, sizeof family, "node_netstat_%s", name);
		snprintf(help, sizeof help, "Statistic %.*s%s.", (int)(underscore - name), name, underscore + 1);
		prom_single(user, family, PROM_UNTYPED, help, value);
		return;
	}
}

struct use {
	struct buf *out;
	double page_bytes;
};

static void expose_one_use(struct buf *out, const char *name, const char *suffix, double value)
{
	const char *underscore = strchr(name, '_');
	char family[160], help[192];

	snprintf(family, sizeof family, "node_sockstat_%s%s", name, suffix);
	snprintf(help, sizeof help, "Number of %.*s sockets in state %s%s.", (int)(underscore - name), name,
	         underscore + 1, suffix);
	if (!strcmp(name, "sockets_used"))
		snprintf(help, sizeof help, "Number of IPv4 sockets in use.");
	prom_single(out, family, PROM_GAUGE, help, value);
}

static void expose_use(void *user, const char *name, double value)
{
	const struct use *use = user;
	const char *underscore = strchr(name, '_');

	expose_one_use(use->out, name, "", value);
	if (!strcmp(underscore, "_mem")) /* pages */
		expose_one_use(use->out, name, "_bytes", value * use->page_bytes);
}

static void expose_sockets(void *state, struct buf *out)
{
	struct state *s = state;
	struct use use = { out, s->page_bytes };

	each_pair(source_text(&s->files[SNMP]), expose_netstat, out);
	each_line(source_text(&s->files[SNMP6]), expose_netstat, out);
	if (s->files[NETSTAT].path && !source_read(&s->files[NETSTAT]))
		each_pair(source_text(&s->files[NETSTAT]), expose_netstat, out);
	each_use(source_text(&s->files[SOCKSTAT]), expose_use, &use);
	if (s->files[SOCKSTAT6].path && !source_read(&s->files[SOCKSTAT6]))
		each_use(source_text(&s->files[SOCKSTAT6]), expose_use, &use);
}

const struct collector collector_sockets = {
	.name = "sockets",
	.help = "TCP, UDP and sockets",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_sockets,
	.read = read_sockets,
	.expose = expose_sockets,
	.close = close_sockets,
};
