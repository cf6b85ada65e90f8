/**
 * The route row: the one source for validation, types, stripping, OpenAPI, the docs and the tests over the
 * table. Rows are plain objects in a flat list; nothing is inferred across them. An API row answers JSON
 * through base/present; a page row answers a hosted page or a redirect.
 */
import type { VNode } from 'preact'
import type { z } from 'zod'
import type { Call } from '../../call.ts'
import type { ErrorCode, FieldError, Problem } from '../../errors.ts'
import type { EventLine } from '../../present/events.ts'

/**
 * Every row says either what it needs or why it is open.
 * `session`: a person who is signed in, by session or by an access token of one. `caller`: any good credential, API
 * keys included. A permission `resource:action`: a caller who holds it.
 */
export type Access =
  | { needs: 'session' | 'caller' | (string & {}); open?: never }
  | { open: string; needs?: never }

/** Every unsafe row says which audit events it writes, or why none. */
export type Audits = { audit: string | readonly string[]; quiet?: never } | { quiet: string; audit?: never }

export interface RouteLimit {
  /** Who is counted: the client address (IPv6 by /64) or the signed-in user. */
  by: 'ip' | 'user'
  max: number
  /** A duration: `1h`, `10m`. */
  per: string
}

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
  /** One sentence for the envelope; default from the row's summary. */
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

interface RowBase {
  /** `noun.verb`, unique; the operationId. */
  name: string
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** `/api/v1/auth/sessions/:id` */
  path: string
  /** One imperative sentence without a full stop. */
  summary: string
  /** What the summary leaves out, for the docs page. */
  description?: string
  /**
   * The path parameter `id` names an organization, inside which the caller must hold this permission. To whoever has
   * no business there it does not exist. `call.organization` is this one.
   */
  organization?: string
  /** Also of an organization that was deleted and may still be restored. */
  deletedToo?: true
  /** The proof must be at most this old: `10m`; otherwise STEP_UP_REQUIRED. */
  fresh?: string
  limit?: RouteLimit | readonly RouteLimit[]
  /** Also usable with a session limited to changing an expired password. */
  limitedSession?: boolean
  /** Answers everybody alike: no credential is looked at, no limit counted, no CSRF cookie set (health, docs). */
  anonymous?: true
  /** Scripts of every origin may read it: it carries nothing personal (Fetch §3.3.3). */
  anyOrigin?: true
  /** HTTP Basic stands in for the fields `username` and `password` of the input (the login; RFC 7617). */
  takesBasic?: true
  /** Errors `run` can throw besides those the table adds itself (validation, access, limits, 500). */
  errors?: readonly ErrorCode[]
  /** A DELETE that reads its input from the body, because it is too secret for a URL. */
  body?: true
  /**
   * What else is wrong with an input that the schema refuses: entries for fields that are sound by it, as they were
   * sent, so that everything is told at once. What fits the schema is `run`'s to judge.
   */
  judge?(sound: Readonly<Record<string, unknown>>): Promise<readonly FieldError[]>
  /** Bytes; default 64 KiB. */
  bodyLimit?: number
}

export type ApiRow<I = unknown, O = unknown> = RowBase &
  Access &
  Audits & {
    kind: 'api'
    /**
     * One flat object: path parameters by name; besides them the query for GET and DELETE, the body
     * (JSON or form) otherwise. Undeclared fields are stripped; a path parameter wins over a body field.
     */
    input: z.ZodType<I>
    /** The shape of `data`; undeclared fields never leave. `z.null()` for nothing. */
    output: z.ZodType<O>
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

export type PageRow<I = unknown> = RowBase &
  Access &
  Audits & {
    kind: 'page'
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
export type StreamRow<I = unknown> = RowBase &
  Access &
  Audits & {
    kind: 'stream'
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
export type DownloadRow<I = unknown> = RowBase &
  Access &
  Audits & {
    kind: 'download'
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

/** Rows of the API that the reference describes. */
export type DescribedRow = ApiRow | DownloadRow
export const isDescribed = (row: Row): row is DescribedRow => row.kind === 'api' || row.kind === 'download'

// biome-ignore lint/suspicious/noExplicitAny: rows of every input and output stand in one list
export type Row = ApiRow<any, any> | PageRow<any> | StreamRow<any> | DownloadRow<any>

/** Keeps input and output of an API row in step; returns the plain row. */
export const route = <I, O>(row: Omit<ApiRow<I, O>, 'kind'> & Access & Audits): ApiRow<I, O> =>
  ({ ...row, kind: 'api' }) as ApiRow<I, O>

/** Keeps the input of a page row in step; returns the plain row. */
export const page = <I>(row: Omit<PageRow<I>, 'kind'> & Access & Audits): PageRow<I> =>
  ({ ...row, kind: 'page' }) as PageRow<I>

/** Keeps the input of a stream row in step; returns the plain row. */
export const stream = <I>(row: Omit<StreamRow<I>, 'kind'> & Access & Audits): StreamRow<I> =>
  ({ ...row, kind: 'stream' }) as StreamRow<I>

/** Keeps the input of a download row in step; returns the plain row. */
export const download = <I>(row: Omit<DownloadRow<I>, 'kind' | 'method'> & Access & Audits): DownloadRow<I> =>
  ({ ...row, kind: 'download', method: 'GET' }) as DownloadRow<I>
