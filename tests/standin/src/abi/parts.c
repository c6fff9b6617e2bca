/* parts.c - what has to be C
 *
 * flux_log is variadic, which Rust can call but not define.  And modules are
 * called back, and wait, in C: pthread_cancel(3), for which poll(2) is the
 * place to strike as it is in libev, then finds no Rust frame to unwind.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

/* How a watcher and a handle begin: see reactor.rs, handle.rs. */
struct watcher {
    void *fn;
    void *arg;
};

struct handle {
    int (*mod_main) (void *h, int argc, char **argv);
    int argc;
    char **argv;
    int rc;
    int errnum;
    int fd;          // WAIT: until this is readable
    double seconds;  // WAIT: or this time has passed, if not negative
    struct watcher *w;
    const void *msg;
};

enum next { WAIT, TIMER, FUTURE, HANDLER, STOP };

void standin_log (void *h, int level, const char *text);
enum next standin_next (struct handle *h);
void standin_cancelable (void *h);
void standin_ended (void *h);

int flux_log (void *h, int level, const char *fmt, ...)
{
    char text[1024]; // longer lines are cut, as Flux does
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    standin_log (h, level, text);
    return 0;
}

/* Waits for input.  A cancellation point, if cancellation is on. */
void standin_wait (int fd, double seconds)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };
    struct timespec ts = { .tv_sec = seconds };

    ts.tv_nsec = (seconds - ts.tv_sec) * 1E9;
    ppoll (&pfd, 1, seconds < 0 ? NULL : &ts, NULL);
}

/* The reactor is the handle.  Rust says what is next with cancellation off,
 * for it may write to an eventfd, which is a place to strike too.
 */
int flux_reactor_run (struct handle *h, int flags)
{
    enum next next;
    int old;

    (void)flags;
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &old);
    if (old == PTHREAD_CANCEL_ENABLE)
        standin_cancelable (h);
    pthread_setcancelstate (old, NULL);
    for (;;) {
        pthread_testcancel (); // also where there is nothing to wait for
        pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &old);
        next = standin_next (h);
        pthread_setcancelstate (old, NULL);
        switch (next) {
            case WAIT:
                standin_wait (h->fd, h->seconds);
                break;
            case TIMER:
                ((void (*)(void *, void *, int, void *))h->w->fn)
                    (h, h->w, 0, h->w->arg);
                break;
            case FUTURE:
                ((void (*)(void *, void *))h->w->fn) (h->w, h->w->arg);
                break;
            case HANDLER:
                ((void (*)(void *, void *, const void *, void *))h->w->fn)
                    (h, h->w, h->msg, h->w->arg);
                break;
            case STOP:
                return 0;
        }
    }
}

/* What the broker does on return as on cancel, while the handle is open. */
static void ended (void *h)
{
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
    standin_ended (h);
}

/* The thread that a module gets, as the broker makes it. */
void *standin_thread (void *arg)
{
    struct handle *h = arg;
    sigset_t all;

    pthread_cleanup_push (ended, h);
    sigfillset (&all);
    pthread_sigmask (SIG_BLOCK, &all, NULL);
    errno = 0;
    h->rc = h->mod_main (h, h->argc, h->argv);
    h->errnum = errno;
    pthread_cleanup_pop (1);
    return NULL;
}

/*
 * vi:tabstop=4 shiftwidth=4 expandtab
 */
