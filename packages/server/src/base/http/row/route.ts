/**
 * The route table's rows: the one source of validation, types, OpenAPI, the docs page and the tests over the table.
 * A row is a face of an operation (operation.ts): an API row answers JSON through base/present, a page row a hosted
 * page or a redirect. Rows are plain objects in a flat list; a row has the fields of its operation as its own.
 */
import type { VNode } from 'preact'
import type { z } from 'zod'
import type { Call, ProtocolStyle } from '../../call.ts'
import type { FieldError, Problem } from '../../errors.ts'
import type { EventLine } from '../../present/events.ts'
import type { Operation } from './operation.ts'

export interface CookieChange {
  /** Name without prefix: `session`, `device`, `attempt`; the HTTP room adds `lk_` or `__Host-lk_`. */
  name: string
  /** null clears it. */
  value: string | null
  /** Absent: a cookie for the browser session. */
  maxAgeSeconds?: number
}

/** What an API row's `run` hands back; the presenter makes the body. */
export interface Answer<T> {
  data: T
  /** Default 200. */
  status?: number
  /** The envelope's message, where it depends on the answer; default: the row's. */
  message?: string
  cookies?: readonly CookieChange[]
  /** For lists: the opaque cursor of the next page, or null at the end. */
  nextCursor?: string | null
  headers?: Readonly<Record<string, string>>
}

/** What a page row's `run` hands back. */
export type PageAnswer =
  | {
      page: VNode
      title: string
      status?: number
      cookies?: readonly CookieChange[]
      /** Further origins a form on this page may end up at, redirects included (the CSP's form-action). */
      formTargets?: readonly string[]
    }
  | { redirect: string; cookies?: readonly CookieChange[] }
  /** A whole document of its own, under its own policy instead of the pages'. */
  | { document: string; contentSecurityPolicy: string }

/** A request that a row is closed to, as far as where to send it depends on it. */
export interface TurnedAway {
  /** The path with its query, as it was asked. */
  url: string
  headers: Readonly<Record<string, string | readonly string[] | undefined>>
  credential: 'none' | 'cookie' | 'bearer'
}

/** What every row has, besides the fields of its operation. */
interface Face {
  of: Operation
  /** Unique, the operationId; absent: the operation's. An operation with several faces names each. */
  name?: string
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** `/api/v1/auth/sessions/:id` */
  path: string
  /** What the summary leaves out, for the docs page. */
  description?: string
  /** Scripts of every origin may read it: it carries nothing personal (Fetch §3.3.3). */
  anyOrigin?: true
  /** HTTP Basic stands in for the fields `username` and `password` of the input (the login; RFC 7617). */
  takesBasic?: true
  /** A DELETE that reads its input from the body, because it is too secret for a URL. */
  body?: true
  /**
   * What else is wrong with an input that the schema refuses: entries for fields that are sound by it, as they were
   * sent, so that one answer lists every fault. An input that fits the schema is left to `run`.
   */
  judge?(sound: Readonly<Record<string, unknown>>): Promise<readonly FieldError[]>
  /** Bytes; default 64 KiB. */
  bodyLimit?: number
}

/** What every row but a page has. */
interface StyledFace extends Face {
  /** The style of every answer, failures before `run` included. Absent: the style that the caller or the settings choose. */
  style?: ProtocolStyle
}

export interface ApiFace<I = unknown, O = unknown> extends StyledFace {
  /**
   * One flat object: path parameters by name; besides them the query for GET and DELETE, the body
   * (JSON or form) otherwise. Undeclared fields are stripped; a path parameter wins over a body field.
   */
  input: z.ZodType<I>
  /** The shape of `data`; undeclared fields never leave. `z.null()` for nothing. */
  output: z.ZodType<O>
  /** The envelope's `message`: what happened, in one sentence; never the summary. */
  message?: string
  /** The status of a success, for OpenAPI and for answers that name none; default 200. */
  status?: number
  /** Answered as the bare data in every style, for tools that expect a plain document. */
  bare?: true
  /** The tag it is listed under in the docs. */
  tag: string
  run(call: Call, input: I): Promise<Answer<O>>
  /** What an API key is answered instead of `run`, with no further input (the login of a program). */
  withKey?(call: Call): Promise<Answer<O>>
  /** Where a browser is sent that the row is closed to; null: it gets the failure (forward-auth). */
  turnAway?(asked: TurnedAway, closed: Problem): string | null
}

