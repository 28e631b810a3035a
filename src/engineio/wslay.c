/* wslay.c: where wslay's functions come from: the host's library if it has one, which gets its security updates, else the copy that
 * was put into the program when it was built. Debian ships no archive of wslay that could be linked, and few hosts have it.
 *
 * websocket.c calls them by their own names. */
#include "base/library.h"
#include "engineio/engine.h"

#include <pthread.h>
#include <wslay/wslay.h>

#define CALLS(CALL) CALL(wslay_frame_context_init) CALL(wslay_frame_context_free) CALL(wslay_frame_recv)
static struct {
	CALLS(LIBRARY_MEMBER)
} lib;
static const struct library_call calls[] = {CALLS(LIBRARY_ROW)};
#define NCALLS (sizeof calls / sizeof *calls)

static const char *const names[] = {"libwslay.so.1", NULL};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;

#ifdef WSLAY_IMAGE
__asm__(".section .rodata\n"
        ".balign 16\n"
        "wslay_image: .incbin \"" WSLAY_IMAGE "\"\n"
        "wslay_image_end:\n"
        ".previous");
extern const char wslay_image[], wslay_image_end[];

static bool load_copy(void)
{
	return library_load_image(wslay_image, (size_t)(wslay_image_end - wslay_image), calls, NCALLS, &lib);
}
#else
static bool load_copy(void)
{
	return false;
}
#endif

static void load(void)
{
	loaded = library_load(names, calls, NCALLS, &lib) || load_copy();
}

bool wslay_works(void)
{
	pthread_once(&once, load);
	return loaded;
}

int wslay_frame_context_init(wslay_frame_context_ptr *context, const struct wslay_frame_callbacks *callbacks, void *user)
{
	return lib.wslay_frame_context_init(context, callbacks, user);
}

void wslay_frame_context_free(wslay_frame_context_ptr context)
{
	lib.wslay_frame_context_free(context);
}

ssize_t wslay_frame_recv(wslay_frame_context_ptr context, struct wslay_frame_iocb *frame)
{
	return lib.wslay_frame_recv(context, frame);
}
