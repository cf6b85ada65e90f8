/** Static files: the stylesheet and script of the pages, the OpenAPI document. */
import { createHash } from 'node:crypto'
import type { Presenter } from '../../present/index.ts'
import type { Exchange } from '../request/exchange.ts'

export interface Asset {
  path: string
  type: string
  /** A function is called at the first request. */
  body: string | Buffer | (() => string)
  /** The path contains a hash of the content, so that clients may cache it for ever; otherwise they revalidate it. */
  immutable: boolean
}

export type AssetHandler = (exchange: Exchange) => void

export function assetHandler(present: Presenter, asset: Asset): AssetHandler {
  const keep = asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache'
  const make = () => {
    const body = Buffer.from(typeof asset.body === 'function' ? asset.body() : asset.body)
    const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
    return { body, tag, headers: ['cache-control', keep, 'etag', tag] }
  }
  let made: ReturnType<typeof make> | undefined
  return (exchange) => {
    made ??= make()
    const { body, tag, headers } = made
    const known = exchange.req.headers['if-none-match']
    // RFC 9110 §13.1.2: weak comparison, any of a list
    if (known?.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === tag)) {
      exchange.headers.push(...headers)
      present.empty(exchange, 304)
    } else present.asset(exchange, { type: asset.type, body }, headers)
  }
}
