#!/bin/sh
# mixed.sh - one of everything that can become of a job
#
# For an instance with fake resources that has GPUs and the queues batch and
# debug. Returns when the jobs that can finish have: two held jobs and one
# with an unmet dependency stay.

set -e
fake="--setattr=exec.test.run_duration=0.05s"

# switch start|stop QUEUE, also as older versions of Flux want it
switch() {
    flux queue "$1" --quiet "$2" 2>/dev/null ||
        flux queue "$1" --quiet --queue="$2"
}

flux queue start --quiet --all

# completed, of several shapes
flux submit --quiet -q batch --cc=1-4 -n1 $fake true
flux submit --quiet -q debug --cc=1-3 -N2 -n4 -c2 $fake true
flux submit --quiet -q batch -N1 -n2 -c1 -g1 $fake true
flux submit --quiet -q batch -N3 --exclusive $fake true

# failed: an exit code, two signals (as the kernel says it and as the shell
# does), and a fatal exception raised on a running job
flux submit --quiet -q batch --cc=1-2 \
    --setattr=exec.test.run_duration=0.05s \
    --setattr=exec.test.wait_status=256 false
for status in 9 35072; do
    flux submit --quiet -q debug $fake \
        --setattr=exec.test.wait_status=$status false
done
id=$(flux submit -q batch --setattr=exec.test.run_duration=100s true)
flux job wait-event --timeout=20 $id start >/dev/null
flux job raise --type=weird --severity=0 $id broken

# failed: it cannot be executed
flux submit --quiet -q debug \
    --setattr=exec.test.mock_exception=run true

# canceled while running, canceled while pending, canceled while held
id=$(flux submit -q batch --setattr=exec.test.run_duration=100s true)
flux job wait-event --timeout=20 $id start >/dev/null
flux cancel $id
switch stop debug
id=$(flux submit -q debug $fake true)
flux cancel $id
switch start debug
id=$(flux submit -q debug --urgency=hold $fake true)
flux cancel $id

# timeout
flux submit --quiet -q batch -t 0.2s \
    --setattr=exec.test.run_duration=100s sleep 100

# a dependency on a job that failed cannot be met
bad=$(flux submit -q batch --setattr=exec.test.run_duration=1s \
    --setattr=exec.test.wait_status=256 false)
flux submit --quiet -q batch --dependency=afterok:$bad $fake true

# refused after its submission began: counts nowhere
flux submit --quiet -q batch --dependency=afterok:1 true 2>/dev/null && exit 1

# failed: it can never be allocated
flux submit --quiet -q batch -N 100000 $fake true

# held, and let go; moved to another queue while held
id=$(flux submit -q batch --urgency=hold $fake true)
flux job urgency $id default >/dev/null
id=$(flux submit -q batch --urgency=hold $fake true)
flux update --queue=debug $id 2>/dev/null || flux update $id queue=debug
flux job urgency $id default >/dev/null

# a warning is an exception too
id=$(flux submit -q batch --setattr=exec.test.run_duration=0.3s true)
flux job raise --type=note --severity=3 $id careful

# these stay: two held, one that waits for one of them
held=$(flux submit -q batch --urgency=hold $fake true)
flux submit --quiet -q debug --urgency=hold $fake true
flux submit --quiet -q batch --dependency=afterany:$held $fake true

# quiet: no active job but the three
for _ in $(seq 200); do
    [ "$(flux jobs -no {id} | wc -l)" -le 3 ] && exit 0
    sleep 0.1
done
echo "jobs left:" >&2
flux jobs >&2
exit 1
