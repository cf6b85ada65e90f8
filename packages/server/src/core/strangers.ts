/** What a client address may do here without a credential. */
import type { Call } from '../base/call.ts'
import { problem } from '../base/errors.ts'
import { addressKey } from '../base/http/request/address.ts'
import { isRefused, type LimitWindow } from '../base/limits/index.ts'
import type { Tools } from './tools.ts'

/** @throws Problem RATE_LIMIT_EXCEEDED */
export async function assertFew(
  { limits, config }: Pick<Tools, 'limits' | 'config'>,
  call: Call,
  what: string,
  most: Omit<LimitWindow, 'key'>,
): Promise<void> {
  if (config.rateLimits === 'off') return
  const window = { key: `${what} ${addressKey(call.ip)}`, ...most }
  const verdicts = await limits.usual.take([window], call.now)
  if (isRefused(verdicts)) throw problem('RATE_LIMIT_EXCEEDED', { retryAfter: verdicts.at(-1)?.resetSeconds })
}
