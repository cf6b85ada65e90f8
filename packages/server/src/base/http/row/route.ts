/**
 * The route table's rows: the one source of validation, types, OpenAPI and the tests over the table.
 * A row is a face of an operation (operation.ts): an API row answers JSON through base/present, a page row a hosted
 * page or a redirect. Rows are plain objects in a flat list; a row has its own fields and those of its operation.
 */
import type { VNode } from 'preact'
import type { z } from 'zod'
import type { Call, ProtocolStyle } from '../../call.ts'
import type { FieldError, Problem } from '../../errors.ts'
import type { Eventual } from '../../eventual.ts'
import type { EventStream } from '../../present/events.ts'
import type { Operation } from './operation.ts'

export interface CookieChange {
  /** Name without prefix: `session`, `device`, `attempt`; base/present adds `lk_` or `__Host-lk_`. */
  name: string
  /** null clears it. */
  value: string | null
  /** Absent: a cookie for the browser session. */
  maxAgeSeconds?: number
}

/** The result of an API row's `run`; the presenter writes the body. */
export interface Answer<T> {
  data: T
  /** Default 200. */
  status?: number
  /** The envelope's message, if it depends on the answer; default: the row's. */
  message?: string
  cookies?: readonly CookieChange[]
  /** For lists: the opaque cursor of the next page, or null at the end. */
  nextCursor?: string | null
  headers?: Readonly<Record<string, string>>
  /** The time in the envelope; default: that of the request. */
  at?: Date
  /** Where a browser is redirected to instead, unless it asks for JSON (`browsers` of the row). */
  location?: string
}

/** The result of a page row's `run`. */
export type PageAnswer =
  | {
      page: VNode
      title: string
      status?: number
      cookies?: readonly CookieChange[]
      /** Where the page leads: it names the app there. Absent: where its address or its form says; those of an attempt say nothing. */
      returnTo?: string | null
      /** Further origins that a form on this page may lead to, redirects included (the CSP's form-action). */
      formTargets?: readonly string[]
    }
  | { redirect: string; cookies?: readonly CookieChange[] }
  /** A complete document under another policy than that of the pages. `type`: of its content; default HTML. */
  | { document: string; contentSecurityPolicy: string; type?: string; cookies?: readonly CookieChange[] }

/** A request that a row refuses, with the facts that decide where to redirect it. */
export interface RefusedRequest {
  /** The path with its query, as received. */
  url: string
  headers: Readonly<Record<string, string | readonly string[] | undefined>>
  credential: 'none' | 'cookie' | 'bearer'
}

/** The fields of every row, besides those of its operation. */
interface Face {
  of: Operation
  /** Unique, the operationId; absent: the operation's name. An operation with several faces names each. */
  name?: string
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** `/api/v1/auth/sessions/:id` */
  path: string
  /** Details that the summary omits, for the reference. */
  description?: string
  /** Scripts of every origin may read it: it contains nothing personal (Fetch §3.3.3). */
  anyOrigin?: true
  /**
   * Why a browser sends it from another site: an identity provider answers by a form that is posted here. The row reads
   * no credential and no cookie, and needs no CSRF token; what it stores is used by the browser that comes for it.
   */
  crossSite?: string
  /** HTTP Basic may replace the fields `username` and `password` of the input (the login; RFC 7617). */
  takesBasic?: true
  /**
   * A credential header without the form of our credentials belongs to the app behind a reverse proxy (forward-auth): if
   * the request has a session cookie, the cookie is the credential. All other rows refuse such a header.
   */
  ignoresForeign?: true
  /**
   * Query parameters that mean something where they are empty: the schema judges them. All others are then absent.
   * For conditions, because an absent one is fulfilled.
   */
  notEmpty?: readonly string[]
  /** A DELETE that reads its input from the body, because it is too secret for a URL. */
  body?: true
  /** Parameters that may be sent several times (RFC 8707 §2): their value is the list of what was sent. */
  repeats?: readonly string[]
  /** The query as it was sent is the member `raw_query` of the input: what a protocol signs (SAML bindings §3.4.4.1). */
  rawQuery?: true
  /**
   * Further errors of an input that the schema refuses, so that one answer lists all of them. `valid` has the fields
   * that the schema accepts, as sent. Not called for an input that the schema accepts: that is for `run` to check.
   */
  judge?(valid: Readonly<Record<string, unknown>>): Promise<readonly FieldError[]>
  /** Bytes; default 64 KiB. */
  bodyLimit?: number
}

/** The fields of every row except pages. */
interface StyledFace extends Face {
  /** The style of every answer, also of failures before `run`. Absent: the style that the caller or the settings choose. */
  style?: ProtocolStyle
  /** Why it ignores members of the input that it does not declare; absent: they are errors (isStrict). */
  lenient?: string
}

