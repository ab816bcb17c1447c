-- wrk ... URL -- METHOD PATH TOKENS BODY THREADS: sends the requests of all users in turn, each written out once
-- before. TOKENS is a file with a token a line, BODY one that is sent as it is; `-` is none. Prints JSON figures.

local threads = 0
local requests, at = {}, 0

-- Each thread gets users of its own: two runs of one user would wait for each other's row.
function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

local function read(path)
   local file = assert(io.open(path))
   local content = file:read("*a")
   file:close()
   return content
end

function init(arguments)
   local method, path, tokens, body, share = unpack(arguments)
   local headers = {}
   if body ~= "-" then headers["Content-Type"] = "application/json" end
   body = body ~= "-" and read(body) or nil
   if tokens == "-" then
      requests[1] = wrk.format(method, path, headers, body)
      return
   end
   local line = 0
   for token in io.lines(tokens) do
      if line % share == number then
         headers["Authorization"] = "Bearer " .. token
         requests[#requests + 1] = wrk.format(method, path, headers, body)
      end
      line = line + 1
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %.6f, "mean": %.6f, "p50": %.3f, "p99": %.3f, "errors": %d, "closed": %d}\n',
      summary.requests, summary.duration / 1e6, latency.mean / 1e6,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.status + errors.connect + errors.read + errors.write + errors.timeout, errors.read))
end
