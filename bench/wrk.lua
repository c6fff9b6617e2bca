-- What bench/client.py reads of wrk. PAUSE is milliseconds between a response
-- and the next request; latencies do not contain it.
local pause = tonumber(os.getenv("PAUSE") or "")
if pause then
  function delay() return pause end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"p50":%f,"p99":%f,"requests":%d,"seconds":%f,"errors":%d}\n',
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