export interface ApiFace<I = unknown, O = unknown> extends StyledFace {
  /**
   * One flat object: path parameters by name; besides them the query for GET and DELETE, the body
   * (JSON or form) otherwise. Undeclared fields are errors, and null is absent (request/input.ts).
   */
  input: z.ZodType<I>
  /** The shape of `data`; undeclared fields are stripped. `z.null()` for no data. */
  output: z.ZodType<O>
  /** The envelope's `message`: what happened, in one sentence; never the summary. */
  message: string
  /** The status of a success, for OpenAPI and for answers without a status; default 200. */
  status?: number
  /** A further status of a success, and when it is answered, for the reference. */
  alsoAnswers?: { status: number; when: string }
  /** `run` returns the same data object for equal data: its JSON text is kept with it. */
  keepsText?: true
  /** The answer is the bare data in every style, for tools that expect a plain document. */
  bare?: true
  /** The tag that lists it in the docs. */
  tag: string
  run(call: Call, input: I): Eventual<Answer<O>>
  /** Runs instead of `run` for an API key, which sends no further input (the login of a program). */
  withKey?(call: Call): Promise<Answer<O>>
  /** Runs instead of `run` for HTTP Basic, which is a guess at a password; the limits of `as` count it. */
  withBasic?: {
    as: Operation
    run(call: Call, input: I, basic: { username: string; password: string }): Promise<Answer<O>>
  }
  /** Browsers open it too: unless `Accept` names JSON, a `location` is answered by a redirect, a failure by one or by a page. */
  browsers?: {
    /** What the redirect leads to, for the reference. */
    leadsTo: string
    /** Where a failure leads; null: the answer is the error page, with its status. */
    failed(call: Call, failure: Problem, params: Readonly<Record<string, string>>): string | null
  }
  /** Header fields of the answer beside the common ones, for the OpenAPI document. */
  answerHeaders?: Readonly<Record<string, { description: string; example: string }>>
  /** Redirects a refused request (forward-auth). @returns the address; null: the answer is the refusal */
  redirectRefused?(request: RefusedRequest, refusal: Problem): string | null
}

export interface PageFace<I = unknown> extends Face {
  input: z.ZodType<I>
  run(call: Call, input: I): Promise<PageAnswer>
  /**
   * Displays a form again with the values it was sent with, after validation failed or `run` threw a Problem.
   * Absent: the answer is the error page.
   */
  redisplay?(call: Call, typed: Readonly<Record<string, string>>, problem: Problem): Promise<PageAnswer>
  /**
   * The answer to a request that is refused although its aim is reached: a form that was sent twice, an answer that is
   * loaded again. It gets what the first request got. null: the refusal stays. Called without the form's token having
   * been checked, so it only reads.
   */
  reached?(
    call: Call,
    sent: Readonly<Record<string, string>>,
    refusal: Problem,
  ): Promise<PageAnswer | null> | PageAnswer | null
  /** The path of the page with the form, if it differs from the path that the form is sent to. */
  formAt?: string
}

export type { EventStream } from '../../present/events.ts'

/** A row that is answered with events until either side closes the connection (base/http/serve/streams.ts). */
export interface StreamFace<I = unknown> extends StyledFace {
  method: 'GET'
  input: z.ZodType<I>
  /** The events, as the reference describes them. */
  output: z.ZodType<string>
  tag: string
  status?: never
  bare?: never
  withKey?: never
  /** Called before the answer begins. @throws Problem if no stream can be served now */
  assertReady?(): void
  run(call: Call, input: I, stream: EventStream): Promise<void>
}

/** A file that is made while it is sent. */
export interface Download {
  /** `text/csv; charset=utf-8` */
  type: string
  /** Letters, digits, dots and hyphens. */
  name: string
  /** Each is made after the client has received the one before; the iteration ends early if the client disconnects. */
  pieces: AsyncIterable<string>
}

/** A row that is answered with a file (base/http/serve/downloads.ts). It may only read, and write the audit event of reading. */
export interface DownloadFace<I = unknown> extends StyledFace {
  method: 'GET'
  input: z.ZodType<I>
  /** The content, as the reference describes it. */
  output: z.ZodType<string>
  /** Its possible content types. */
  types: readonly string[]
  tag: string
  status?: never
  bare?: never
  withKey?: never
  /** @throws Problem before the answer begins */
  run(call: Call, input: I): Promise<Download>
}

/** What an endpoint of a protocol reads of a request besides its parameters. */
export interface ProtocolRequest {
  method: string
  /** Of the row: `/oidc/token`. What signatures name is this endpoint at the public URL. */
  path: string
  /** The field `Authorization`; null where there is none. */
  authorization: string | null
  /** The field `DPoP` (RFC 9449 §4.1); null where there is none. */
  dpop: string | null
}

