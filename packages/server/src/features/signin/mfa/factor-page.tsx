/** The page of one factor, below the page that lists those of its kind: the frame that its forms share. */
import type { ComponentChildren } from 'preact'
import { AccountPage, LinkRow, Section } from '../../../base/page/parts.tsx'

export interface FactorPageProps {
  title: string
  list: { href: string; label: string }
}

export const FactorPage = ({ title, list, children }: FactorPageProps & { children: ComponentChildren }) => (
  <AccountPage current="security" title={title}>
    <Section>
      {children}
      <LinkRow>
        <a href={list.href}>{list.label}</a>
      </LinkRow>
    </Section>
  </AccountPage>
)

/** Where a form of a factor is. */
export const factorPath = (list: string, id: string, action: 'rename' | 'remove'): string =>
  `${list}/${encodeURIComponent(id)}/${action}`
