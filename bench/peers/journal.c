/* journal.c - a consumer of the job journal as one would write it in C
 *
 * usage: journal FILE PASSES
 *
 * Applies the responses in FILE, one a line, so often, and prints as JSON
 * what that cost and came to: the same totals as bench/replay.rs, which also
 * keeps others.  Lines are parsed with jansson, as flux-core does it; nodes
 * and cores come from R by flux-core's idsets and hostlists.
 */

#include <flux/core.h>
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS (1 << 16) /* of the table of jobs: a power of two */
#define MAX_QUEUES 16

static const double bounds[] = {
    0.1,  0.5,  1,    5,     15,    60,    300,   900,    1800,
    3600, 7200, 14400, 28800, 43200, 86400, 172800, 604800,
};
#define NBOUNDS (sizeof (bounds) / sizeof (bounds[0]))

static const char *results[] = { "completed", "failed", "canceled", "timeout" };
enum { COMPLETED, FAILED, CANCELED, TIMEOUT, NRESULTS };

struct histogram {
    uint64_t counts[NBOUNDS + 1];
    uint64_t count;
    double sum;
};

struct queue {
    char *name;
    uint64_t jobs[7]; /* by bit of flux_job_state_t */
    uint64_t submitted, allocated, finished[NRESULTS];
    uint64_t nodes, cores;
    struct histogram wait, run;
};

struct job {
    int64_t id;
    bool used;
    struct queue *queue;
    flux_job_state_t state;
    double submit, start;
    bool success;
    int severity; /* lowest of any exception */
    char exception[16];
    int nodes, cores;
};

static struct job *jobs;
static struct queue queues[MAX_QUEUES];
static uint64_t events;

static void die (const char *what)
{
    fprintf (stderr, "journal: %s\n", what);
    exit (1);
}

static size_t home (int64_t id)
{
    return ((uint64_t)id * 0x9e3779b97f4a7c15ULL) >> 48;
}

/* The job's place, or the free one where it would be. */
static struct job *find (int64_t id)
{
    size_t i = home (id);
    while (jobs[i].used && jobs[i].id != id)
        i = (i + 1) % SLOTS;
    return &jobs[i];
}

/* Frees a place, and closes up the gap in the probe sequence. */
static void forget (struct job *job)
{
    size_t gap = job - jobs;
    jobs[gap].used = false;
    for (size_t i = (gap + 1) % SLOTS; jobs[i].used; i = (i + 1) % SLOTS) {
        size_t h = home (jobs[i].id);
        if ((i - h) % SLOTS < (i - gap) % SLOTS)
            continue;
        jobs[gap] = jobs[i];
        jobs[i].used = false;
        gap = i;
    }
}

static struct queue *queue_of (json_t *jobspec)
{
    const char *name = "";
    int i;

    (void)json_unpack (jobspec,
                       "{s:{s:{s:s}}}",
                       "attributes",
                       "system",
                       "queue",
                       &name);
    for (i = 0; i < MAX_QUEUES && queues[i].name; i++) {
        if (!strcmp (queues[i].name, name))
            return &queues[i];
    }
    if (i == MAX_QUEUES || !(queues[i].name = strdup (name)))
        die ("too many queues");
    return &queues[i];
}

static void observe (struct histogram *h, double value)
{
    size_t i = 0;
    if (value < 0)
        value = 0;
    while (i < NBOUNDS && bounds[i] < value)
        i++;
    h->counts[i]++;
    h->count++;
    h->sum += value;
}

static int state_index (flux_job_state_t state)
{
    return __builtin_ctz (state);
}

static void enter (struct job *job)
{
    job->queue->jobs[state_index (job->state)]++;
}

static void leave (struct job *job)
{
    job->queue->jobs[state_index (job->state)]--;
}