/**
 * An endpoint that programs request by the rules of OAuth (serve/protocol.ts): parameters of a form, the bare answer, errors of
 * RFC 6749 §5.2. It reads no cookie and no credential of our API: who sends the request is for `run` to find out, so that
 * scripts of every origin may send it (RFC 6749 §3.2, draft-ietf-oauth-browser-based-apps §6.3.2.1).
 */
export interface ProtocolFace<I = unknown, O = unknown> extends Face {
  method: 'GET' | 'POST'
  /** Each parameter is a text of at most 8,192 characters, or a list of those where it `repeats`; others are ignored. */
  input: z.ZodType<I>
  /** `z.null()`: the answer has no body. */
  output: z.ZodType<O>
  /** What a success means, for the reference. */
  message: string
  status?: number
  tag: string
  /** The body is JSON in place of a form (RFC 7591 §3.1). */
  takesJson?: true
  /** As of an API row. */
  keepsText?: true
  bare?: never
  withKey?: never
  run(call: Call, input: I, request: ProtocolRequest): Eventual<Answer<O>>
}

/** A face with the fields of its operation, as the table holds it. */
type RowOf<F extends Face, K extends string> = Omit<F, 'name'> & Operation & { kind: K }
export type ApiRow<I = unknown, O = unknown> = RowOf<ApiFace<I, O>, 'api'>
export type PageRow<I = unknown> = RowOf<PageFace<I>, 'page'>
export type StreamRow<I = unknown> = RowOf<StreamFace<I>, 'stream'>
export type DownloadRow<I = unknown> = RowOf<DownloadFace<I>, 'download'>
export type ProtocolRow<I = unknown, O = unknown> = RowOf<ProtocolFace<I, O>, 'protocol'> & { style: 'oauth' }

/** Rows of the API that the reference describes. */
export type DescribedRow = ApiRow | DownloadRow | StreamRow | ProtocolRow
export const isDescribed = (row: Row): row is DescribedRow => row.kind !== 'page'

/**
 * Whether an undeclared member of the input is an error. Hosted forms and protocols ignore what they do not know (RFC
 * 6749 §3.1, RFC 7644 §3.3).
 */
export const isStrict = (row: Row): boolean =>
  row.kind !== 'page' && row.style === undefined && row.lenient === undefined

/**
 * Whether a session of the row has to have a proof that counts for the account: what reads or changes something of the account
 * and is about no organization, in whose name the session may act. A row that requires a recent proof judges it with that.
 */
export const needsAccountProof = (row: Row): boolean =>
  (row.needs === 'session' || row.needs === 'caller') &&
  row.organization === undefined &&
  row.fresh === undefined &&
  row.anyProof === undefined

/** Whether the row reads neither cookies nor credentials of our API, so that no other site can misuse those of a browser. */
export const isCookieless = (row: Pick<Row, 'kind' | 'crossSite'>): boolean =>
  row.kind === 'protocol' || row.crossSite !== undefined

/** Whether the input is the query, not the body. */
export const readsQuery = (row: Pick<Row, 'method' | 'body'>): boolean =>
  row.method === 'GET' || (row.method === 'DELETE' && !row.body)

// biome-ignore lint/suspicious/noExplicitAny: one list has rows of every input and output
export type Row = ApiRow<any, any> | PageRow<any> | StreamRow<any> | DownloadRow<any> | ProtocolRow<any, any>

/** Holds input and output of an API row to their types; returns the plain row. */
export const route = <I, O>(face: ApiFace<I, O>): ApiRow<I, O> => ({ ...face.of, ...face, kind: 'api' })

/** Holds the input of a page row to its type; returns the plain row. */
export const page = <I>(face: PageFace<I>): PageRow<I> => ({ ...face.of, ...face, kind: 'page' })

/** Holds the input of a stream row to its type; returns the plain row. */
export const stream = <I>(face: Omit<StreamFace<I>, 'method'>): StreamRow<I> => ({
  ...face.of,
  ...face,
  method: 'GET',
  kind: 'stream',
})

/** Holds the input of a download row to its type; returns the plain row. */
export const download = <I>(face: Omit<DownloadFace<I>, 'method'>): DownloadRow<I> => ({
  ...face.of,
  ...face,
  method: 'GET',
  kind: 'download',
})

/** Holds input and output of a row of a protocol to their types; returns the plain row. */
export const protocol = <I, O>(face: ProtocolFace<I, O>): ProtocolRow<I, O> => ({
  ...face.of,
  ...face,
  style: 'oauth',
  kind: 'protocol',
})
