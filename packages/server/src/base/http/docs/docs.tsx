/** The API reference as a page, /api/docs: made from the rows, rendered once at the first request, without a script. */
import type { ComponentChildren } from 'preact'
import { renderToStaticMarkup } from 'preact-render-to-string'
import { z } from 'zod'
import type { Config } from '../../../config.ts'
import type { ProtocolStyle } from '../../call.ts'
import { ERRORS } from '../../errors.ts'
import { operation, type RateLimit } from '../row/operation.ts'
import { type DescribedRow, isDescribed, page, type Row } from '../row/route.ts'
import { errorsOf, grouped, type Schema, type Shape, shapeOf } from '../row/shapes.ts'
import { DOCS_STYLE } from './docs-style.ts'

export function docsRow(config: Pick<Config, 'publicUrl'>, rows: readonly Row[]): Row {
  const api = rows.filter(isDescribed)
  let html: string | undefined
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
      html ??= renderToStaticMarkup(<Docs rows={api} origin={config.publicUrl} />)
      // rendered by Preact above, once
      return { page: <div class="docs" dangerouslySetInnerHTML={{ __html: html }} />, title: 'API reference' }
    },
  }) as Row
}

function Docs({ rows, origin }: { rows: readonly DescribedRow[]; origin: string }) {
  const groups = [...grouped(rows, (row) => row.tag)]
  return (
    <>
      <link rel="stylesheet" href={DOCS_STYLE.path} />
      <h1>API reference</h1>
      <p>
        JSON in snake_case, in one envelope. The same reference for tools:{' '}
        <a href="/api/openapi.json">openapi.json</a> (OpenAPI 3.1).
      </p>
      <nav aria-label="Groups">
        <ul>
          {groups.map(([tag]) => (
            <li key={tag}>
              <a href={`#${anchor(tag)}`}>{tag}</a>
            </li>
          ))}
          <li>
            <a href="#errors">Errors</a>
          </li>
        </ul>
      </nav>
      {groups.map(([tag, those]) => (
        <section key={tag} aria-labelledby={anchor(tag)}>
          <h2 id={anchor(tag)}>{tag}</h2>
          {those.map((row) => (
            <Route key={row.name} row={row} origin={origin} />
          ))}
        </section>
      ))}
      <Errors />
    </>
  )
}

function Route({ row, origin }: { row: DescribedRow; origin: string }) {
  const shape = shapeOf(row)
  const inputs = inputsOf(shape)
  return (
    <details id={row.name}>
      <summary>
        <code class={`method ${row.method.toLowerCase()}`}>{row.method}</code> <code>{row.path}</code>{' '}
        <span class="what">{row.summary}</span>
      </summary>
      {row.description ? <p>{marked(row.description)}</p> : null}
      <p class="access">{accessOf(row)}</p>
      {inputs.length > 0 ? <Fields title="Takes" rows={inputs} /> : null}
      <h3>Answers with</h3>
      <p>
        Status {row.status ?? 200};{' '}
        {row.kind === 'download' ? (
          <>
            a file: <code>{row.types.join(' or ')}</code>
          </>
        ) : row.kind === 'stream' ? (
          <>
            server-sent events: <code>text/event-stream</code>
          </>
        ) : (
          <>
            {row.bare || row.style ? 'the body' : <code>data</code>} is{' '}
            {shape.output.type === 'null' ? 'null' : <code>{typeText(shape.output)}</code>}
          </>
        )}
      </p>
      <Outputs shape={shape} />
      <h3>Errors</h3>
      {row.style ? <p>{marked(PROTOCOL_FAILURES[row.style])}</p> : null}
      <p>
        {errorsOf(row).map((code) => (
          <a key={code} href={`#${code}`}>
            <code>{code}</code>
          </a>
        ))}
      </p>
      <h3>Example</h3>
      <pre tabindex={0}>
        <code>{curl(row, shape, origin)}</code>
      </pre>
    </details>
  )
}

const PROTOCOL_FAILURES: Readonly<Record<ProtocolStyle, string>> = {
  oauth: 'In the form of RFC 6749 §5.2 for every `Accept`: `error`, `error_description`.',
  scim: 'In the form of RFC 7644 §3.12 for every `Accept`: `schemas`, `status`, `scimType`, `detail`.',
}

