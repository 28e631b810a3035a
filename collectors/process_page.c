/* process_page.c: the process table as it is asked for: filtered, sorted, cut.
 *
 * The collector publishes a snapshot that never changes again; a reader holds
 * it while it sorts, so the lock is held for no longer than it takes to count
 * to one. Any thread. */
#include "collectors/process.h"

#include "base/xmalloc.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct process_snapshot *newest; /* (lock) NULL: nothing is known */

struct process_snapshot *process_snapshot_new(size_t most_rows)
{
	struct process_snapshot *s = xmalloc(sizeof *s + most_rows * sizeof *s->rows);

	*s = (struct process_snapshot){ .owners = 1 };
	return s;
}

void process_let_go(struct process_snapshot *s)
{
	bool last;

	if (!s)
		return;
	pthread_mutex_lock(&lock);
	{
		last = !--s->owners;
	}
	pthread_mutex_unlock(&lock);
	if (last)
		free(s);
}

void process_publish(struct process_snapshot *s)
{
	struct process_snapshot *old;

	pthread_mutex_lock(&lock);
	{
		old = newest;
		newest = s;
		if (s)
			s->owners++;
	}
	pthread_mutex_unlock(&lock);
	process_let_go(old);
}

static struct process_snapshot *hold(void)
{
	struct process_snapshot *s;

	pthread_mutex_lock(&lock);
	{
		s = newest;
		if (s)
			s->owners++;
	}
	pthread_mutex_unlock(&lock);
	return s;
}

/* --- order --- */

typedef int order_fn(const struct proc_row *a, const struct proc_row *b);

static int by_number(double a, double b)
{
	return (a > b) - (a < b);
}

static int by_cpu(const struct proc_row *a, const struct proc_row *b)
{
	return by_number(a->cpu_pct, b->cpu_pct);
}

static int by_rss(const struct proc_row *a, const struct proc_row *b)
{
	return (a->rss_bytes > b->rss_bytes) - (a->rss_bytes < b->rss_bytes);
}

static double io_bps(const struct proc_row *r)
{
	return r->read_bps + r->write_bps;
}

static int by_io(const struct proc_row *a, const struct proc_row *b)
{
	return by_number(io_bps(a), io_bps(b));
}

static int by_threads(const struct proc_row *a, const struct proc_row *b)
{
	return (a->threads > b->threads) - (a->threads < b->threads);
}

static int by_pid(const struct proc_row *a, const struct proc_row *b)
{
	return (a->pid > b->pid) - (a->pid < b->pid);
}

static int by_name(const struct proc_row *a, const struct proc_row *b)
{
	return strcasecmp(a->name, b->name);
}

static int by_user(const struct proc_row *a, const struct proc_row *b)
{
	return strcasecmp(a->user, b->user);
}

static int by_started(const struct proc_row *a, const struct proc_row *b)
{
	return (a->started_ms > b->started_ms) - (a->started_ms < b->started_ms);
}

static bool no_cpu(const struct proc_row *r)
{
	return isnan(r->cpu_pct);
}

static bool no_io(const struct proc_row *r)
{
	return isnan(io_bps(r));
}

/* Each way to sort: its word, its order, and which rows it knows nothing of. */
static const struct {
	const char *name;
	order_fn *order;
	bool (*unknown)(const struct proc_row *r);
} sorts[] = {
	[PROC_CPU] = { "cpu", by_cpu, no_cpu },      [PROC_MEMORY] = { "memory", by_rss, NULL },
	[PROC_RSS] = { "rss", by_rss, NULL },        [PROC_IO] = { "io", by_io, no_io },
	[PROC_THREADS] = { "threads", by_threads, NULL }, [PROC_PID] = { "pid", by_pid, NULL },
	[PROC_NAME] = { "name", by_name, NULL },     [PROC_USER] = { "user", by_user, NULL },
	[PROC_STARTED] = { "started", by_started, NULL },
};

bool proc_sort_parse(const char *name, enum proc_sort *out)
{
	for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
		if (!strcmp(sorts[i].name, name)) {
			*out = (enum proc_sort)i;
			return true;
		}
	return false;
}

/* Rows that are alike stand by pid, so that a table does not jump about; what
 * is not known comes last, whichever way the rest is sorted. */
static int compare(const void *pa, const void *pb, void *arg)
{
	const struct proc_row *a = *(const struct proc_row *const *)pa, *b = *(const struct proc_row *const *)pb;
	const struct proc_query *q = arg;
	int order;

	if (sorts[q->sort].unknown) {
		bool ua = sorts[q->sort].unknown(a), ub = sorts[q->sort].unknown(b);

		if (ua || ub)
			return ua != ub ? ua - ub : by_pid(a, b);
	}
	order = sorts[q->sort].order(a, b);
	if (!order)
		return by_pid(a, b);
	return q->ascending ? order : -order;
}

/* --- the page --- */

static bool matches(const struct proc_row *r, const char *filter)
{
	char pid[16];

	if (!filter || !*filter)
		return true;
	snprintf(pid, sizeof pid, "%d", r->pid);
	return strcasestr(r->name, filter) || strcasestr(r->command, filter) || strcasestr(r->user, filter) ||
	       strstr(pid, filter);
}

static size_t select_rows(const struct process_snapshot *s, const struct proc_query *q, const struct proc_row **rows)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (matches(&s->rows[i], q->filter))
			rows[n++] = &s->rows[i];
	qsort_r(rows, n, sizeof *rows, compare, (void *)q);
	return n;
}

void proc_page_take(const struct proc_query *q, struct proc_page *out)
{
	struct process_snapshot *s = hold();
	const struct proc_row **rows;
	size_t from;

	*out = (struct proc_page){ 0 };
	if (!s)
		return;
	rows = xcalloc(s->n, sizeof *rows);
	out->t_ms = s->t_ms;
	out->total = s->total;
	out->hidden = s->hidden;
	out->matched = select_rows(s, q, rows);
	from = q->offset < out->matched ? q->offset : out->matched;
	out->n = out->matched - from < q->limit ? out->matched - from : q->limit;
	out->rows = xcalloc(out->n, sizeof *out->rows);
	for (size_t i = 0; i < out->n; i++)
		out->rows[i] = *rows[from + i];
	free(rows);
	process_let_go(s);
}

void proc_page_release(struct proc_page *page)
{
	free(page->rows);
	*page = (struct proc_page){ 0 };
}
