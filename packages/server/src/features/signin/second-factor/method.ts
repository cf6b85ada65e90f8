/** The interface of a method that continues an attempt, by `POST auth/mfa/verify` and on the hosted pages. */
import type { VNode } from 'preact'
import type { SecondMethod } from '../../../base/assurance.ts'
import type { Call, Locale } from '../../../base/call.ts'
import type { FormProps } from '../../../base/page/form.tsx'
import type { User } from '../../identity/users/index.ts'
import type { Attempt } from '../attempts/index.ts'
import type { Outcome } from '../door/index.ts'

/** What was sent to continue an attempt; each method reads its own members. */
export interface Continuation {
  code?: string | undefined
  password?: string | undefined
  /** The answer of an authenticator. */
  credential?: unknown
  /** What the form of a new factor carries, sealed. */
  setup?: string | undefined
  /** That the user chose to remember the browser. */
  remember_device?: boolean | undefined
}

/** The attempt that a page is shown for, and its user. */
export interface ShownAttempt {
  attempt: Attempt & { userId: string }
  user: User
  /** What was sent, where a form is displayed again. */
  typed?: Readonly<Record<string, string>>
}

/** What setting a factor up has led to. */
export interface Enrolled {
  outcome: Outcome
  /** A page that is shown once before the browser continues at `next`, such as that of new backup codes; null for none. */
  once: ((next: string) => { page: VNode; title: string }) | null
}

/** The part of a page that belongs to a method: the fields of a form, which the page completes. */
export interface Panel {
  lead: string
  /** The field that a wrong credential is reported at. */
  field: string
  wrong: string
  /** Label by field name. */
  fields: Readonly<Record<string, string>>
  body: VNode | null
  /** Where the form is sent, if it does not prove anything yet; default: to the page. */
  action?: string
  /** Links that the user follows instead of a form. */
  links?: VNode
  /** What follows the form. */
  below?: VNode
  /** The label of the button; default: that of the page. */
  button?: string
  /** The attributes of a form that needs the script, which is hidden until it runs, and what is shown instead. */
  data?: NonNullable<FormProps['data']>
  instead?: VNode
}

export interface ContinuingMethod {
  name: SecondMethod
  /** Takes the step of the attempt by `proveAttempt`. @throws Problem as proveAttempt */
  prove(call: Call, token: string, sent: Continuation): Promise<Outcome>
  /** What it is called, as a choice. */
  label(locale: Locale): string
  panel(call: Call, shown: ShownAttempt): Promise<Panel>
  /** Setting the factor up inside a sign-in; absent for a method that cannot be set up there. */
  enrolment?: {
    kind: 'totp' | 'passkey'
    label(locale: Locale): string
    /** Takes the step of the attempt by `enrolInAttempt`. @throws Problem VALIDATION_ERROR for a wrong code */
    complete(call: Call, token: string, sent: Continuation): Promise<Enrolled>
    panel(call: Call, shown: ShownAttempt): Promise<Panel>
  }
}
