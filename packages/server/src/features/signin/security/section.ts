/** The interface of a row of the page `/account/security`, which app.ts hands over as a list. */
import type { VNode } from 'preact'
import type { Call, Locale } from '../../../base/call.ts'

export interface SecuritySection {
  /** Names the row in its address, such as `/account/security?open=passkeys`. */
  id: string
  title(locale: Locale): string
  /** Whether the account has nothing of it and cannot get it; absent: never. */
  isHidden?(call: Call): Promise<boolean>
  /** The state in a few words, beside the title: "2 passkeys", "Not set up". */
  summary(call: Call): Promise<string>
  /** What the row opens to, below its title: text, lists, forms and links to the section's pages. */
  view(call: Call): Promise<VNode>
  /** The confirmation of a change, by its name in the address; null for an unknown name. */
  notice?(call: Call, name: string): string | null
}

/** The address of a row, opened. `notice`: the name of a confirmation of this section. */
export const securityPath = (id: string, notice?: string): string =>
  `/account/security?open=${id}${notice === undefined ? '' : `&notice=${notice}`}`
