/**
 * Reads the input of a row: one flat object of the query or the body, and the path parameters. Owns two rules for the
 * whole table: nothing is dropped silently (an undeclared member of a body or query is an error, except on pages and on
 * rows of a protocol), and `null`, an empty query parameter and an empty field that another site posts mean absent, unless the
 * row says otherwise (`notEmpty`).
 */
import type { Config } from '../../../config.ts'
import { type FieldError, problem } from '../../errors.ts'
import { type Eventual, whenReady } from '../../eventual.ts'
import { isStrict, type ProtocolRow, type Row, readsQuery } from '../row/route.ts'
import type { Caller } from './authenticate.ts'
import { BODY_LIMIT, readAs, readBody } from './body.ts'
import { CSRF_FIELD } from './csrf.ts'
import { type Declaration, declarationOf, dropNulls, unknownMembers, withoutMembers } from './declaration.ts'
import type { Exchange } from './exchange.ts'
import { parseForm, parseRepeating } from './form.ts'
import { parseJson } from './json.ts'
import { badCharacters, badRequest, hasBadCharacters } from './text.ts'

/** The input of a request before validation. */
export interface Input {
  fields: Record<string, unknown>
  /** What was sent beyond what the row declares. */
  unknown: readonly FieldError[]
}

/** Of a request that sends nothing: the same object, so that what it is parsed to is computed once. */
export const NO_INPUT: Input = Object.freeze({ fields: Object.freeze({}), unknown: [] })

/** @throws Problem 400, 413, 415, NOT_FOUND */
export type ReadInput = (
  exchange: Exchange,
  caller: Pick<Caller, 'basic'>,
  params: unknown,
) => Eventual<Input>

/** Prepared once a row. */
export function inputReader(row: Row, config: Pick<Config, 'apiKeyInQuery'>): ReadInput {
  return row.kind === 'protocol' ? parameterReader(row) : usualReader(row, config)
}

function usualReader(row: Row, config: Pick<Config, 'apiKeyInQuery'>): ReadInput {
  const whole = declarationOf(row.input)
  const declared = withoutMembers(whole, pathParameters(row.path))
  const isFromQuery = readsQuery(row)
  // members of every request, which no schema declares
  const inBody = new Set(row.method === 'GET' ? [] : [CSRF_FIELD])
  const inQuery = new Set([...(config.apiKeyInQuery ? ['api_key'] : []), ...(isFromQuery ? inBody : [])])
  const notEmpty = new Set(row.notEmpty)
  const repeats = new Set(row.repeats)
  const bodyLimit = row.bodyLimit ?? BODY_LIMIT
  const mayClear = row.method === 'PATCH'
  const parsers = { json: parseJson, form: (text: string) => parseRepeating(text, repeats) }
  const sendsQueryOnly = row.method === 'GET' && !row.path.includes(':') && !row.takesBasic
  const read = isFromQuery ? readQuery : readOther

  function readQuery({ url, req }: Exchange): Eventual<Input> {
    const fields: Record<string, unknown> = parseRepeating(queryOf(url), repeats)
    const unknown = isStrict(row)
      ? unknownMembers(fields, declared, { besides: inQuery, what: 'query parameter' })
      : []
    dropEmpty(fields, notEmpty)
    if (row.rawQuery) fields.raw_query = queryOf(url)
    // a GET has no body that means anything (RFC 9110 §9.3.1), and proxies announce one that they do not send
    if (row.method === 'GET' || !isStrict(row)) return { fields, unknown }
    return readBody(req, bodyLimit).then((body) => {
      if (CSRF_FIELD in body) fields[CSRF_FIELD] = body[CSRF_FIELD]
      return { fields, unknown: [...unknown, ...unknownMembers(body, NOTHING, { besides: inBody })] }
    })
  }

  async function readOther({ url, req }: Exchange): Promise<Input> {
    const fields = await readAs(req, bodyLimit, parsers)
    dropNulls(fields, whole, mayClear)
    if (row.crossSite !== undefined) dropEmpty(fields, notEmpty)
    if (!isStrict(row)) return { fields, unknown: [] }
    const unknown = unknownMembers(fields, declared, { besides: inBody })
    const query = queryOf(url)
    if (query === '') return { fields, unknown }
    const inUrl = unknownMembers(parseForm(query), NOTHING, { besides: inQuery, what: 'query parameter' })
    return { fields, unknown: [...unknown, ...inUrl] }
  }

  return (exchange, { basic }, params) => {
    if (sendsQueryOnly && queryOf(exchange.url) === '') return NO_INPUT
    return whenReady<Input, Input>(read(exchange), (input) => {
      if (basic && row.takesBasic) Object.assign(input.fields, basic)
      addParams(input.fields, params)
      return input
    })
  }
}

/** Characters of one parameter of a protocol. */
const PARAMETER_LIMIT = 8192

/**
 * The parameters of a protocol: the query of a GET, otherwise the body alone. One that is sent without a value was not sent, and
 * none may be sent twice (RFC 6749 §3.1, §3.2), except where the row says so.
 */
function parameterReader(row: ProtocolRow): ReadInput {
  const repeats = new Set(row.repeats)
  const limit = row.bodyLimit ?? BODY_LIMIT
  const parsers = row.takesJson
    ? { json: parseJson }
    : { form: (text: string) => parseRepeating(text, repeats) }
  const read = (fields: Record<string, unknown>): Input => ({ fields: withinLimit(fields), unknown: [] })
  return (exchange, _, params) => {
    if (row.method === 'GET') return read(parseRepeating(queryOf(exchange.url), repeats))
    return readAs(exchange.req, limit, parsers).then((fields) => {
      const input = read(fields)
      addParams(input.fields, params)
      return input
    })
  }
}

/** An empty parameter means absent (RFC 6749 §3.1), and so does an empty one of several. */
function dropEmpty(fields: Record<string, unknown>, notEmpty: ReadonlySet<string> = NO_NAMES): void {
  for (const name in fields) {
    const value = fields[name]
    if ((value !== '' && !Array.isArray(value)) || notEmpty.has(name)) continue
    const sent = Array.isArray(value) ? value.filter((one) => one !== '') : []
    if (sent.length === 0) delete fields[name]
    else fields[name] = sent
  }
}

const NO_NAMES: ReadonlySet<string> = new Set()

function withinLimit(fields: Record<string, unknown>): Record<string, unknown> {
  dropEmpty(fields)
  for (const name in fields) {
    const value = fields[name]
    if (Array.isArray(value) ? value.some(isTooLong) : isTooLong(value))
      throw badRequest(`The parameter has more than ${PARAMETER_LIMIT} characters.`, {
        field: name,
        code: 'too_long',
        params: { max: PARAMETER_LIMIT },
        message: `Must have at most ${PARAMETER_LIMIT} characters.`,
      })
  }
  return fields
}

const isTooLong = (value: unknown): boolean => typeof value === 'string' && value.length > PARAMETER_LIMIT

const NOTHING: Declaration = { members: new Map(), entries: null }

const pathParameters = (path: string): ReadonlySet<string> =>
  new Set([...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? ''))

function queryOf(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}

function addParams(fields: Record<string, unknown>, params: unknown): void {
  if (typeof params !== 'object' || params === null) return
  for (const [name, value] of Object.entries(params)) {
    // `/users/` has no user id
    if (value === '') throw problem('NOT_FOUND')
    if (hasBadCharacters(String(value))) throw badCharacters(name)
    fields[name] = value
  }
}