export interface PageFace<I = unknown> extends Face {
  input: z.ZodType<I>
  run(call: Call, input: I): Promise<PageAnswer>
  /**
   * A form that does not validate, or whose `run` throws a Problem, is shown again with what was typed:
   * nothing is lost. Without it, the error page is shown.
   */
  again?(call: Call, typed: Readonly<Record<string, string>>, problem: Problem): Promise<PageAnswer>
  /** The path of the page that the form stands on, where it is not the path that the form is sent to. */
  formAt?: string
}

export type { EventLine } from '../../present/events.ts'

/** A row that is answered with events until either side ends the line (base/http/serve/streams.ts). */
export interface StreamFace<I = unknown> extends StyledFace {
  input: z.ZodType<I>
  /** @throws Problem where no line can be served now; asked before the answer begins */
  assertReady?(): void
  run(call: Call, input: I, line: EventLine): Promise<void>
}

/** A file that is made while it is sent. */
export interface Download {
  /** `text/csv; charset=utf-8` */
  type: string
  /** Letters, digits, dots and hyphens. */
  name: string
  /** Each is made when the reader has taken the one before; ended early where the reader goes. */
  pieces: AsyncIterable<string>
}

/** A row that is answered with a file (base/http/serve/downloads.ts). It may only read, but it may record that it was read. */
export interface DownloadFace<I = unknown> extends StyledFace {
  method: 'GET'
  input: z.ZodType<I>
  /** The content, as the reference describes it. */
  output: z.ZodType<string>
  /** Content types that it may have. */
  types: readonly string[]
  tag: string
  status?: never
  bare?: never
  withKey?: never
  /** @throws Problem before the answer begins */
  run(call: Call, input: I): Promise<Download>
}

/** A face with the fields of its operation, as the table holds it. */
type RowOf<F extends Face, K extends string> = Omit<F, 'name'> & Operation & { kind: K }
export type ApiRow<I = unknown, O = unknown> = RowOf<ApiFace<I, O>, 'api'>
export type PageRow<I = unknown> = RowOf<PageFace<I>, 'page'>
export type StreamRow<I = unknown> = RowOf<StreamFace<I>, 'stream'>
export type DownloadRow<I = unknown> = RowOf<DownloadFace<I>, 'download'>

/** Rows of the API that the reference describes. */
export type DescribedRow = ApiRow | DownloadRow
export const isDescribed = (row: Row): row is DescribedRow => row.kind === 'api' || row.kind === 'download'

// biome-ignore lint/suspicious/noExplicitAny: rows of every input and output stand in one list
export type Row = ApiRow<any, any> | PageRow<any> | StreamRow<any> | DownloadRow<any>

/** Keeps input and output of an API row in step; returns the plain row. */
export const route = <I, O>(face: ApiFace<I, O>): ApiRow<I, O> => ({ ...face.of, ...face, kind: 'api' })

/** Keeps the input of a page row in step; returns the plain row. */
export const page = <I>(face: PageFace<I>): PageRow<I> => ({ ...face.of, ...face, kind: 'page' })

/** Keeps the input of a stream row in step; returns the plain row. */
export const stream = <I>(face: StreamFace<I>): StreamRow<I> => ({ ...face.of, ...face, kind: 'stream' })

/** Keeps the input of a download row in step; returns the plain row. */
export const download = <I>(face: Omit<DownloadFace<I>, 'method'>): DownloadRow<I> => ({
  ...face.of,
  ...face,
  method: 'GET',
  kind: 'download',
})
