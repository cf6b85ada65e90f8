/** Reads the body of a request: JSON or a form, up to a size limit, in valid UTF-8. The parsers are json.ts and form.ts. */
import { isAscii } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { type ErrorCode, type Problem, problem } from '../../errors.ts'
import { parseForm } from './form.ts'
import { parseJson } from './json.ts'
import { badRequest } from './text.ts'

export const BODY_LIMIT = 64 * 1024
/** Bytes that are read and discarded after a refusal, so that the connection can be reused. */
const DRAIN_LIMIT = 1024 * 1024

const JSON_TYPE = /^application\/(?:json|[a-z0-9!#$&^_.+-]+\+json)$/
const FORM_TYPE = 'application/x-www-form-urlencoded'

/** @throws Problem UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, BAD_REQUEST, VALIDATION_ERROR */
export function readBody(req: IncomingMessage, limit: number): Promise<Record<string, unknown>> {
  return readAs(req, limit, { form: parseForm, json: parseJson })
}

type Parse = (text: string) => Record<string, unknown>
interface Parsers {
  form?: Parse
  json?: Parse
}

/** As readBody, by the given parsers; a type without a parser is refused. @throws Problem as readBody */
export async function readAs(
  req: IncomingMessage,
  limit: number,
  parsers: { form?: Parse; json?: Parse },
): Promise<Record<string, unknown>> {
  const length = req.headers['content-length']
  if (req.headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) return {}
  const parse = parserFor(req, parsers)
  if (Number(length) > limit) throw refused('PAYLOAD_TOO_LARGE')
  const bytes = await collect(req, limit)
  return bytes.length === 0 ? {} : parse(utf8(bytes))
}

/** Whether the rest of an unread body is too long to discard, so that the connection has to be closed. */
export function isTooMuchToDrain(req: IncomingMessage): boolean {
  if (req.readableEnded || req.complete) return false
  const length = req.headers['content-length']
  return length === undefined ? req.headers['transfer-encoding'] !== undefined : Number(length) > DRAIN_LIMIT
}

function parserFor(req: IncomingMessage, parsers: Parsers): Parse {
  const { form, json } = parsers
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') throw refused('UNSUPPORTED_MEDIA_TYPE')
  const sent = req.headers['content-type'] ?? ''
  // as most are
  if (sent === FORM_TYPE && form) return form
  const [type = '', ...parameters] = sent.split(';')
  const media = type.trim().toLowerCase()
  const parse = media === FORM_TYPE ? form : JSON_TYPE.test(media) ? json : undefined
  if (!parse || !parameters.every(isUtf8))
    throw problem('UNSUPPORTED_MEDIA_TYPE', { message: `Send ${takenOf(parsers)}, in UTF-8.` })
  return parse
}

const takenOf = ({ form, json }: Parsers): string =>
  [json && 'application/json', form && FORM_TYPE].filter(Boolean).join(' or ')

/** Parameters other than the charset are ignored. */
function isUtf8(parameter: string): boolean {
  const [name = '', value = ''] = parameter.trim().toLowerCase().split('=', 2)
  return name !== 'charset' || /^"?utf-?8"?$/.test(value)
}

function collect(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (req.destroyed) return reject(badRequest('The body ended early.'))
    const chunks: Buffer[] = []
    let size = 0
    let isOver = false
    const onData = (chunk: Buffer): void => {
      if (isOver) return
      size += chunk.length
      if (size <= limit) chunks.push(chunk)
      else {
        isOver = true
        reject(refused('PAYLOAD_TOO_LARGE'))
      }
    }
    const onEnd = (): void => {
      isOver = true
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
    }
    // follows every request, also after its end; node emits the error of a broken connection only where something listens
    const onClose = (): void => {
      if (!isOver) reject(badRequest('The body ended early.'))
    }
    req.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function utf8(bytes: Buffer): string {
  // nearly all are, and this takes a third of the time
  if (isAscii(bytes)) return bytes.toString('latin1')
  try {
    return decoder.decode(bytes)
  } catch {
    throw badRequest('The body is not valid UTF-8.')
  }
}

const refused = (code: ErrorCode): Problem => problem(code)
