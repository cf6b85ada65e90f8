/**
 * The components of emails, and rendering to HTML and plain text. Both are rendered from the same tree, so their
 * content is the same; the text is collected from the tree, not converted from HTML. User input is text: Preact
 * escapes it in HTML, and plain text has no markup. No remote content and no tracking: an email loads nothing.
 */
import { type ComponentChildren, createContext, Fragment, isValidElement, type VNode } from 'preact'
import { useContext } from 'preact/hooks'
import { renderToString } from 'preact-render-to-string'
import type { Locale } from '../../base/call.ts'
import type { Palette } from '../../base/page/brand.ts'
import { texts } from '../../base/page/texts.ts'

export interface Look {
  name: string
  light: Palette
  dark: Palette
}

const t = texts({
  en: { footer: 'This e-mail was sent automatically by {brand}. Replies to it are not read.' },
  de: {
    footer: 'Diese E-Mail wurde automatisch von {brand} verschickt. Antworten darauf werden nicht gelesen.',
  },
})

const LookContext = createContext<Look>({
  name: 'Latchkey',
  light: { fill: '#0c6b58', onFill: '#ffffff', accent: '#0c6b58' },
  dark: { fill: '#0c6b58', onFill: '#ffffff', accent: '#5fc3ad' },
})

export const Paragraph = ({ children }: { children: ComponentChildren }): VNode => (
  <p style="margin:0 0 16px">{children}</p>
)

/** Small print: what to do when the recipient did not cause the email, how long a link is valid. */
export const Note = ({ children }: { children: ComponentChildren }): VNode => (
  <p class="note" style="margin:0 0 16px;font-size:14px;color:#5c6166">
    {children}
  </p>
)

/** A code that the recipient types. */
export const Code = ({ children }: { children: string }): VNode => (
  <p style="margin:24px 0;font:600 28px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:4px">
    {children}
  </p>
)

/** The main action: a button, and its URL as text for mail clients that show no buttons. */
export function Action({ href, children }: { href: string; children: ComponentChildren }): VNode {
  const { light } = useContext(LookContext)
  const button = `display:inline-block;padding:12px 20px;border-radius:8px;text-decoration:none;font-weight:600;background:${light.fill};color:${light.onFill};border:1px solid ${light.accent}`
  return (
    <>
      <p style="margin:24px 0 8px">
        <a class="button" href={webAddress(href)} style={button}>
          {children}
        </a>
      </p>
      <p class="note" style="margin:0 0 24px;font-size:13px;color:#5c6166;word-break:break-all">
        {href}
      </p>
    </>
  )
}

function webAddress(href: string): string {
  if (!/^https?:\/\/[^\s<>"]+$/.test(href)) throw new Error('an email may link to http and https URLs only')
  return href
}

interface Frame {
  look: Look
  locale: Locale
  subject: string
}

const darkStyles = ({ dark }: Look): string =>
  `@media (prefers-color-scheme:dark){body,.card{background:#1a1d20!important;color:#e8eaed!important}.note{color:#a5abb1!important}.button{background:${dark.fill}!important;color:${dark.onFill}!important;border-color:${dark.accent}!important}}`

function EmailDocument({ look, locale, subject, children }: Frame & { children: ComponentChildren }): VNode {
  const body =
    'margin:0;padding:24px 12px;background:#f4f4f1;color:#1c1f22;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif'
  return (
    <html lang={locale}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{subject}</title>
        <style>{darkStyles(look)}</style>
      </head>
      <body style={body}>
        <div
          class="card"
          style="max-width:560px;margin:0 auto;padding:32px;border-radius:12px;background:#ffffff"
        >
          <p style="margin:0 0 24px;font-weight:700">{look.name}</p>
          <LookContext.Provider value={look}>{children}</LookContext.Provider>
          <p class="note" style="margin:32px 0 0;font-size:13px;color:#5c6166">
            {t(locale, 'footer', { brand: look.name })}
          </p>
        </div>
      </body>
    </html>
  )
}

/** The complete HTML document of an email with this body. */
export const renderHtml = (body: VNode, frame: Frame): string =>
  `<!doctype html>${renderToString(<EmailDocument {...frame}>{body}</EmailDocument>)}`

/** The plain text of the same email. */
export function renderText(body: VNode, { look, locale }: Pick<Frame, 'look' | 'locale'>): string {
  const { blocks } = read(body)
  return `${[...blocks, `-- \n${t(locale, 'footer', { brand: look.name })}`].join('\n\n')}\n`
}

/** Every URL that the email links to, in order, each once. */
export const linksOf = (body: VNode): string[] => [...new Set(read(body).links)]

interface Reading {
  /** Finished paragraphs. */
  blocks: string[]
  /** The paragraph in progress. */
  open: string
  links: string[]
}

const BLOCK_ELEMENTS = new Set(['p', 'div', 'ul', 'ol', 'li', 'h1', 'h2', 'h3', 'blockquote', 'section'])

function read(node: ComponentChildren): Reading {
  const reading: Reading = { blocks: [], open: '', links: [] }
  walk(node, reading)
  close(reading)
  return reading
}

function close(reading: Reading): void {
  const text = reading.open
    .replaceAll(/[^\S\n]+/g, ' ')
    .replaceAll(/ ?\n ?/g, '\n')
    .trim()
  if (text) reading.blocks.push(text)
  reading.open = ''
}

function walk(node: ComponentChildren, reading: Reading): void {
  if (Array.isArray(node)) for (const child of node) walk(child, reading)
  else if (isValidElement(node)) walkElement(node as VNode<Props>, reading)
  else if (typeof node === 'string' || typeof node === 'number' || typeof node === 'bigint')
    reading.open += String(node).replaceAll(/[\s\p{Cc}]+/gu, ' ')
}

type Props = { children?: ComponentChildren; href?: string }

function walkElement({ type, props }: VNode<Props>, reading: Reading): void {
  if (type === (Action as unknown)) walkAction(props, reading)
  else if (type === 'br') reading.open += '\n'
  else if (type === 'a') walkLink(props, reading)
  else if (
    type === (Paragraph as unknown) ||
    type === (Note as unknown) ||
    BLOCK_ELEMENTS.has(String(type))
  ) {
    close(reading)
    walk(props.children, reading)
    close(reading)
  } else if (type === Fragment || typeof type === 'string') walk(props.children, reading)
  // a feature's component, composed of these; also a pure function of its props
  else walk((type as (props: Props) => ComponentChildren)(props), reading)
}

function walkAction({ href = '', children }: Props, reading: Reading): void {
  close(reading)
  walk(children, reading)
  reading.open += `:\n${href}`
  reading.links.push(webAddress(href))
  close(reading)
}

function walkLink({ href, children }: Props, reading: Reading): void {
  const before = reading.open.length
  walk(children, reading)
  if (!href) return
  reading.links.push(href)
  if (reading.open.slice(before).trim() !== href) reading.open += ` (${href})`
}
