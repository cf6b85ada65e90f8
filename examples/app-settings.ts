/** What the examples of signing in share: their settings, from the environment, and their page. */
import { port } from './try.ts'

export const {
  LATCHKEY_PUBLIC_URL: issuer = 'http://localhost:4000',
  CLIENT_ID: clientId = 'acme-portal-001',
  CLIENT_SECRET: clientSecret = '',
} = process.env

/** Where the browser finds the app. Redirect URIs begin with it, so that a port of 0 does not work here. */
export const appUrl = `http://localhost:${port}`

export interface Member {
  name?: string | undefined
  email?: string | undefined
}

/** @param note what happened last; empty for none */
export function page(member: Member | null, note = ''): string {
  const text = [member?.name, member?.email].filter(Boolean).join(', ')
  const body = member
    ? `<p>Signed in as ${escaped(text)}</p><p><a href="/refresh">Refresh</a> <a href="/sign-out">Sign out</a></p>`
    : '<p><a href="/sign-in">Sign in</a></p>'
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,">
    <h1>App</h1><p role="status">${escaped(note)}</p>${body}</html>`
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

export function showSignIn(): void {
  console.log(
    `Open ${appUrl} in a browser. Latchkey is expected at ${issuer}, and there the app ${clientId}.`,
  )
}