interface FieldRow {
  name: string
  where: string
  schema: Schema
  required: boolean
}

function inputsOf({ parameters, body }: Shape): FieldRow[] {
  const required = new Set(body?.required)
  const fields = Object.entries(body?.properties ?? {}).map(([name, schema]) => ({
    name,
    where: 'body',
    schema,
    required: required.has(name),
  }))
  return [
    ...parameters.map((p) => ({ name: p.name, where: p.in, schema: p.schema, required: p.required })),
    ...fields,
  ]
}

function Outputs({ shape }: { shape: Shape }) {
  const schema = resolved(shape.output.items ?? shape.output, shape)
  const required = new Set(schema.required)
  const rows = Object.entries(schema.properties ?? {}).map(([name, member]) => ({
    name,
    where: '',
    schema: member,
    required: required.has(name),
  }))
  return rows.length > 0 ? <Fields title="" rows={rows} /> : null
}

const resolved = (schema: Schema, { named }: Shape): Schema =>
  named[schema.$ref?.replace('#/components/schemas/', '') ?? ''] ?? schema

function Fields({ title, rows }: { title: string; rows: readonly FieldRow[] }) {
  return (
    <>
      {title ? <h3>{title}</h3> : null}
      <table>
        <tbody>
          {rows.map(({ name, where, schema, required }) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td>
                {typeText(schema)}
                {where && where !== 'body' ? `, in the ${where}` : ''}
                {required ? '' : ', optional'}
              </td>
              <td>{schema.description ? marked(schema.description) : ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function Errors() {
  return (
    <section aria-labelledby="errors">
      <h2 id="errors">Errors</h2>
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
}

/** Renders `code` in backticks as code; there is no other markup. */
function marked(text: string): ComponentChildren {
  return text.split('`').map((part, i) => (i % 2 === 1 ? <code key={part}>{part}</code> : part))
}

const anchor = (tag: string): string => tag.toLowerCase().replaceAll(/\W+/g, '-')

export function typeText(schema: Schema): string {
  if (schema.$ref) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeText))].join(' or ')
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.type === 'array') return `list of ${typeText(schema.items ?? {})}`
  if (Array.isArray(schema.type)) return schema.type.join(' or ')
  return [schema.type ?? 'anything', schema.format ? `(${schema.format})` : ''].join(' ').trim()
}

function accessOf(row: DescribedRow): ComponentChildren {
  const limits = [row.limit ?? []]
    .flat()
    .map((limit: RateLimit) => `${limit.max} in ${limit.per} by ${limit.by === 'ip' ? 'address' : 'user'}`)
  const who =
    row.needs === undefined ? (
      `Open to every caller: ${row.open?.replace(/\.$/, '')}`
    ) : row.needs === 'session' || row.needs === 'caller' ? (
      'For signed-in callers'
    ) : (
      <>
        Needs the permission <code>{row.needs}</code>
      </>
    )
  return (
    <>
      {who}.{row.fresh ? ` The user must have authenticated within the last ${row.fresh}.` : ''}
      {limits.length > 0 ? ` At most ${limits.join(', ')}.` : ''}
    </>
  )
}

function curl(row: DescribedRow, { parameters, body }: Shape, origin: string): string {
  const query = parameters.filter((p) => p.in === 'query' && p.required).map((p) => `${p.name}=…`)
  const lines = [
    `curl${row.method === 'GET' ? '' : ` -X ${row.method}`} '${origin}${row.path}${query.length ? `?${query.join('&')}` : ''}'`,
  ]
  if (row.needs !== undefined) lines.push(`-H 'Authorization: Bearer st_…'`)
  if (body) {
    const required = new Set(body.required)
    const fields = Object.entries(body.properties ?? {}).filter(([name]) => required.has(name))
    lines.push(
      `-H 'Content-Type: application/json'`,
      `-d '${JSON.stringify(Object.fromEntries(fields.map(([n, s]) => [n, example(s)])))}'`,
    )
  }
  return lines.join(' \\\n  ')
}

function example(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf?.[0]) return example(schema.anyOf[0])
  if (schema.type === 'boolean') return true
  if (schema.type === 'integer' || schema.type === 'number') return 1
  if (schema.type === 'array') return []
  if (schema.type === 'object') return {}
  return schema.format === 'email' ? 'ada@example.com' : '…'
}
