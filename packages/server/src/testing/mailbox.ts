/** The letters of a server in a test, as the people it wrote to find them. */
import type { App } from '../app.ts'
import { listOutbox, type OutboxEmail } from '../core/mail/outbox.tsx'

export interface Mailbox {
  /** All to this address, newest first, once everything due has run. */
  lettersTo(address: string): Promise<OutboxEmail[]>
  /** The newest to this address; with `subject`, the newest whose subject matches. @throws where there is none */
  letterTo(address: string, subject?: RegExp): Promise<OutboxEmail>
  /** The token of the newest link to this address that matches: `?token=…`, or the last part of the path. */
  tokenFor(address: string, link: RegExp): Promise<string>
}

export function mailbox({ tools, settle }: Pick<App, 'tools' | 'settle'>): Mailbox {
  const lettersTo = async (address: string): Promise<OutboxEmail[]> => {
    await settle()
    return listOutbox(tools, { to: address })
  }
  return {
    lettersTo,
    async letterTo(address, subject) {
      const letters = await lettersTo(address)
      const found = letters.find((letter) => subject === undefined || subject.test(letter.subject))
      if (!found)
        throw new Error(
          `no such letter to ${address}; there are: ${letters.map((letter) => letter.subject).join(' · ')}`,
        )
      return found
    },
    async tokenFor(address, link) {
      const letters = await lettersTo(address)
      const found = letters.find((letter) => letter.links.some((one) => link.test(one)))
      if (!found) throw new Error(`no letter to ${address} has a link like ${link}`)
      const url = new URL(linkIn(found, link))
      return url.searchParams.get('token') ?? url.pathname.split('/').at(-1) ?? ''
    },
  }
}

/** The first link of the letter that matches. @throws where there is none */
export function linkIn(letter: { links: readonly string[] }, pattern: RegExp): string {
  const found = letter.links.find((link) => pattern.test(link))
  if (found === undefined) throw new Error(`no link like ${pattern} in: ${letter.links.join(' ')}`)
  return found
}
