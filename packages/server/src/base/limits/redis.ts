/**
 * The rate limit store in Redis, shared by every node: one script for all windows of a request, which Redis runs as one
 * step. The script is the arithmetic of rolling.ts, and testing.ts holds both to the same behaviour. The
 * time is that of the node, so that the clock of the server decides here as everywhere. Keys expire with their window.
 */
import { type Redis, script } from '../outbound/redis.ts'
import { grainOf, verdictOf } from './rolling.ts'
import type { LimitStore, LimitWindow } from './store.ts'

const PREFIX = 'latchkey:limit:'

/**
 * KEYS: the windows. ARGV: the time, then of each window its maximum, length and grain as one text. Entries are packed as
 * first, last, count, oldest first. Returns the place of the window that refuses (0 for none), then of each window up to it
 * the total and the last use of the oldest entry (-1 for none).
 */
const TAKE = script(`
local now, answer, windows = tonumber(ARGV[1]), {0}, {}
for at, key in ipairs(KEYS) do
  local max, length, grain = ARGV[at + 1]:match('^(%S+) (%S+) (%S+)$')
  max, length = tonumber(max), tonumber(length)
  local entries, total = {}, 0
  -- what is no counter counts as none, and is replaced
  local packed = redis.pcall('get', key)
  local isRead, held = pcall(cmsgpack.unpack, packed)
  if not isRead or type(held) ~= 'table' then held = {} end
  for i = 1, #held, 3 do
    if total > 0 or held[i + 1] > now - length then
      entries[#entries + 1], entries[#entries + 2], entries[#entries + 3] = held[i], held[i + 1], held[i + 2]
      total = total + held[i + 2]
    end
  end
  windows[at] = {entries, total, length, tonumber(grain)}
  if total >= max then
    answer[1] = at
    break
  end
end
for at, window in ipairs(windows) do
  local entries, total, length, grain = window[1], window[2], window[3], window[4]
  if answer[1] == 0 then
    local size = #entries
    total = total + 1
    if size > 0 and now - entries[size - 2] < grain then
      entries[size - 1] = math.max(entries[size - 1], now)
      entries[size] = entries[size] + 1
    else
      entries[size + 1], entries[size + 2], entries[size + 3] = now, now, 1
    end
    redis.call('set', KEYS[at], cmsgpack.pack(entries), 'px', length)
  end
  answer[#answer + 1] = total
  answer[#answer + 1] = entries[2] or -1
end
return answer`)

export const limitsInRedis = (redis: Redis): LimitStore => ({
  async take(windows, now) {
    const at = now.getTime()
    const answer = await redis.run(TAKE, windows.map(keyOf), valuesOf(windows, at), readNumbers)
    const refusing = answer[0] as number
    const judged = refusing === 0 ? windows : windows.slice(0, refusing)
    return judged.map((window, i) => {
      const [total, oldest] = [answer[1 + 2 * i] as number, answer[2 + 2 * i] as number]
      return verdictOf(window, { allowed: i + 1 !== refusing, total, oldest: oldest < 0 ? null : oldest }, at)
    })
  },
})

function readNumbers(answer: unknown): readonly number[] {
  if (Array.isArray(answer) && answer.length >= 3 && answer.every(Number.isFinite)) return answer
  throw new Error('Redis does not answer as the script does')
}

const keyOf = ({ key }: LimitWindow): string => PREFIX + key

/** Few and short arguments: each costs the client more than the script. */
const valuesOf = (windows: readonly LimitWindow[], at: number): string[] => {
  const values = [`${at}`]
  for (const window of windows) values.push(`${window.max} ${window.milliseconds} ${grainOf(window)}`)
  return values
}
