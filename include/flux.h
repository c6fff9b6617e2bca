/* flux.h - all the C that flux-prometheus reads
 *
 * With flux-core installed (build.rs defines HAVE_FLUX_CORE), its header is
 * included first and the declarations below come second, so that a signature
 * of ours that differs from theirs is a compile error that names the
 * function.  On a machine that has never seen Flux the declarations stand
 * alone, and the module builds all the same: it is not linked with
 * libflux-core, the broker that loads it already is.
 *
 * Only what the module uses is declared, and only what libflux-core has had
 * since 0.63 (RTLD_NOW makes a missing symbol a load failure).
 */

#ifndef FLUX_PROMETHEUS_FLUX_H
#define FLUX_PROMETHEUS_FLUX_H

#include <stdint.h>
#include <stddef.h>

#ifdef HAVE_FLUX_CORE

#include <flux/core.h>

/* Name a constant of ours, check it against theirs. */
#define FLUX_CONSTANT(name, value) \
    _Static_assert ((uint32_t)(name) == (value), #name " is not " #value)

#else

#define FLUX_CONSTANT(name, value) enum { name = (value) }

typedef struct flux_handle flux_t;
typedef struct flux_reactor flux_reactor_t;
typedef struct flux_watcher flux_watcher_t;
typedef struct flux_future flux_future_t;
typedef struct flux_msg flux_msg_t;
typedef struct flux_msg_handler flux_msg_handler_t;

struct flux_match {
    int typemask;
    uint32_t matchtag;
    const char *topic_glob;
};

#endif /* !HAVE_FLUX_CORE */

FLUX_CONSTANT (FLUX_MSGTYPE_REQUEST, 1);
FLUX_CONSTANT (FLUX_MATCHTAG_NONE, 0);
FLUX_CONSTANT (FLUX_NODEID_ANY, 0xffffffff);
FLUX_CONSTANT (FLUX_NODEID_UPSTREAM, 0xfffffffe);
FLUX_CONSTANT (FLUX_RPC_STREAMING, 2);
FLUX_CONSTANT (FLUX_ROLE_OWNER, 1);
FLUX_CONSTANT (FLUX_ROLE_USER, 2);
FLUX_CONSTANT (FLUX_ROLE_LOCAL, 4);

_Static_assert (offsetof (struct flux_match, typemask) == 0
                && offsetof (struct flux_match, matchtag) == 4
                && offsetof (struct flux_match, topic_glob) == 8
                && sizeof (struct flux_match) == 8 + sizeof (char *),
                "struct flux_match has another layout");

typedef void (*flux_watcher_f)(flux_reactor_t *r,
                               flux_watcher_t *w,
                               int revents,
                               void *arg);
typedef void (*flux_continuation_f)(flux_future_t *f, void *arg);
typedef void (*flux_msg_handler_f)(flux_t *h,
                                   flux_msg_handler_t *mh,
                                   const flux_msg_t *msg,
                                   void *arg);

/* handle */
flux_t *flux_open (const char *uri, int flags);
void flux_close (flux_t *h);
void *flux_aux_get (flux_t *h, const char *name);
const char *flux_attr_get (flux_t *h, const char *name);
int flux_get_rank (flux_t *h, uint32_t *rank);
int flux_log (flux_t *h, int level, const char *fmt, ...);

/* reactor */
flux_reactor_t *flux_get_reactor (flux_t *h);
int flux_reactor_run (flux_reactor_t *r, int flags);
flux_watcher_t *flux_timer_watcher_create (flux_reactor_t *r,
                                           double after,
                                           double repeat,
                                           flux_watcher_f cb,
                                           void *arg);
void flux_watcher_start (flux_watcher_t *w);
void flux_watcher_destroy (flux_watcher_t *w);

/* requests that we make */
flux_future_t *flux_rpc (flux_t *h,
                         const char *topic,
                         const char *s,
                         uint32_t nodeid,
                         int flags);
int flux_rpc_get (flux_future_t *f, const char **s);
int flux_future_then (flux_future_t *f,
                      double timeout,
                      flux_continuation_f cb,
                      void *arg);
int flux_future_wait_for (flux_future_t *f, double timeout);
void flux_future_reset (flux_future_t *f);
void flux_future_destroy (flux_future_t *f);
const char *flux_future_error_string (flux_future_t *f);

/* requests that we answer */
flux_msg_handler_t *flux_msg_handler_create (flux_t *h,
                                             const struct flux_match match,
                                             flux_msg_handler_f cb,
                                             void *arg);
void flux_msg_handler_allow_rolemask (flux_msg_handler_t *mh,
                                      uint32_t rolemask);
void flux_msg_handler_start (flux_msg_handler_t *mh);
void flux_msg_handler_destroy (flux_msg_handler_t *mh);
int flux_msg_get_rolemask (const flux_msg_t *msg, uint32_t *rolemask);
int flux_msg_get_userid (const flux_msg_t *msg, uint32_t *userid);
int flux_request_decode (const flux_msg_t *msg,
                         const char **topic,
                         const char **s);
int flux_respond (flux_t *h, const flux_msg_t *request, const char *s);
int flux_respond_error (flux_t *h,
                        const flux_msg_t *request,
                        int errnum,
                        const char *errstr);

#endif /* !FLUX_PROMETHEUS_FLUX_H */
