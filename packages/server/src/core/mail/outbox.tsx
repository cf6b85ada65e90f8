/**
 * The development outbox: every sent email with its links, as a page at `/dev/outbox` and for an app's tests at
 * `/dev/outbox.json`. The rows exist outside production only; production also deletes the content of sent emails.
 */
import type { VNode } from 'preact'
import { z } from 'zod'
import type { Keyring } from '../../base/crypto.ts'
import type { Db } from '../../base/db/types.ts'
import { textField, textList, timeField } from '../../base/described.ts'
import { notFound } from '../../base/errors.ts'
import { page, type Row, route } from '../../base/http/row/route.ts'
import { isId } from '../../base/ids.ts'
import { timeText } from '../../base/page/index.ts'
import { OUTBOX_SIZE } from './index.ts'
import { outboxOperations } from './operations.ts'
import { type RenderedEmail, unsealEmail } from './sealed.ts'
import { deleteSentEmails, findSentEmail, listSentEmails, type SentEmail } from './sql.ts'

type OutboxTools = { db: Db; keyring: Keyring }

export interface OutboxEmail extends RenderedEmail {
  id: string
  sent_at: string
}

/** Lists sent emails, newest first; `to` filters by recipient, in any case. */
export async function listOutbox(
  { db, keyring }: OutboxTools,
  { limit = OUTBOX_SIZE, to }: { limit?: number; to?: string | undefined } = {},
): Promise<OutboxEmail[]> {
  const sent = await listSentEmails(db.hot, to === undefined ? limit : OUTBOX_SIZE)
  const emails = sent.flatMap((row) => opened(keyring, row))
  const wanted = to?.trim().toLowerCase()
  return (wanted === undefined ? emails : emails.filter((email) => email.to.toLowerCase() === wanted)).slice(
    0,
    limit,
  )
}

/** Empty for an email that was sealed under another LATCHKEY_SECRET. */
function opened(keyring: Keyring, { id, sealed, sent_at }: SentEmail): OutboxEmail[] {
  try {
    return [{ id, ...unsealEmail(keyring, sealed), sent_at: sent_at.toISOString() }]
  } catch {
    return []
  }
}

const OutboxQuery = z.object({
  to: z.string().max(320).optional().describe('Only e-mails to this address.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(OUTBOX_SIZE)
    .default(100)
    .describe('The largest number of e-mails.'),
})
const OutboxOutput = z.array(
  z.object({
    to: textField('The address that the e-mail was sent to.', 'ada@example.com'),
    subject: textField('The subject line.', 'Verify your address'),
    text: textField('The text, as mail programs without HTML show it.', 'Follow this link: …'),
    html: textField('The HTML of the e-mail.', '<!doctype html><p>Follow this link.</p>'),
    links: textList('Every link in the text.', 'http://127.0.0.1:4000/verify-email?token=lnk_…'),
    sent_at: timeField('When it was sent.'),
  }),
)
/** The policy of an email's document: inline styles and nothing else. */
const EMAIL_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** @param runNew runs the jobs that earlier requests enqueued, so that their e-mails are there */
export const outboxRows = (tools: OutboxTools, runNew: () => Promise<void>): Row[] => [
  route({
    of: outboxOperations.list,
    method: 'GET',
    path: '/dev/outbox.json',
    description: 'A bare array, newest first. `to` filters by recipient. Outside production only.',
    tag: 'Development',
    message: 'E-mails listed.',
    bare: true,
    input: OutboxQuery,
    output: OutboxOutput,
    run: async (_call, query) => {
      await runNew()
      return { data: await listOutbox(tools, query) }
    },
  }),
  route({
    of: outboxOperations.clear,
    method: 'DELETE',
    path: '/dev/outbox',
    description: 'For an app’s tests. Outside production only.',
    tag: 'Development',
    message: 'E-mails deleted.',
    input: z.object({}),
    output: z.null(),
    run: async () => {
      await runNew()
      await deleteSentEmails(tools.db.hot)
      return { data: null }
    },
  }),
  page({
    of: outboxOperations.list,
    name: 'dev.outbox.page',
    method: 'GET',
    path: '/dev/outbox',
    input: OutboxQuery,
    run: async (_call, query) => {
      await runNew()
      const emails = await listOutbox(tools, query)
      return { title: 'Outbox', page: <OutboxPage emails={emails} to={query.to} /> }
    },
  }),
  page({
    of: outboxOperations.show,
    method: 'GET',
    path: '/dev/outbox/:id',
    input: z.object({ id: z.string().max(64) }),
    run: async (_call, { id }) => {
      const row = isId('ltr', id) ? await findSentEmail(tools.db.hot, id) : null
      const [email] = row ? opened(tools.keyring, row) : []
      if (!email) throw notFound('email')
      return { document: email.html, contentSecurityPolicy: EMAIL_POLICY }
    },
  }),
]

function OutboxPage({ emails, to }: { emails: readonly OutboxEmail[]; to: string | undefined }): VNode {
  const heading = to === undefined ? 'E-mails sent by this server' : `E-mails to ${to}`
  return (
    <div class="account">
      <h1>Outbox</h1>
      <p class="quiet">
        {heading}, newest first. Tests read them at <a href="/dev/outbox.json">/dev/outbox.json</a>.
      </p>
      {emails.length === 0 ? <p>No e-mails yet.</p> : null}
      {emails.map((email) => (
        <OutboxItem key={email.id} email={email} />
      ))}
    </div>
  )
}

const OutboxItem = ({ email }: { email: OutboxEmail }): VNode => (
  <article class="card">
    <h2>{email.subject}</h2>
    <p class="quiet">
      To <a href={`/dev/outbox?to=${encodeURIComponent(email.to)}`}>{email.to}</a>,{' '}
      <time dateTime={email.sent_at}>{timeText('en', new Date(email.sent_at))}</time>,{' '}
      <a href={`/dev/outbox/${email.id}`}>as HTML</a>
    </p>
    {email.text.trim().split('\n\n').map((block) => (
      <p key={block} class="block">{lines(block, email.links)}</p>
    ))}
  </article>
) // biome-ignore format: it reads as one line

/** Text with line breaks; a line that is one of the email's links becomes a link. */
const lines = (block: string, links: readonly string[]): (string | VNode)[] =>
  block.split('\n').flatMap((line, i) => [
    ...(i > 0 ? [<br key={line} />] : []),
    links.includes(line) ? <a key={line} href={line}>{line}</a> : line,
  ]) // biome-ignore format: it reads as one line
