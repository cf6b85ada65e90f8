/** Components of pages, except forms (form.tsx). Presentation only; the styles are in styles.ts. */
import type { ComponentChildren, VNode } from 'preact'
import { baseText } from './base-texts.ts'
import { type Precision, timeText } from './times.ts'
import { useUi } from './ui.ts'

export type ButtonKind = 'primary' | 'secondary' | 'danger' | 'link' | 'apple'

export const Button = ({
  kind = 'primary',
  description,
  formAction,
  sent = {},
  children,
}: {
  kind?: ButtonKind
  /** The accessible name, if the label alone does not say what the button acts on. */
  description?: string
  /** Where the form is sent by this button; default: the action of the form. */
  formAction?: string
  /** What the form says in addition if it is sent by this button. */
  sent?: { name?: string; value?: string }
  children: ComponentChildren
}) => (
  <button type="submit" class={`button ${kind}`} aria-label={description} formAction={formAction} {...sent}>
    {children}
  </button>
)

/** What a row opens to where its contents have a page: what they are, and the way there. */
export const LeadTo = ({ lead, href, label }: { lead: string; href: string; label: string }) => (
  <>
    <p>{lead}</p>
    <ButtonLink href={href} kind="secondary">
      {label}
    </ButtonLink>
  </>
)

export const ButtonLink = ({
  href,
  kind = 'primary',
  description,
  isFollowed = false,
  children,
}: {
  href: string
  kind?: ButtonKind
  /** As of Button. */
  description?: string
  /** The script follows it at once, and the page is not in the history, so that going back does not lead forward again. */
  isFollowed?: boolean
  children: ComponentChildren
}) => (
  <a href={href} class={`button ${kind}`} aria-label={description} data-follow={isFollowed ? '' : undefined}>
    {children}
  </a>
)

