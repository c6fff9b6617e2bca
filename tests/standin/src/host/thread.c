/* thread.c - the thread that a module gets, as the broker makes it
 *
 * It is C for the reason that reactor.c is: a module that is canceled is
 * unwound to here.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct thread {
    void *h;
    int (*mod_main) (void *h, int argc, char **argv);
    int argc;
    char **argv;
    const char *name;
    int rc;
    int errnum;
};

void standin_ended (struct thread *t);

/* What the broker does on return as on cancel, while the handle is open. */
static void ended (void *arg)
{
    pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
    standin_ended (arg);
}

void *standin_thread (void *arg)
{
    struct thread *t = arg;
    sigset_t all;

    pthread_cleanup_push (ended, t);
    pthread_setname_np (pthread_self (), t->name);
    sigfillset (&all);
    pthread_sigmask (SIG_BLOCK, &all, NULL);
    errno = 0;
    t->rc = t->mod_main (t->h, t->argc, t->argv);
    t->errnum = errno;
    pthread_cleanup_pop (1);
    return NULL;
}

/*
 * vi:tabstop=4 shiftwidth=4 expandtab
 */
