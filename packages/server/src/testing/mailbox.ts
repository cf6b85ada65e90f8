/** The e-mails that a server in a test sent, by recipient. */
import type { App } from '../app.ts'
import { listOutbox, type OutboxEmail } from '../core/mail/outbox.tsx'

export interface Mailbox {
  /** All e-mails to the address, newest first; runs due jobs before. */
  emailsTo(address: string): Promise<OutboxEmail[]>
  /** The newest e-mail to the address; with `subject`, the newest whose subject matches. @throws if there is none */
  emailTo(address: string, subject?: RegExp): Promise<OutboxEmail>
  /** The token of the newest link to this address that matches: `?token=…`, or the last part of the path. */
  tokenFor(address: string, link: RegExp): Promise<string>
}

export function mailbox({ tools, settle }: Pick<App, 'tools' | 'settle'>): Mailbox {
  const emailsTo = async (address: string): Promise<OutboxEmail[]> => {
    await settle()
    return listOutbox(tools, { to: address })
  }
  return {
    emailsTo,
    async emailTo(address, subject) {
      const emails = await emailsTo(address)
      const found = emails.find((email) => subject === undefined || subject.test(email.subject))
      if (!found)
        throw new Error(
          `no such e-mail to ${address}; there are: ${emails.map((email) => email.subject).join(' · ')}`,
        )
      return found
    },
    async tokenFor(address, link) {
      const emails = await emailsTo(address)
      const found = emails.find((email) => email.links.some((one) => link.test(one)))
      if (!found) throw new Error(`no e-mail to ${address} has a link like ${link}`)
      const url = new URL(linkIn(found, link))
      return url.searchParams.get('token') ?? url.pathname.split('/').at(-1) ?? ''
    },
  }
}

/** The first matching link of an e-mail. @throws if there is none */
export function linkIn(email: { links: readonly string[] }, pattern: RegExp): string {
  const found = email.links.find((link) => pattern.test(link))
  if (found === undefined) throw new Error(`no link like ${pattern} in: ${email.links.join(' ')}`)
  return found
}