/** An error interrupts a screen reader; other alerts do not. */
export const Alert = ({
  kind,
  children,
}: {
  kind: 'info' | 'success' | 'warning' | 'error'
  children: ComponentChildren
}) => (
  <div class={`alert ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
    {children}
  </div>
)

export type Sign = 'mail' | 'done' | 'warning' | 'link' | 'people'

/** A narrow card with the heading of the page, for pages with a single purpose. */
export const Card = ({
  title,
  lead,
  sign,
  logo = null,
  children,
}: {
  title: string
  lead?: ComponentChildren
  sign?: Sign
  /** Of the app that the page is about. */
  logo?: string | null
  children?: ComponentChildren
}) => (
  <div class="card narrow">
    {sign ? <SignIcon sign={sign} /> : null}
    <AppLogo logo={logo} />
    <h1>{title}</h1>
    {lead ? <p class="lead">{lead}</p> : null}
    {children}
  </div>
)

/** The image of an app, beside its name; nothing without one. @param logo a `data:` address */
export const AppLogo = ({ logo }: { logo: string | null }) =>
  logo === null ? null : <img class="app" src={logo} alt="" />

/** A section of a longer page. */
export const Section = ({
  title,
  lead,
  children,
}: {
  /** Absent: that of the page. */
  title?: string
  lead?: ComponentChildren
  children: ComponentChildren
}) => (
  <section class="card">
    {title === undefined ? null : <h2>{title}</h2>}
    {lead ? <p class="lead">{lead}</p> : null}
    {children}
  </section>
)

/** Links below a form. */
export const LinkRow = ({ children }: { children: ComponentChildren }) => <p class="links">{children}</p>

export const DefinitionList = ({ children }: { children: ComponentChildren }) => <dl>{children}</dl>
export const Definition = ({ term, children }: { term: string; children: ComponentChildren }) => (
  <div>
    <dt>{term}</dt>
    <dd>{children}</dd>
  </div>
)

export const Badge = ({
  kind = 'info',
  children,
}: {
  kind?: 'info' | 'success' | 'warning'
  children: ComponentChildren
}) => <span class={`badge ${kind}`}>{children}</span>

/** A list of items, each with an action at its end. */
export const ItemList = ({ children }: { children: ComponentChildren }) => <ul class="items">{children}</ul>
export const Item = ({
  icon,
  title,
  badge,
  action,
  children,
}: {
  icon?: VNode
  title: string
  badge?: VNode | null
  action?: VNode | null
  children: ComponentChildren
}) => (
  <li>
    {icon}
    <div class="item-body">
      <h3>
        {title} {badge}
      </h3>
      {children}
    </div>
    {action}
  </li>
)

/** Several actions side by side, of an item in a list or below the text of a page. */
export const Actions = ({ children }: { children: ComponentChildren }) => (
  <div class="actions">{children}</div>
)

export const EmptyState = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <p>{title}</p>
    {children}
  </div>
)

/** A time, marked as UTC; the script converts it to the time zone of the browser. */
export function Time({ at, to = 'minute' }: { at: Date; to?: Precision }) {
  const { locale } = useUi()
  return (
    <time datetime={at.toISOString()} data-day={to === 'day' ? '' : undefined}>
      {timeText(locale, at, to)}
    </time>
  )
}

/** A value with a copy button. */
export const Copyable = ({ id, value }: { id: string; value: string }) => (
  <span class="copyable">
    <code id={id}>{value}</code>
    <CopyButton of={id} kind="link" />
  </span>
)

/** Copies the text of an element, a line for each item of a list. Appears only if scripts run. */
export function CopyButton({ of, kind }: { of: string; kind: ButtonKind }) {
  const { locale } = useUi()
  return (
    <button
      type="button"
      class={`button ${kind}`}
      hidden
      data-copy={of}
      data-copied={baseText(locale, 'copied')}
    >
      {baseText(locale, 'copy')}
    </button>
  )
}

/** Prints the page. Appears only if scripts run: browsers print without. */
export function PrintButton() {
  const { locale } = useUi()
  return (
    <button type="button" class="button secondary" hidden data-print>
      {baseText(locale, 'print')}
    </button>
  )
}

export type AccountTab = 'overview' | 'security' | 'sessions' | 'api_keys' | 'organizations' | 'access'
const ACCOUNT_PAGES: Readonly<Record<AccountTab, string>> = {
  overview: '/account',
  security: '/account/security',
  sessions: '/account/sessions',
  api_keys: '/account/api-keys',
  organizations: '/account/organizations',
  access: '/account/access',
}

/** The layout of the account pages: navigation, heading, sections. */
export function AccountPage({
  current,
  title,
  notice,
  within,
  children,
}: {
  current: AccountTab
  title: string
  /** The pages of one item that the tab lists, including the current page. */
  within?: Within | undefined
  /** A confirmation, displayed once after a change. */
  notice?: string | null | undefined
  children: ComponentChildren
}) {
  const { locale } = useUi()
  return (
    <div class="account">
      <nav aria-label={baseText(locale, 'nav.label')}>
        <div class="tabs">
          <AccountLinks current={current} />
        </div>
        <details class="menu">
          <summary>{baseText(locale, `nav.${current}`)}</summary>
          <AccountLinks current={current} />
        </details>
      </nav>
      <h1>{title}</h1>
      {within ? <WithinNav {...within} /> : null}
      {notice ? <Alert kind="success">{notice}</Alert> : null}
      {children}
    </div>
  )
}

/** The items of the navigation: tabs, and on narrow windows, where they would not fit in a row, a menu. */
function AccountLinks({ current }: { current: AccountTab }) {
  const { locale } = useUi()
  return (
    <>
      {Object.entries(ACCOUNT_PAGES).map(([name, href]) => (
        <a key={name} href={href} aria-current={name === current ? 'page' : undefined}>
          {baseText(locale, `nav.${name as AccountTab}`)}
        </a>
      ))}
    </>
  )
}

export interface Within {
  /** The accessible name of the navigation: the item that its pages belong to. */
  label: string
  pages: readonly { href: string; label: string; isCurrent: boolean }[]
}

const WithinNav = ({ label, pages }: Within) => (
  <nav class="within" aria-label={label}>
    {pages.map(({ href, label, isCurrent }) => (
      <a key={href} href={href} aria-current={isCurrent ? 'page' : undefined}>
        {label}
      </a>
    ))}
  </nav>
)

const SIGNS: Readonly<Record<Sign, string>> = {
  mail: 'M3.5 6.5h17v11h-17zM3.5 7l8.5 6.5L20.5 7',
  done: 'M5 12.5l4.5 4.5L19 7.5',
  warning: 'M12 7v6M12 16.5v.5',
  people:
    'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3.5 19a5.5 5.5 0 0 1 11 0M15.5 5.3a3 3 0 0 1 0 5.4M17 14a5.5 5.5 0 0 1 3.5 5',
  link: 'M10 14a4 4 0 0 0 5.7 0l2.6-2.6a4 4 0 0 0-5.7-5.7L11.5 6.8M14 10a4 4 0 0 0-5.7 0l-2.6 2.6a4 4 0 0 0 5.7 5.7l1.1-1.1',
}
const SignIcon = ({ sign }: { sign: Sign }) => (
  <svg class={`sign ${sign}`} viewBox="0 0 24 24" aria-hidden="true">
    <path d={SIGNS[sign]} />
  </svg>
)

/** A path on this server with `return_to`. */
export const withReturnTo = (path: string, returnTo: string | null | undefined): string =>
  returnTo ? `${path}${path.includes('?') ? '&' : '?'}return_to=${encodeURIComponent(returnTo)}` : path
