/**
 * The line by which guards hear what is revoked: everything that still matters from their cursor on, then `ready`,
 * then each revocation as it is committed anywhere. A server that does not hear the database itself has nothing
 * to say: it ends its lines, and guards ask until they are back.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { type EventLine, type Row, stream } from '../../../base/http/row/route.ts'
import type { Revocation } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { tokenOperations } from './operations.ts'

export const revocationStream = (tools: Pick<Tools, 'keys' | 'revocations'>): Row =>
  stream({
    of: tokenOperations.streamRevocations,
    method: 'GET',
    path: '/api/v1/auth/revocations',
    description:
      'Server-sent events: `revoked` with `{kind, value, before, until}` (times in seconds since 1970), `keys` when the published keys have changed, `ready` after everything from before has been told. `Last-Event-ID` goes on from there; some come twice.',
    input: z.object({}),
    assertReady() {
      if (!tools.revocations.isLive()) throw problem('UNAVAILABLE')
    },
    run: (call, _input, line) => tell(tools, call, line),
  })

async function tell(
  { keys, revocations }: Pick<Tools, 'keys' | 'revocations'>,
  call: Call,
  line: EventLine,
): Promise<void> {
  const send = ({ id, ...data }: Revocation): void => {
    line.send('revoked', data, id)
    if (ends(call, data)) line.end()
  }
  // what is committed during the replay waits for its end, so that a cursor never runs ahead of it
  let waiting: Revocation[] | null = []
  const stops = [
    revocations.onRevoked((revocation) => (waiting ? void waiting.push(revocation) : send(revocation))),
    revocations.onLine((isLive) => isLive || line.end()),
    keys.onChange(() => line.send('keys', {})),
  ]
  line.onEnd(() => {
    for (const stop of stops) stop()
  })
  for await (const revocation of revocations.since(line.lastEventId, call.now)) {
    if (!line.isOpen) return
    const { id, ...data } = revocation
    line.send('revoked', data, id)
    await line.taken()
  }
  for (const revocation of waiting) send(revocation)
  waiting = null
  line.send('ready', {})
}

/** Whether the caller's own credential is what was revoked. */
function ends({ principal, session }: Call, { kind, value }: Omit<Revocation, 'id'>): boolean {
  if (kind === 'sid') return session?.id === value
  if (kind === 'key') return principal?.keyId === value
  if (kind === 'jti') return principal?.tokenId === value
  // a session or a key goes on where only tokens were revoked; the next beat asks
  return principal?.method === 'access_token' && principal.userId === value
}
