/** The page of an account's security. Presentation only. */
import type { VNode } from 'preact'
import { useUi } from '../../../base/page/index.ts'
import { AccountPage } from '../../../base/page/parts.tsx'
import { DemandNotice, type OpenDemand } from '../../../core/demand-notice.tsx'
import { securityText as t } from './texts.ts'

export interface SecurityProps {
  rows: readonly { id: string; title: string; summary: string; view: VNode }[]
  /** What is required of the user and not set up. */
  demands?: readonly OpenDemand[]
  /** The id of the row that is open. */
  open: string | null
  notice: string | null
}

/** /account/security */
export function Security({ rows, demands = [], open, notice }: SecurityProps) {
  const { locale } = useUi()
  return (
    <AccountPage current="security" title={t(locale, 'title')} notice={notice}>
      <DemandNotice demands={demands} />
      <div class="card">
        {rows.map(({ id, title, summary, view }) => (
          <details key={id} id={id} open={id === open}>
            <summary>
              <h2>{title}</h2>
              <span class="quiet">{summary}</span>
            </summary>
            <div class="row-body">{view}</div>
          </details>
        ))}
      </div>
    </AccountPage>
  )
}
