/* reactor.c - the loop that calls a module back, and waits
 *
 * Both happen in C, so that pthread_cancel(3), for which poll(2) is the place
 * to strike as it is in libev, finds no Rust frame of ours to unwind.  Rust
 * (reactor.rs) says what is next, with cancellation off, for it may write to
 * an eventfd, which is such a place too.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>

struct call {
    enum { WAIT, TIMER, CONTINUATION, REQUEST, STOP } kind;
    int fd;          // WAIT: until this is readable
    double seconds;  // WAIT: or this time has passed, if not negative
    void *fn;
    void *object;    // watcher, future or handler
    const void *msg;
    void *arg;
};

void standin_next (void *h, struct call *call);

/* Waits for input.  A cancellation point, if cancellation is on. */
void standin_wait (int fd, double seconds)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };
    struct timespec ts;

    if (seconds < 0) {
        ppoll (&pfd, 1, NULL, NULL);
        return;
    }
    ts.tv_sec = seconds;
    ts.tv_nsec = (seconds - ts.tv_sec) * 1E9;
    ppoll (&pfd, 1, &ts, NULL);
}

/* The reactor and the handle are one and the same here. */
int flux_reactor_run (void *h, int flags)
{
    struct call call;
    int old;

    (void)flags;
    for (;;) {
        pthread_testcancel (); // also where there is nothing to wait for
        pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &old);
        standin_next (h, &call);
        pthread_setcancelstate (old, NULL);

        switch (call.kind) {
            case WAIT:
                standin_wait (call.fd, call.seconds);
                break;
            case TIMER:
                ((void (*)(void *, void *, int, void *))call.fn)
                    (h, call.object, 0, call.arg);
                break;
            case CONTINUATION:
                ((void (*)(void *, void *))call.fn) (call.object, call.arg);
                break;
            case REQUEST:
                ((void (*)(void *, void *, const void *, void *))call.fn)
                    (h, call.object, call.msg, call.arg);
                break;
            case STOP:
                return 0;
        }
    }
}

/*
 * vi:tabstop=4 shiftwidth=4 expandtab
 */
