/* library.h: shared libraries that are looked for when they are needed, so that the program also starts on a host without them.
 *
 *   #define CALLS(CALL) CALL(curl_easy_init) CALL(curl_easy_cleanup)
 *   static struct { CALLS(LIBRARY_MEMBER) } lib;
 *   static const struct library_call calls[] = { CALLS(LIBRARY_ROW) };
 *
 *   if (library_load(names, calls, sizeof calls / sizeof *calls, &lib))
 *           lib.curl_easy_init();
 *
 * What is loaded stays loaded. Any thread, one at a time for each library; dlopen(3). */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct library_call {
	const char *name;
	size_t offset;         /* of the pointer to it */
};

#define LIBRARY_MEMBER(name) __typeof__(name) *name;
#define LIBRARY_ROW(name) {#name, offsetof(__typeof__(lib), name)},

/* The first of names (ends with NULL) that is on this host and has all calls; false: none is, and lib is as it was. */
bool library_load(const char *const *names, const struct library_call *calls, size_t n, void *lib);
/* From an image of the file in memory. */
bool library_load_image(const void *image, size_t size, const struct library_call *calls, size_t n, void *lib);

#endif
