/* host.c: what is true of the host as a whole: how long it is up, how often it
 * switches, forks and is interrupted, its open files, entropy and users.
 *
 * /proc/stat, /proc/uptime, /proc/sys (proc(5)), utmp(5), os-release(5); the
 * kernel's names through libstatgrab. */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include "base/clock.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <statgrab.h>
#include <stdio.h>
#include <stdlib.h>
#include <utmp.h>

enum {
	M_UPTIME, M_CONTEXT_SWITCHES, M_INTERRUPTS, M_FORKS, M_OPEN_FILES, M_OPEN_FILES_PERCENT, M_ENTROPY, M_USERS,
	METRICS
};

static const struct metric metrics[] = {
	[M_UPTIME]             = { "host.uptime",             "s",       STORE_GAUGE, "Time since the kernel started" },
	[M_CONTEXT_SWITCHES]   = { "host.context_switches",   "1/s",     STORE_RATE,  "Context switches" },
	[M_INTERRUPTS]         = { "host.interrupts",         "1/s",     STORE_RATE,  "Interrupts served" },
	[M_FORKS]              = { "host.forks",              "1/s",     STORE_RATE,  "Processes and threads started" },
	[M_OPEN_FILES]         = { "host.open_files",         "",        STORE_GAUGE, "Files open in the kernel" },
	[M_OPEN_FILES_PERCENT] = { "host.open_files_percent", "percent", STORE_GAUGE, "Open files, of those that may be" },
	[M_ENTROPY]            = { "host.entropy",            "bits",    STORE_GAUGE, "Randomness that the kernel has in store" },
	[M_USERS]              = { "host.users",              "",        STORE_GAUGE, "Users who are logged in; unknown without utmp" },
};

/* The lines of /proc/stat that are of use here: their first number, the series
 * made of it if there is one, and the family that shows it. */
enum { BTIME, CTXT, PROCESSES, INTR, BLOCKED, RUNNING, LINES };
#define NO_METRIC METRICS
static const struct {
	const char *line;
	size_t rate;
	const char *family, *type, *help;
} lines[LINES] = {
	[BTIME]     = { "btime",         NO_METRIC,          "node_boot_time_seconds",      PROM_GAUGE,   "Node boot time, in unixtime." },
	[CTXT]      = { "ctxt",          M_CONTEXT_SWITCHES, "node_context_switches_total", PROM_COUNTER, "Total number of context switches." },
	[PROCESSES] = { "processes",     M_FORKS,            "node_forks_total",            PROM_COUNTER, "Total number of forks." },
	[INTR]      = { "intr",          M_INTERRUPTS,       "node_intr_total",             PROM_COUNTER, "Total number of interrupts serviced." },
	[BLOCKED]   = { "procs_blocked", NO_METRIC,          "node_procs_blocked",          PROM_GAUGE,   "Number of processes blocked waiting for I/O to complete." },
	[RUNNING]   = { "procs_running", NO_METRIC,          "node_procs_running",          PROM_GAUGE,   "Number of processes in runnable state." },
};

/* Labels of node_os_info, in the order of its help text, and the keys of os-release(5) that they come from. */
enum { OS_ID = 1, OS_ID_LIKE = 2, OS_NAME = 5, OS_VERSION_ID = 11, OS_LABELS = 12 };
static const struct {
	const char *label, *key;
} os_labels[OS_LABELS] = {
	{ "build_id", "BUILD_ID" },         { "id", "ID" },
	{ "id_like", "ID_LIKE" },           { "image_id", "IMAGE_ID" },
	{ "image_version", "IMAGE_VERSION" }, { "name", "NAME" },
	{ "pretty_name", "PRETTY_NAME" },   { "variant", "VARIANT" },
	{ "variant_id", "VARIANT_ID" },     { "version", "VERSION" },
	{ "version_codename", "VERSION_CODENAME" }, { "version_id", "VERSION_ID" },
};

struct state {
	struct source stat, uptime, file_nr, entropy;
	struct span span;
	uint64_t now[LINES], base[LINES];
	bool has[LINES], base_has[LINES];
	double rate[LINES];
	bool known;
	double files, files_max, entropy_bits, pool_bits;
	char domain[80];
	char os[OS_LABELS][128];
	char *utmp_path;
};

#define STAT_MAX (4u << 20)
#define RATE_MOST 1e10

