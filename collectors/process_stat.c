/* process_stat.c: the parser of /proc/PID/stat. */
#include "collectors/process.h"

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h of the kernel */

/* The numbers that follow the state, counted as proc(5) does. */
enum { PPID = 4, FLAGS = 9, UTIME = 14, STIME = 15, THREADS = 20, STARTTIME = 22, RSS = 24 };

bool process_parse_stat(struct text text, struct process_stat *out)
{
	const char *close = memrchr(text.at, ')', text_len(&text));
	uint64_t n[RSS + 1] = { 0 };
	struct text head, word;
	int64_t value;

	if (!close || !text_until(&text, '(', &head) || close < text.at || !text_i64(&head, &value))
		return false;
	out->pid = (int)value;
	out->name = (struct text){ text.at, close };
	text.at = close + 1;
	if (!text_word(&text, &word))
		return false;
	out->state = *word.at;
	for (int i = PPID; i <= RSS; i++) {
		if (!text_i64(&text, &value))
			return false;
		n[i] = value < 0 ? 0 : (uint64_t)value;
	}
	out->ppid = (int)n[PPID];
	out->kernel = n[FLAGS] & PF_KTHREAD;
	out->cpu_ticks = n[UTIME] + n[STIME];
	out->threads = n[THREADS];
	out->start_ticks = n[STARTTIME];
	out->rss_pages = n[RSS];
	return true;
}
