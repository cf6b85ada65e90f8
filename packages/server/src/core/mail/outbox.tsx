/**
 * The outbox of development and testing: every letter that was delivered, with its links, for people at
 * `/dev/outbox` and for an app's own tests at `/dev/outbox.json`. The rows are listed outside production only;
 * in production there would be nothing to show either, because nothing readable stays.
 */
import type { VNode } from 'preact'
import { z } from 'zod'
import type { Keyring } from '../../base/crypto.ts'
import type { Db } from '../../base/db/types.ts'
import { problem } from '../../base/errors.ts'
import { page, type Row, route } from '../../base/http/row/route.ts'
import { isId } from '../../base/ids.ts'
import { OUTBOX_SIZE } from './index.ts'
import { outboxOperations } from './operations.ts'
import { type RenderedLetter, unseal } from './sealed.ts'
import { deleteSentLetters, findSentLetter, listSentLetters, type SentLetter } from './sql.ts'

type OutboxTools = { db: Db; keyring: Keyring }

export interface OutboxLetter extends RenderedLetter {
  id: string
  sent_at: string
}

/** Newest first; `to` picks those to one address, in any case. */
export async function listOutbox(
  { db, keyring }: OutboxTools,
  { limit = OUTBOX_SIZE, to }: { limit?: number; to?: string | undefined } = {},
): Promise<OutboxLetter[]> {
  const sent = await listSentLetters(db.hot, to === undefined ? limit : OUTBOX_SIZE)
  const letters = sent.flatMap((row) => opened(keyring, row))
  const wanted = to?.trim().toLowerCase()
  return (
    wanted === undefined ? letters : letters.filter((letter) => letter.to.toLowerCase() === wanted)
  ).slice(0, limit)
}

/** Nothing for a letter of before LATCHKEY_SECRET changed. */
function opened(keyring: Keyring, { id, sealed, sent_at }: SentLetter): OutboxLetter[] {
  try {
    return [{ id, ...unseal(keyring, sealed), sent_at: sent_at.toISOString() }]
  } catch {
    return []
  }
}

const Asked = z.object({
  to: z.string().max(320).optional(),
  limit: z.coerce.number().int().min(1).max(OUTBOX_SIZE).default(100),
})
const Listed = z.array(
  z.object({
    to: z.string(),
    subject: z.string(),
    text: z.string(),
    html: z.string(),
    links: z.array(z.string()),
    sent_at: z.string(),
  }),
)
/** The letter's own document: its styles are inline, and it needs nothing else. */
const LETTER_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export const outboxRows = (tools: OutboxTools): Row[] => [
  route({
    of: outboxOperations.list,
    method: 'GET',
    path: '/dev/outbox.json',
    description: 'A bare array, newest first. `to` picks those to one address. Outside production only.',
    tag: 'Development',
    bare: true,
    input: Asked,
    output: Listed,
    run: async (_call, asked) => ({ data: await listOutbox(tools, asked) }),
  }),
  route({
    of: outboxOperations.clear,
    method: 'DELETE',
    path: '/dev/outbox',
    description: 'Between the tests of an app. Outside production only.',
    tag: 'Development',
    input: z.object({}),
    output: z.null(),
    run: async () => {
      await deleteSentLetters(tools.db.hot)
      return { data: null }
    },
  }),
  page({
    of: outboxOperations.list,
    name: 'dev.outbox.page',
    method: 'GET',
    path: '/dev/outbox',
    input: Asked,
    run: async (_call, asked) => ({
      title: 'Outbox',
      page: <OutboxPage letters={await listOutbox(tools, asked)} to={asked.to} />,
    }),
  }),
  page({
    of: outboxOperations.show,
    method: 'GET',
    path: '/dev/outbox/:id',
    input: z.object({ id: z.string().max(64) }),
    run: async (_call, { id }) => {
      const row = isId('ltr', id) ? await findSentLetter(tools.db.hot, id) : null
      const [letter] = row ? opened(tools.keyring, row) : []
      if (!letter) throw problem('NOT_FOUND')
      return { document: letter.html, contentSecurityPolicy: LETTER_POLICY }
    },
  }),
]

function OutboxPage({ letters, to }: { letters: readonly OutboxLetter[]; to: string | undefined }): VNode {
  const whose = to === undefined ? 'E-mails sent by this server' : `E-mails to ${to}`
  return (
    <div class="account">
      <h1>Outbox</h1>
      <p class="quiet">
        {whose}, newest first. Tests read them at <a href="/dev/outbox.json">/dev/outbox.json</a>.
      </p>
      {letters.length === 0 ? <p>There are none yet.</p> : null}
      {letters.map((letter) => (
        <OutboxItem key={letter.id} letter={letter} />
      ))}
    </div>
  )
}

const OutboxItem = ({ letter }: { letter: OutboxLetter }): VNode => (
  <article class="card">
    <h2>{letter.subject}</h2>
    <p class="quiet">
      To <a href={`/dev/outbox?to=${encodeURIComponent(letter.to)}`}>{letter.to}</a>,{' '}
      <time dateTime={letter.sent_at}>{letter.sent_at.replace('T', ' ').slice(0, 19)} UTC</time>,{' '}
      <a href={`/dev/outbox/${letter.id}`}>as HTML</a>
    </p>
    {letter.text.trim().split('\n\n').map((block) => (
      <p key={block} class="block">{lines(block, letter.links)}</p>
    ))}
  </article>
) // biome-ignore format: short

/** Text with its line breaks, and with links where one of the letter's own stands on a line. */
const lines = (block: string, links: readonly string[]): (string | VNode)[] =>
  block.split('\n').flatMap((line, i) => [
    ...(i > 0 ? [<br key={line} />] : []),
    links.includes(line) ? <a key={line} href={line}>{line}</a> : line,
  ]) // biome-ignore format: short
