/**
 * The files of the API reference: Redoc (packages/server/vendor, renewed by scripts/vendor.mjs), which is read at the
 * first request, the script that starts it with the colours of the pages, and a stylesheet.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import redoc from '../../../../vendor/redoc/redoc.json' with { type: 'json' }
import { packagedFile } from '../../packaged.ts'
import type { Asset } from '../serve/assets.ts'

const SCRIPT = 'text/javascript; charset=utf-8'

/** The version alone names the content: scripts/vendor.mjs makes the file from it. */
export const REDOC: Asset = {
  path: `/assets/redoc-${redoc.version}.js`,
  type: SCRIPT,
  body: () => readFileSync(packagedFile('vendor/redoc/redoc.js'), 'utf8'),
  immutable: true,
}

const DARK =
  'color-scheme: dark; --page: #16181b; --ink: #eceef0; --quiet: #a6adb5; --line: #2f3439; --soft: #24282c; --link: #93b4ff;'

/** The script fixes the scheme at its start: Redoc computes colours once. Without a script the page follows the system. */
const css = `
:root { color-scheme: light; --page: #fff; --ink: #16191d; --quiet: #575d66; --line: #dddcd6; --soft: #f4f4f1; --link: #1d4ed8; }
@media (prefers-color-scheme: dark) { :root:not([data-scheme]) { ${DARK} } }
:root[data-scheme="dark"] { ${DARK} }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
code { font: .875em/1.5 ui-monospace, Menlo, Consolas, monospace; }
header, #operations, #errors { max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem; }
header { max-width: none; padding: .75rem 1.25rem; border-bottom: 1px solid var(--line); color: var(--quiet); }
#operations ul { padding: 0; list-style: none; } #operations li { padding: .25rem 0; }
table { width: 100%; border-collapse: collapse; }
#errors th, #errors td { padding: .375rem .75rem .375rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; }
#errors th, #errors td:nth-child(2) { white-space: nowrap; }
#errors tr:target { outline: 2px solid var(--link); }
#viewer h5 { color: var(--quiet); } #viewer h5 polygon { fill: var(--quiet); }
#viewer .react-tabs__tab.react-tabs__tab--selected { background: #eceef0; color: #16191d; }
#viewer [role="search"] input, #viewer .dropdown-selector, #viewer select { background: var(--page); color: var(--ink); }
`

const script = `
const isDark = matchMedia('(prefers-color-scheme: dark)').matches
document.documentElement.dataset.scheme = isDark ? 'dark' : 'light'
const colors = () => {
  const style = getComputedStyle(document.documentElement)
  const [page, ink, quiet, line, soft, link] = ['page', 'ink', 'quiet', 'line', 'soft', 'link'].map((name) =>
    style.getPropertyValue('--' + name).trim())
  const fontFamily = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'
  const mono = 'ui-monospace, Menlo, Consolas, monospace'
  return {
    colors: { primary: { main: link }, text: { primary: ink, secondary: quiet }, border: { dark: line, light: line } },
    schema: { nestedBackground: soft, linesColor: line, typeNameColor: quiet, typeTitleColor: quiet, requireLabelColor: isDark ? '#ff9d94' : '#b3231b' },
    typography: {
      fontFamily, fontSize: '15px', lineHeight: '1.5', headings: { fontFamily, fontWeight: '650' },
      code: { fontFamily: mono, fontSize: '13px', color: ink, backgroundColor: soft }, links: { color: link },
    },
    sidebar: { backgroundColor: soft, textColor: ink, activeTextColor: link },
    fab: { backgroundColor: soft, color: link },
    rightPanel: { backgroundColor: '#202327', textColor: '#eceef0' },
    codeBlock: { backgroundColor: '#121417' },
  }
}
const options = { theme: colors(), hideDownloadButton: true, nativeScrollbars: true }
Redoc.init('/api/openapi.json', options, document.getElementById('viewer'), (error) => {
  if (error) return
  document.getElementById('operations').hidden = true
  document.getElementById(location.hash.slice(1))?.scrollIntoView()
})
`

const named = (name: string, type: string, extension: string, body: string): Asset => ({
  path: `/assets/${name}-${createHash('sha256').update(body).digest('base64url').slice(0, 12)}.${extension}`,
  type,
  body,
  immutable: true,
})

export const VIEWER_STYLE = named('reference', 'text/css; charset=utf-8', 'css', css)
export const VIEWER_SCRIPT = named('reference', SCRIPT, 'js', script)
