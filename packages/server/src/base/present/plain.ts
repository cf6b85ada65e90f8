/** Answers in plain text for operators' programs, on an address that users do not reach. */
import type { ServerResponse } from 'node:http'

export function plainText(
  res: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  const headers = {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  }
  res.writeHead(status, headers).end(body)
}
