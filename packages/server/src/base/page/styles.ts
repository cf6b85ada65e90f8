/**
 * The stylesheet of the pages. Colours are custom properties; `stylesheet` appends those of the brand. Readable here,
 * minified once at start-up. The surfaces are in brand.ts, which computes the contrast on them.
 */
import { type Brand, type Palette, SURFACES } from './brand.ts'

const SHEET = `
:root {
  color-scheme: light dark;
  --page: ${SURFACES.light.page}; --card: ${SURFACES.light.card}; --soft: #eeeeea;
  --ink: #16191d; --quiet: #575d66; --line: #dddcd6; --edge: #84888f;
  --bad: #b3231b; --bad-soft: #fdf0ee; --good: #17693a; --good-soft: #ecf6ef; --warn: #7a5200; --warn-soft: #fdf4df;
  --shadow: 0 1px 2px #1a1a1a0d, 0 12px 32px -12px #1a1a1a1f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: ${SURFACES.dark.page}; --card: ${SURFACES.dark.card}; --soft: #24282c;
    --ink: #eceef0; --quiet: #a6adb5; --line: #2f3439; --edge: #7a828b;
    --bad: #ff9d94; --bad-soft: #34201f; --good: #7fd6a0; --good-soft: #1a2c21; --warn: #f0c366; --warn-soft: #30281a;
    --shadow: 0 1px 2px #0006;
  }
}
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column;
  background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, h3, p, ul, dl, dd { margin: 0; }
ul { padding: 0; list-style: none; }
h1 { font-size: 1.625rem; line-height: 1.2; font-weight: 650; letter-spacing: -.018em; text-wrap: balance; }
h2 { font-size: 1.125rem; line-height: 1.35; font-weight: 650; }
h3 { font-size: 1rem; }
a, .button.link { color: var(--accent); text-decoration: underline 1px; text-underline-offset: .2em; }
a:hover, .button.link:hover { text-decoration-thickness: 2px; }
svg { flex: none; }
h3, strong, .strong { font-weight: 600; }
code, pre { font: .875em/1.5 ui-monospace, Menlo, Consolas, monospace; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.quiet, .lead, .hint, dt, footer, .person, .empty, .reference, .item-body p, .permissions code { color: var(--quiet); }
.quiet { font-weight: 400; }
.hint, dt { font-size: .875rem; }

.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.skip { position: absolute; left: 1rem; top: -6rem; z-index: 1; padding: .75rem 1rem; border-radius: .5rem; background: var(--card); }
.skip:focus { top: 1rem; }
.bar { display: flex; align-items: center; gap: 1rem; padding: 2.5rem 1.25rem 1.5rem; justify-content: center; }
.bar.signed-in { padding: .75rem max(1.25rem, 50% - 22rem); justify-content: space-between; border-bottom: 1px solid var(--line); background: var(--card); }
.brand { display: inline-flex; align-items: center; gap: .625rem; min-height: 2.75rem; color: inherit; font-size: 1.125rem; font-weight: 650; letter-spacing: -.01em; text-decoration: none; }
.brand svg { width: 1.875rem; height: 1.875rem; }
.brand rect { fill: var(--fill); } .brand path { fill: var(--on-fill); }
.brand img, .app { display: block; height: 2.25rem; max-width: 12rem; object-fit: contain; }
.person, .badge, .whole { white-space: nowrap; }
.person { display: flex; flex: 1; min-width: 0; align-items: center; justify-content: flex-end; gap: 0 .75rem; font-size: .875rem; }
.who { display: grid; min-width: 0; text-align: end; }
.who > * { overflow: hidden; text-overflow: ellipsis; }
.who a { line-height: 1.5rem; color: var(--quiet); }
main { flex: 1; width: 100%; padding: .5rem 1.25rem 2rem; }
main:focus { outline: none; }
footer { padding: 1rem 1.25rem 2rem; text-align: center; font-size: .8125rem; }

.card { padding: clamp(1.25rem, 6vw, 2.25rem); border: 1px solid var(--line); border-radius: 1rem; background: var(--card); box-shadow: var(--shadow); }
.narrow { max-width: 27rem; margin: 0 auto; }
.signed-in ~ main .narrow { margin-top: 2.5rem; }
.narrow > h2 { margin: 1.5rem 0 .25rem; }
.lead { margin-top: .5rem; }
.lead strong { color: var(--ink); }
.card > .alert, .lead + .lead, .alert + .lead, dl + .lead, .plain + .lead { margin-top: 1.25rem; }
.sign { display: block; width: 3rem; height: 3rem; margin-bottom: 1.25rem; padding: .6875rem; border-radius: 50%; background: var(--soft); stroke: var(--accent); stroke-width: 1.75; }
.sign, .items svg { fill: none; stroke-linecap: round; stroke-linejoin: round; }
.app { margin-bottom: .5rem; }
.sign.done { stroke: var(--good); }
.sign.warning { stroke: var(--warn); }

.form { display: grid; gap: 1.25rem; margin-top: 1.5rem; }
.field { display: grid; gap: .375rem; }
.field > label, legend { font-weight: 600; font-size: .9375rem; }
.field input, textarea, select {
  width: 100%; min-width: 0; min-height: 2.875rem; padding: .5rem .8125rem;
  border: 1px solid var(--edge); border-radius: .5625rem; background: var(--card); color: inherit; font: inherit;
}
:is(.field input, textarea, select):hover { border-color: var(--ink); }
:is(.field input, textarea, select):focus-visible { outline-offset: -1px; border-color: var(--accent); }
.field [aria-invalid] { border-color: var(--bad); box-shadow: inset 0 0 0 1px var(--bad); }
.field-error { color: var(--bad); font-size: .875rem; font-weight: 500; }
.password { position: relative; }
.password:has(button:not([hidden])) input { padding-right: 6.25rem; }
.password button {
  position: absolute; inset: 1px 1px 1px auto; min-width: 2.75rem; padding: 0 .875rem; border: 0; border-radius: .5rem;
  background: none; color: var(--accent); font: inherit; font-size: .875rem; font-weight: 600; cursor: pointer;
}
.password button:focus-visible { outline-offset: -3px; }
::-ms-reveal { display: none; }
.rules { display: grid; gap: .125rem; margin-top: .25rem; }
.rules li { padding-left: 1.375rem; position: relative; }
.rules li::before { content: ""; position: absolute; left: .125rem; top: .4375rem; width: .5rem; height: .5rem; border: 1.5px solid; border-radius: 50%; }
.rules .met { color: var(--good); } .rules .met::before { background: currentColor; }
fieldset { display: grid; margin: 0; padding: 0; border: 0; min-width: 0; }
fieldset > .field { margin-top: 1rem; }
.form > fieldset:has(> .field), fieldset:has(> .field) ~ fieldset { margin-top: .75rem; }
fieldset:has(> .field) > legend, fieldset:has(> .field) ~ fieldset > legend { font-size: 1.0625rem; }
fieldset > .field + .check { margin-top: .5rem; }
.choices .button { justify-content: flex-start; text-align: left; }
legend { padding: 0; margin-bottom: .375rem; }
.check span { overflow-wrap: anywhere; min-width: 0; }
.check, .or { display: flex; align-items: center; gap: .625rem; min-height: 2.75rem; }
.check { cursor: pointer; }
fieldset .check { padding: .375rem 0; line-height: 1.35; }
.check input { width: 1.25rem; height: 1.25rem; margin: 0; flex: none; accent-color: var(--accent); cursor: inherit; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
.providers { gap: .625rem; margin-top: .75rem; }
h1 + .providers, .providers + .or { margin-top: 1.25rem; }
.split { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0 1.25rem; margin: -.5rem 0; }
.split a, .links a { display: inline-flex; align-items: center; min-height: 2.75rem; }

.button {
  display: inline-flex; align-items: center; justify-content: center; gap: .625rem; min-height: 2.875rem; padding: .5rem 1.25rem;
  border: 1px solid var(--edge); border-radius: .5625rem; background: var(--card); color: var(--ink);
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
}
.button:hover { background: var(--soft); }
.primary { border-color: var(--accent); background: var(--fill); color: var(--on-fill); }
.primary:hover { background: var(--fill); }
.button:active { filter: brightness(.93); }
.button.apple { background: light-dark(#000, #fff); color: light-dark(#fff, #000); }
.danger { border-color: var(--bad); color: var(--bad); }
.danger:hover { background: var(--bad-soft); }
.form > .danger, .form > .danger:hover { background: var(--bad); color: var(--card); }
.primary:hover, .form > .danger:hover { filter: brightness(1.1); }
.button.link { min-height: 2.75rem; padding: 0; border-color: transparent; background: none; font-weight: 500; }
.button[aria-disabled=true] { opacity: .6; cursor: progress; }
.narrow > .button, .narrow > .button-form .button { width: 100%; }
.card > :is(h3, .button, .button-form, .actions), .alert > .actions { margin-top: 1.5rem; }
.card:not(.narrow) .form:not(:has(.choices)) { max-width: 27rem; }
.card:not(.narrow) .form > .button { justify-self: start; }
.links { display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 0 .375rem; margin-top: 1.25rem; text-align: center; }
.links a[aria-current] { color: var(--ink); font-weight: 700; text-decoration: none; }
.card:not(.narrow) > .links { justify-content: flex-start; margin-bottom: -.75rem; }
.links:has(a + a) { column-gap: 1.5rem; }
.narrow > .links:last-child { margin-bottom: -.75rem; }
details ~ .links { margin-top: 0; }

.alert { padding: .75rem 1rem; border-radius: .5625rem; border: 1px solid; border-inline-start-width: 4px; background: var(--soft); font-size: .9375rem; }
.alert.info { border-color: var(--accent); }
.alert.error { border-color: var(--bad); background: var(--bad-soft); }
.alert a { color: inherit; } .alert ul { display: grid; gap: .25rem; margin-top: .25rem; }
.alert:focus { outline: none; }

.account { display: grid; gap: 1.25rem; max-width: 44rem; margin: 0 auto; }
.account > h1 { margin-top: .75rem; }
.account nav { display: flex; flex-wrap: wrap; gap: 0 1.125rem; border-bottom: 1px solid var(--line); }
.account nav a { display: flex; align-items: center; min-height: 3rem; margin-bottom: -1px; border-bottom: 2px solid transparent; color: var(--quiet); font-weight: 500; text-decoration: none; }
.tabs { display: contents; } .menu { display: none; flex: 1; }
summary { display: flex; align-items: center; justify-content: space-between; gap: .75rem; min-height: 3rem; font-weight: 600; cursor: pointer; }
summary::-webkit-details-marker { display: none; } summary::after { content: "▾"; } [open] > summary::after { content: "▴"; }
summary h2 { margin-inline-end: auto; overflow-wrap: normal; }
details + details, .items > li + li { border-top: 1px solid var(--line); }
.row-body { display: grid; gap: 1rem; justify-items: start; padding: .25rem 0 1.25rem; }
.account .menu a { border: 0; border-top: 1px solid var(--line); }
.account nav a:hover { color: var(--ink); border-color: var(--edge); }
.account nav a[aria-current] { color: var(--ink); border-bottom-color: var(--accent); }
.account .within { gap: .375rem .25rem; border: 0; }
.account .within a { min-height: 2.5rem; margin: 0; padding: 0 .6875rem; border: 1px solid var(--line); border-radius: 1.25rem; font-size: .875rem; }
.account .within a[aria-current] { border-color: var(--accent); background: var(--card); }
dl { display: grid; gap: .875rem; margin-top: 1rem; }
.badge { display: inline-block; padding: .0625rem .5625rem; border-radius: 1rem; background: var(--soft); color: var(--quiet); font-size: .8125rem; font-weight: 600; }
.badge.success { color: var(--good); }
.badge.warning { color: var(--warn); }
.success, .done { border-color: var(--good); background: var(--good-soft); }
.warning { border-color: var(--warn); background: var(--warn-soft); }
.items, .block, .empty { margin-top: .75rem; }
.items > li { display: grid; grid-template-columns: auto 1fr auto; align-items: start; gap: .75rem 1rem; padding: 1.125rem 0; }
.items > li:last-child { padding-bottom: 0; }
.items svg { width: 1.75rem; height: 1.75rem; margin-top: .125rem; stroke: var(--quiet); stroke-width: 1.5; }
.item-body { min-width: 0; font-size: .9375rem; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; }
.items .actions { justify-content: flex-end; }
.search { display: flex; flex-wrap: wrap; align-items: end; gap: .75rem; margin-top: 1.25rem; }
.search .field { flex: 1 1 14rem; }
.permissions { display: grid; gap: .25rem; }
.narrow > .actions > *, .narrow > .actions .button { flex: 1 1 9rem; width: 100%; }
.lines { white-space: pre-line; }
.plain { display: grid; gap: .5rem; margin-top: 1rem; padding-left: 1.25rem; list-style: revert; }
pre { white-space: pre-wrap; }
.reference { margin-top: 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .875rem; }
.qr { display: block; width: min(100%, 14rem); margin: 1.25rem auto 0; border-radius: .5625rem; image-rendering: pixelated; }
.codes, .choices { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: .5rem; margin-top: 1rem; }
.codes li { padding: .375rem .75rem; border: 1px solid var(--line); border-radius: .5625rem; text-align: center; }
.compared { margin: .25rem 0 1rem; text-align: center; }
.compared code { font-size: 1.75rem; letter-spacing: .08em; color: var(--ink); user-select: all; }
.copyable { display: inline-flex; flex-wrap: wrap; align-items: center; gap: 0 .75rem; }

@media (max-width: 48rem) { .tabs { display: none; } .menu { display: block; } }
@media (max-width: 30rem) {
  summary { display: grid; grid-template-columns: 1fr auto; gap: 0 .75rem; padding-block: .5rem; } summary .quiet { grid-row: 2; font-weight: 400; }
  .bar:not(.signed-in) { padding-block: 1.5rem 1rem; }
  main, .bar.signed-in { padding-inline: 1rem; }
  .items > li > :is(form, .button, .actions) { grid-column: 2; justify-self: start; }
  .items .actions { justify-content: flex-start; }
  .items .actions .button { padding-inline: .875rem; }
  .card:not(.narrow) .form > .button { justify-self: stretch; }
}
@media (forced-colors: active) {
  .badge { border: 1px solid; }
  .account nav a { border-color: Canvas; }
  .account nav a[aria-current] { border-bottom-color: Highlight; }
  .alert:focus { outline: 2px solid Highlight; }
}
@media print {
  .bar, .account nav, .button, footer, .skip { display: none; }
  body, .card { background: none; } .card { border: 0; box-shadow: none; padding: 0; }
}
`

const properties = (palette: Palette): string =>
  `:root{--fill:${palette.fill};--on-fill:${palette.onFill};--accent:${palette.accent}}`

/** Removes white space. Correct for this sheet only: it has no comments, and no runs of spaces in strings. */
const minify = (css: string): string =>
  css
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,>~]) ?/g, '$1')
    .replace(/: (?=[^{}]*[;}])/g, ':')
    .replace(/;}/g, '}')
    .trim()

/** The sheet with the brand's colours. */
export const stylesheet = (brand: Brand): string =>
  `${minify(SHEET)}${properties(brand.light)}@media (prefers-color-scheme:dark){${properties(brand.dark)}}`
