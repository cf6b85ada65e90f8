/**
 * The API reference, /api/docs: Redoc shows the OpenAPI document, from this server's own files and under its own
 * policy. Without a script the page is the list of operations. Errors have anchors, which the `type` of a problem
 * refers to.
 */
import type { ComponentChildren } from 'preact'
import { renderToStaticMarkup } from 'preact-render-to-string'
import { z } from 'zod'
import type { Config } from '../../../config.ts'
import { ERRORS } from '../../errors.ts'
import { operation } from '../row/operation.ts'
import { type DescribedRow, isDescribed, page, type Row } from '../row/route.ts'
import { grouped } from '../row/shapes.ts'
import { REDOC, VIEWER_SCRIPT, VIEWER_STYLE } from './viewer-assets.ts'

/** Redoc writes its styles into the page, and searches in a worker that it makes itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  'worker-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** @param icon the path of the icon of the pages */
export function viewerRow(
  config: Pick<Config, 'brandName'>,
  rows: readonly Row[],
  icon: string | undefined,
): Row {
  const api = rows.filter(isDescribed)
  let document: string | undefined
  return page({
    of: operation({
      name: 'docs.show',
      summary: 'Show the API reference',
      open: 'the reference is public',
      quiet: 'changes nothing',
      anonymous: true,
    }),
    method: 'GET',
    path: '/api/docs',
    input: z.object({}),
    run: async () => {
      const view = <Viewer rows={api} title={`${config.brandName} API`} icon={icon} />
      document ??= `<!doctype html>${renderToStaticMarkup(view)}`
      return { document, contentSecurityPolicy: POLICY }
    },
  }) as Row
}

interface ViewerProps {
  rows: readonly DescribedRow[]
  title: string
  icon: string | undefined
}

const Viewer = ({ rows, title, icon }: ViewerProps) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{`API reference · ${title}`}</title>
      {icon === undefined ? null : <link rel="icon" href={icon} />}
      <link rel="stylesheet" href={VIEWER_STYLE.path} />
      <script src={REDOC.path} defer />
      <script src={VIEWER_SCRIPT.path} defer />
    </head>
    <body>
      <header>
        JSON in snake_case, in one envelope. For tools: <a href="/api/openapi.json">openapi.json</a> (OpenAPI
        3.1). <a href="#errors">Errors</a>
      </header>
      <main>
        <div id="viewer" />
        <div id="operations">
          <h1>API reference</h1>
          {[...grouped(rows, (row) => row.tag)].map(([tag, those]) => (
            <section key={tag}>
              <h2>{tag}</h2>
              <ul>
                {those.map((row) => (
                  <li key={row.name}>
                    <code>
                      {row.method} {row.path}
                    </code>{' '}
                    {row.summary}
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
        <Errors />
      </main>
    </body>
  </html>
)

const Errors = () => (
  <section id="errors" aria-labelledby="errors-title">
    <h2 id="errors-title">Errors</h2>
    <table>
      <tbody>
        {Object.entries(ERRORS).map(([code, { status, when }]) => (
          <tr key={code} id={code}>
            <th scope="row">
              <code>{code}</code>
            </th>
            <td>{status}</td>
            <td>{marked(when)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </section>
)

/** Renders `code` in backticks as code; there is no other markup. */
const marked = (text: string): ComponentChildren =>
  text.split('`').map((part, i) => (i % 2 === 1 ? <code key={part}>{part}</code> : part))