/* `NAME="Debian GNU/Linux"`: a shell's word, so quotes go and backslashes escape. */
static void unquote(struct text value, char *out, size_t size)
{
	char plain[256], quote = 0;
	struct text t;
	size_t len = 0;

	for (const char *c = value.at; c < value.end && len < sizeof plain; c++) {
		if (*c == '\\' && quote != '\'' && c + 1 < value.end)
			plain[len++] = *++c;
		else if (quote ? *c == quote : *c == '"' || *c == '\'')
			quote = quote ? 0 : *c;
		else
			plain[len++] = *c;
	}
	t = text_of(plain, len);
	text_clean(&t, out, size);
}

static void parse_os_release(struct state *s, struct text text)
{
	struct text line, key;

	while (text_line(&text, &line)) {
		if (!text_until(&line, '=', &key))
			continue;
		for (size_t i = 0; i < OS_LABELS; i++)
			if (text_is(&key, os_labels[i].key))
				unquote(line, s->os[i], sizeof s->os[i]);
	}
}

static void read_os_release(struct state *s, const char *root)
{
	static const char *const places[] = { "etc/os-release", "usr/lib/os-release" };
	char path[512], text[8192];
	int len = -ENOENT;

	for (size_t i = 0; len < 0 && i < sizeof places / sizeof *places; i++)
		if (path_join(path, sizeof path, root, places[i]))
			len = read_once(AT_FDCWD, path, text, sizeof text);
	if (len > 0)
		parse_os_release(s, text_of(text, (size_t)len));
}

static void close_host(void *state)
{
	struct state *s = state;

	source_close(&s->stat);
	source_close(&s->uptime);
	source_close(&s->file_nr);
	source_close(&s->entropy);
	free(s->utmp_path);
	s->utmp_path = NULL;
}

static int open_host(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	char path[512];
	int64_t pool = 0;
	int err = source_open(&s->stat, roots->proc, "stat", STAT_MAX);

	if (!err)
		err = source_open(&s->uptime, roots->proc, "uptime", 4096);
	if (err) {
		*why = "cannot read /proc/stat and /proc/uptime";
		close_host(s);
		return err;
	}
	/* What a container may hide is unknown, and no reason to fail. */
	source_open(&s->file_nr, roots->proc, "sys/fs/file-nr", 4096);
	source_open(&s->entropy, roots->proc, "sys/kernel/random/entropy_avail", 4096);
	s->pool_bits = path_join(path, sizeof path, roots->proc, "sys/kernel/random/poolsize") &&
		!read_i64(AT_FDCWD, path, &pool) ? (double)pool : NAN;
	if (!path_join(path, sizeof path, roots->proc, "sys/kernel/domainname") ||
	    read_line(AT_FDCWD, path, s->domain, sizeof s->domain) < 0)
		s->domain[0] = '\0';
	read_os_release(s, roots->root);
	s->utmp_path = path_join(path, sizeof path, roots->root, "run/utmp") ? xstrdup(path) : NULL;
	return 0;
}

static void parse_stat(struct state *s, struct text text)
{
	struct text line, name;

	memset(s->has, 0, sizeof s->has);
	while (text_line(&text, &line)) {
		if (!text_word(&line, &name))
			continue;
		for (size_t i = 0; i < LINES; i++)
			if (text_is(&name, lines[i].line))
				s->has[i] = text_u64(&line, &s->now[i]);
	}
}

static void compare(struct state *s)
{
	s->known = true;
	for (size_t i = 0; i < LINES; i++)
		s->rate[i] = s->has[i] && s->base_has[i] ?
			counter_delta(s->base[i], s->now[i], RATE_MOST * s->span.s) / s->span.s : NAN;
}

static void tell_rates(struct state *s, const struct collect_time *now, struct sink *out)
{
	bool next = span_next(&s->span, now);

	if (next)
		compare(s);
	memcpy(s->base, s->now, sizeof s->base);
	memcpy(s->base_has, s->has, sizeof s->base_has);
	for (size_t i = 0; s->known && i < LINES; i++)
		if (lines[i].rate != NO_METRIC)
			sink_set(out, lines[i].rate, s->rate[i]);
}

/* The first number of a file of which a container may know nothing. */
static double number_of(struct source *source, double *second)
{
	uint64_t n[3];
	struct text t;
	size_t got = 0;

	if (source->path && !source_read(source)) {
		t = source_text(source);
		got = text_u64s(&t, n, 3);
	}
	if (second)
		*second = got == 3 ? (double)n[2] : NAN; /* file-nr: allocated, always 0, most */
	return got ? (double)n[0] : NAN;
}

