/** What the OpenAPI document says of an operation in words and examples: access, rate limits, a curl command. */
import type { DescribedRow } from '../row/route.ts'
import type { Shape } from '../row/shapes.ts'
import { exampleBody, exampleForm, exampleOf, formPartOf } from './examples.ts'

/** Who may call an operation, and how often, as a sentence each. */
export function accessOf(row: DescribedRow): string {
  const limits = [row.limit ?? []]
    .flat()
    .map(({ max, per, by }) => `${max} in ${per} by ${by === 'ip' ? 'address' : 'user'}`)
  const who =
    row.needs === undefined
      ? `Open to every caller: ${row.open?.replace(/\.$/, '')}`
      : row.needs === 'session' || row.needs === 'caller'
        ? 'For signed-in callers'
        : `Needs the permission \`${row.needs}\``
  return [`${who}.`, freshnessOf(row), limits.length > 0 ? ` At most ${limits.join(', ')}.` : ''].join('')
}

function freshnessOf({ fresh }: Pick<DescribedRow, 'fresh'>): string {
  if (fresh === undefined) return ''
  return typeof fresh === 'string'
    ? ` The user must have authenticated within the last ${fresh}.`
    : ` The user must have authenticated within the last ${fresh.within}, with a second factor where the account has one.`
}

/** A command with the example of the body. */
export function curlOf(row: DescribedRow, { parameters, body, named }: Shape, origin: string): string {
  const query = parameters
    .filter((p) => p.in === 'query' && p.required)
    .map(({ name, schema }) => `${name}=${encodeURIComponent(String(exampleOf(schema, named)))}`)
  const method = row.method === 'GET' ? '' : ` -X ${row.method}`
  const lines = [`curl${method} '${origin}${row.path}${query.length ? `?${query.join('&')}` : ''}'`]
  if (row.needs !== undefined) lines.push(`-H 'Authorization: Bearer st_…'`)
  const form = body && row.kind === 'protocol' && !row.takesJson ? formPartOf(body, named) : null
  if (form) {
    for (const [name, value] of Object.entries(exampleForm(form, named)))
      lines.push(`--data-urlencode '${name}=${value.replaceAll("'", "'\\''")}'`)
  } else if (body) {
    const example = JSON.stringify(exampleBody(body, named))
    lines.push(`-H 'Content-Type: application/json'`, `-d '${example.replaceAll("'", "'\\''")}'`)
  }
  return lines.join(' \\\n  ')
}
