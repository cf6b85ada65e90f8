/** The stylesheet of the docs page, in addition to that of all pages, whose custom properties it uses. */
import { createHash } from 'node:crypto'
import type { Asset } from '../serve/assets.ts'

const css = `
.docs { max-width: 60rem; margin: 0 auto; padding: 1rem; }
.docs h2 { margin: 2.5rem 0 .75rem; }
.docs h3 { margin: 1.25rem 0 .25rem; font-size: .875rem; }
.docs nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 1rem 0; padding: 0; list-style: none; }
.docs details { border: 1px solid var(--line, #ccc); border-radius: .5rem; background: var(--card, transparent); margin: .5rem 0; padding: 0 1rem; }
.docs details[open] { padding-bottom: 1rem; }
.docs summary { padding: .75rem 0; cursor: pointer; overflow-wrap: anywhere; }
.docs .what, .docs .access { color: var(--quiet, inherit); }
.docs .method { display: inline-block; min-width: 4rem; font-weight: 700; }
.docs code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .875em; }
.docs table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
.docs th, .docs td { padding: .375rem .75rem .375rem 0; border-top: 1px solid var(--line, #ccc); text-align: left; vertical-align: top; overflow-wrap: anywhere; font-weight: 400; }
.docs p > a { display: inline-block; margin-right: .75rem; }
.docs pre { overflow-x: auto; padding: .75rem; border-radius: .5rem; background: var(--soft, #eee); }
.docs tr:target, .docs details:target { outline: 2px solid var(--accent, currentColor); }
`

export const DOCS_STYLE: Asset = {
  path: `/assets/docs-${createHash('sha256').update(css).digest('base64url').slice(0, 12)}.css`,
  type: 'text/css; charset=utf-8',
  body: css,
  immutable: true,
}