static void alloc (struct job *job, json_t *R)
{
    json_t *rlite, *nodelist, *entry;
    size_t i;

    if (json_unpack (R,
                     "{s:{s:o s:o}}",
                     "execution",
                     "R_lite",
                     &rlite,
                     "nodelist",
                     &nodelist) < 0)
        die ("R");
    json_array_foreach (rlite, i, entry) {
        const char *ranks, *cores;
        struct idset *r, *c;
        if (json_unpack (entry,
                         "{s:s s:{s:s}}",
                         "rank",
                         &ranks,
                         "children",
                         "core",
                         &cores) < 0)
            die ("R_lite");
        if (!(r = idset_decode (ranks)) || !(c = idset_decode (cores)))
            die ("idset");
        job->cores += idset_count (r) * idset_count (c);
        idset_destroy (r);
        idset_destroy (c);
    }
    json_array_foreach (nodelist, i, entry) {
        struct hostlist *hl = hostlist_decode (json_string_value (entry));
        if (!hl)
            die ("nodelist");
        job->nodes += hostlist_count (hl);
        hostlist_destroy (hl);
    }
    job->queue->nodes += job->nodes;
    job->queue->cores += job->cores;
}

static void release (struct job *job)
{
    job->queue->nodes -= job->nodes;
    job->queue->cores -= job->cores;
    job->nodes = job->cores = 0;
}

static int result (const struct job *job)
{
    if (job->success)
        return COMPLETED;
    if (!strcmp (job->exception, "cancel"))
        return CANCELED;
    if (!strcmp (job->exception, "timeout"))
        return TIMEOUT;
    return FAILED;
}

static void apply (struct job *job,
                   double t,
                   const char *name,
                   json_t *context,
                   json_t *R)
{
    if (!strcmp (name, "submit")) {
        job->submit = t;
    } else if (!strcmp (name, "validate")) {
        job->state = FLUX_JOB_STATE_DEPEND;
        job->queue->submitted++;
    } else if (!strcmp (name, "depend")) {
        job->state = FLUX_JOB_STATE_PRIORITY;
    } else if (!strcmp (name, "priority")) {
        if (job->state == FLUX_JOB_STATE_PRIORITY)
            job->state = FLUX_JOB_STATE_SCHED;
    } else if (!strcmp (name, "alloc")) {
        if (job->state == FLUX_JOB_STATE_SCHED)
            job->state = FLUX_JOB_STATE_RUN;
        job->queue->allocated++;
        observe (&job->queue->wait, t - job->submit);
        alloc (job, R);
    } else if (!strcmp (name, "start")) {
        job->start = t;
    } else if (!strcmp (name, "finish")) {
        int status = -1;
        (void)json_unpack (context, "{s:i}", "status", &status);
        if (status == 0 && job->severity > 0)
            job->success = true;
        if (job->start > 0)
            observe (&job->queue->run, t - job->start);
        job->state = FLUX_JOB_STATE_CLEANUP;
    } else if (!strcmp (name, "exception")) {
        const char *type;
        int severity;
        if (json_unpack (context,
                         "{s:s s:i}",
                         "type",
                         &type,
                         "severity",
                         &severity) < 0)
            die ("exception");
        if (severity < job->severity) {
            job->severity = severity;
            snprintf (job->exception, sizeof (job->exception), "%s", type);
        }
        if (severity == 0)
            job->state = FLUX_JOB_STATE_CLEANUP;
    } else if (!strcmp (name, "free")) {
        release (job);
    } else if (!strcmp (name, "clean")) {
        job->queue->finished[result (job)]++;
        job->state = FLUX_JOB_STATE_INACTIVE;
    } else if (!strcmp (name, "invalidate")) {
        job->state = FLUX_JOB_STATE_INACTIVE;
    } else if (!strcmp (name, "jobspec-update")) {
        json_t *queue = json_object_get (context, "attributes.system.queue");
        if (queue) {
            json_t *jobspec = json_pack ("{s:{s:{s:O}}}",
                                         "attributes",
                                         "system",
                                         "queue",
                                         queue);
            job->queue = queue_of (jobspec);
            json_decref (jobspec);
        }
    }
}