/* getutent(3) may wait ten seconds for a lock, so the file is read as it is:
 * an entry of a session that is half written counts one user too many, once. */
static double count_users(const char *path)
{
	struct utmp entry;
	FILE *f = path ? fopen(path, "re") : NULL;
	double n = 0;

	if (!f)
		return NAN;
	while (fread(&entry, sizeof entry, 1, f) == 1)
		n += entry.ut_type == USER_PROCESS && entry.ut_user[0];
	fclose(f);
	return n;
}

static int read_host(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err = source_read(&s->stat);
	struct text t;
	double up;

	if (!err)
		err = source_read(&s->uptime);
	if (err)
		return err;
	t = source_text(&s->uptime);
	if (!text_f64(&t, &up)) {
		*why = "/proc/uptime is not as proc(5) says";
		return -EPROTO;
	}
	parse_stat(s, source_text(&s->stat));
	s->files = number_of(&s->file_nr, &s->files_max);
	s->entropy_bits = number_of(&s->entropy, NULL);
	sink_set(out, M_UPTIME, up);
	tell_rates(s, now, out);
	sink_set(out, M_OPEN_FILES, s->files);
	sink_set(out, M_OPEN_FILES_PERCENT, s->files_max > 0 ? 100 * s->files / s->files_max : NAN);
	sink_set(out, M_ENTROPY, s->entropy_bits);
	sink_set(out, M_USERS, count_users(s->utmp_path));
	return 0;
}

static void expose_uname(const struct state *s, struct buf *out)
{
	const sg_host_info *host;

	/* Its results live in the thread that asks, and it asks uname(2) alone of what is used here. */
	if (sg_init(1) != SG_ERROR_NONE)
		return;
	host = sg_get_host_info(NULL);
	if (host) {
		prom_family(out, "node_uname_info", PROM_GAUGE,
		            "Labeled system information as provided by the uname system call.");
		prom_sample(out, "node_uname_info", 1, "domainname", s->domain, "machine", host->platform, "nodename",
		            host->hostname, "release", host->os_release, "sysname", host->os_name, "version",
		            host->os_version, NULL);
	}
	sg_shutdown();
}

static void expose_os(const struct state *s, struct buf *out)
{
	static const char info[] = "node_os_info", version[] = "node_os_version";
	struct text t = text_of(s->os[OS_VERSION_ID], strlen(s->os[OS_VERSION_ID]));
	double number;

	if (!s->os[OS_NAME][0])
		return;
	prom_family(out, info, PROM_GAUGE,
	            "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, "
	            "pretty_name, variant, variant_id, version, version_codename, version_id.");
	buf_adds(out, info);
	for (size_t i = 0; i < OS_LABELS; i++)
		prom_label(out, i ? ',' : '{', os_labels[i].label, s->os[i]);
	buf_adds(out, "} 1\n");
	if (!text_f64(&t, &number))
		return;
	prom_family(out, version, PROM_GAUGE, "Metric containing the major.minor part of the OS version.");
	prom_sample(out, version, number, "id", s->os[OS_ID], "id_like", s->os[OS_ID_LIKE], "name", s->os[OS_NAME], NULL);
}

static void expose_known(struct buf *out, const char *name, const char *help, double value)
{
	if (!isnan(value))
		prom_single(out, name, PROM_GAUGE, help, value);
}

static void expose_host(void *state, struct buf *out)
{
	const struct state *s = state;

	for (size_t i = 0; i < LINES; i++)
		if (s->has[i])
			prom_single(out, lines[i].family, lines[i].type, lines[i].help, (double)s->now[i]);
	expose_known(out, "node_entropy_available_bits", "Bits of available entropy.", s->entropy_bits);
	expose_known(out, "node_entropy_pool_size_bits", "Bits of entropy pool.", s->pool_bits);
	expose_known(out, "node_filefd_allocated", "File descriptor statistics: allocated.", s->files);
	expose_known(out, "node_filefd_maximum", "File descriptor statistics: maximum.", s->files_max);
	expose_os(s, out);
	expose_known(out, "node_time_seconds", "System time in seconds since epoch (1970).",
	             (double)clock_wall_ms() / 1000);
	expose_uname(s, out);
}

const struct collector collector_host = {
	.name = "host",
	.help = "The host as a whole",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_host,
	.read = read_host,
	.expose = expose_host,
	.close = close_host,
};
