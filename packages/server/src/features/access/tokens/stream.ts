/**
 * The stream of revocations to guards (server-sent events): every revocation that is still in force from the guard's
 * cursor on, then `ready`, then each revocation when it is committed on any node. While its LISTEN connection is
 * down, a server ends its streams, and guards check each token at the server until they reconnect.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { described } from '../../../base/described.ts'
import { problem } from '../../../base/errors.ts'
import { type EventStream, type Row, stream } from '../../../base/http/row/route.ts'
import type { Revocation } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { tokenOperations } from './operations.ts'

export const revocationStream = (tools: Pick<Tools, 'keys' | 'revocations'>): Row =>
  stream({
    of: tokenOperations.streamRevocations,
    path: '/api/v1/auth/revocations',
    tag: 'Tokens',
    output: described(
      z.string(),
      'Server-sent events; the data of each is JSON.',
      'event: ready\ndata: {}\n\n',
    ),
    description:
      'Server-sent events: `revoked` with `{kind, value, before, until}` (times in seconds since 1970), `keys` when the published keys have changed, `ready` after all earlier revocations. `Last-Event-ID` continues from there; some revocations may be repeated.',
    input: z.object({}),
    assertReady() {
      if (!tools.revocations.isLive()) throw problem('UNAVAILABLE')
    },
    run: (call, _input, line) => sendRevocations(tools, call, line),
  })

async function sendRevocations(
  { keys, revocations }: Pick<Tools, 'keys' | 'revocations'>,
  call: Call,
  line: EventStream,
): Promise<void> {
  const send = ({ id, ...data }: Revocation): void => {
    line.send('revoked', data, id)
    if (ends(call, data)) line.end()
  }
  // revocations that commit during the replay are sent after it, so that no cursor skips one
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
    await line.drained()
  }
  for (const revocation of waiting) send(revocation)
  waiting = null
  line.send('ready', {})
}

/** Whether the revocation covers the credential of this stream. */
function ends({ principal, session }: Call, { kind, value }: Omit<Revocation, 'id'>): boolean {
  if (kind === 'sid') return session?.id === value
  if (kind === 'key') return principal?.keyId === value
  if (kind === 'jti') return principal?.tokenId === value
  // a session or a key remains valid where only tokens were revoked; the next heartbeat checks it
  return principal?.method === 'access_token' && principal.userId === value
}
