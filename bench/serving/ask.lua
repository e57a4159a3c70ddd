-- What wrk sends: ARGS are a token, a kind of request and a seed. Prints one line of JSON.
local kind, bodies, turn = "", {}, 0

local function row()
  local numbers = {}
  for i = 1, 10 do numbers[i] = string.format("%.6f", math.random() * 4 - 2) end
  return "[" .. table.concat(numbers, ",") .. "]"
end

function init(args)
  wrk.headers["Authorization"] = "Bearer " .. args[1]
  wrk.headers["Content-Type"] = "application/json"
  kind = args[2]
  math.randomseed(tonumber(args[3]))
  if kind == "cached" then bodies[1] = '{"features": ' .. row() .. "}" end
  if kind == "batch" then
    for i = 1, 20 do
      local rows = {}
      for j = 1, 100 do rows[j] = row() end
      bodies[i] = '{"rows": [' .. table.concat(rows, ",") .. "]}"
    end
  end
end

function request()
  if kind == "waiting" then return wrk.format("GET", "/reference") end
  if kind == "uncached" then return wrk.format("POST", "/predict", nil, '{"features": ' .. row() .. "}") end
  turn = turn % #bodies + 1
  return wrk.format("POST", kind == "batch" and "/predict/batch" or "/predict", nil, bodies[turn])
end

function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write
  io.write(string.format(
    '\nRESULT {"rate": %f, "p50": %f, "p95": %f, "p99": %f, "worst": %f, "refused": %d, "failed": %d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(95) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
    summary.errors.status, failed + summary.errors.timeout))
end
