/* run.c - the one blocking call of the module
 *
 * "flux module remove --cancel", and a broker that shuts down with the module
 * still loaded, end the module's thread with pthread_cancel(3): the stack is
 * unwound without returning.  Unwinding through Rust frames that own
 * something is undefined, so Rust code always runs with cancellation
 * disabled, and it is enabled here only, with C alone on top of the stack.
 * The cleanup handler makes "stop" run exactly once, on return and on cancel,
 * while the handle is still open.
 *
 * Compiling this file also checks our declarations against flux-core's.
 */

#include <pthread.h>

#include "flux.h"

int flux_prometheus_run (flux_t *h, void (*stop)(void *arg), void *arg)
{
    int rc;

    pthread_cleanup_push (stop, arg);
    pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
    rc = flux_reactor_run (flux_get_reactor (h), 0);
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_pop (1);
    return rc;
}

/*
 * vi:tabstop=4 shiftwidth=4 expandtab
 */
