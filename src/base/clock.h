/* clock.h: the clocks. Monotonic time for intervals, wall time for people.
 *
 * clock_gettime(2). Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ns(void); /* since an unspecified start; never goes back */
int64_t clock_mono_ms(void);
int64_t clock_up_ms(void);   /* since the host booted: likewise, and goes on while the host sleeps */
int64_t clock_wall_ms(void); /* since the Unix epoch; may jump */

#endif