static void respond (const char *line, size_t length)
{
    json_t *o, *list, *entry, *jobspec = NULL, *R = NULL;
    json_int_t id;
    struct job *job;
    size_t i;

    if (!(o = json_loadb (line, length, 0, NULL))
        || json_unpack (o,
                        "{s:I s:o s?o s?o}",
                        "id",
                        &id,
                        "events",
                        &list,
                        "jobspec",
                        &jobspec,
                        "R",
                        &R) < 0)
        die ("line");
    job = find (id);
    if (!job->used) {
        memset (job, 0, sizeof (*job));
        job->used = true;
        job->id = id;
        job->severity = 8;
        job->state = FLUX_JOB_STATE_NEW;
        job->queue = queue_of (jobspec);
    } else
        leave (job);
    json_array_foreach (list, i, entry) {
        const char *name;
        double t;
        json_t *context = NULL;
        if (json_unpack (entry,
                         "{s:F s:s s?o}",
                         "timestamp",
                         &t,
                         "name",
                         &name,
                         "context",
                         &context) < 0)
            die ("event");
        apply (job, t, name, context, R);
        events++;
    }
    if (job->state == FLUX_JOB_STATE_INACTIVE)
        forget (job);
    else
        enter (job);
    json_decref (o);
}

static void print (double cpu)
{
    struct queue all = { 0 };
    uint64_t active = 0;
    int i, j;

    for (i = 0; i < MAX_QUEUES && queues[i].name; i++) {
        struct queue *q = &queues[i];
        for (j = state_index (FLUX_JOB_STATE_DEPEND);
             j < state_index (FLUX_JOB_STATE_INACTIVE);
             j++)
            active += q->jobs[j];
        for (j = 0; j < NRESULTS; j++)
            all.finished[j] += q->finished[j];
        all.submitted += q->submitted;
        all.allocated += q->allocated;
        all.wait.count += q->wait.count;
        all.wait.sum += q->wait.sum;
        all.run.count += q->run.count;
        all.run.sum += q->run.sum;
    }
    printf ("{\"events\":%" PRIu64 ",\"cpu\":%f,\"totals\":{\"active\":%" PRIu64
            ",\"submitted\":%" PRIu64 ",\"allocated\":%" PRIu64
            ",\"wait\":%" PRIu64 ",\"wait_sum\":%f,\"run\":%" PRIu64
            ",\"run_sum\":%f,\"finished\":{",
            events,
            cpu,
            active,
            all.submitted,
            all.allocated,
            all.wait.count,
            all.wait.sum,
            all.run.count,
            all.run.sum);
    for (j = 0; j < NRESULTS; j++)
        printf ("\"%s\":%" PRIu64 ",", results[j], all.finished[j]);
    printf ("\"unknown\":0}}}\n");
}

static double cpu_seconds (void)
{
    struct timespec ts;
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main (int argc, char **argv)
{
    FILE *f;
    char *text;
    long size;
    double before;

    if (argc != 3)
        die ("usage: journal FILE PASSES");
    if (!(f = fopen (argv[1], "r")) || fseek (f, 0, SEEK_END) < 0
        || (size = ftell (f)) < 0 || fseek (f, 0, SEEK_SET) < 0
        || !(text = malloc (size + 1))
        || fread (text, 1, size, f) != (size_t)size)
        die ("the file cannot be read");
    text[size] = '\0';
    if (!(jobs = calloc (SLOTS, sizeof (*jobs))))
        die ("out of memory");
    before = cpu_seconds ();
    for (int pass = atoi (argv[2]); pass > 0; pass--) {
        char *line = text, *end;
        for (; (end = strchr (line, '\n')); line = end + 1)
            respond (line, end - line);
    }
    print (cpu_seconds () - before);
    return 0;
}
