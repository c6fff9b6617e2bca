/* run.c - the one blocking call of the module
 *
 * "flux module remove --cancel", and a broker that shuts down with the module
 * still loaded, end the module's thread with pthread_cancel(3): the stack is
 * unwound without returning.  Unwinding through Rust frames that own
 * something is undefined.  Nor is libflux a good place to end in: among its
 * cancellation points is a read(2) under the lock of the queue that the broker
 * fills, which would then wait for that lock for ever.  So cancellation is
 * disabled, and a timer looks whether the thread is canceled, with nothing on
 * top of the reactor's own frames.
 *
 * The cleanup handlers make "stop" run exactly once, on return and on cancel,
 * while the handle is still open.
 *
 * Compiling this file also checks our declarations against flux-core's.
 */

#include <pthread.h>

#include "flux.h"

/* How long a canceled thread may go on, in seconds. */
static const double tick = 0.5;

static void tick_cb (flux_reactor_t *r,
                     flux_watcher_t *w,
                     int revents,
                     void *arg)
{
    int state;

    (void)r, (void)w, (void)revents, (void)arg;
    pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, &state);
    pthread_testcancel ();
    pthread_setcancelstate (state, NULL);
}

static void destroy (void *arg)
{
    flux_watcher_destroy (arg);
}

int flux_prometheus_run (flux_t *h, void (*stop)(void *arg), void *arg)
{
    flux_reactor_t *r = flux_get_reactor (h);
    flux_watcher_t *w;
    int rc = -1;

    pthread_cleanup_push (stop, arg);
    w = flux_timer_watcher_create (r, tick, tick, tick_cb, NULL);
    pthread_cleanup_push (destroy, w);
    if (w) {
        flux_watcher_start (w);
        rc = flux_reactor_run (r, 0);
    }
    pthread_cleanup_pop (1);
    pthread_cleanup_pop (1);
    return rc;
}

/*
 * vi:tabstop=4 shiftwidth=4 expandtab
 */
