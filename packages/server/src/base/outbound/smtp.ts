/**
 * The line to the mail server. base/outbound is the only room that opens connections to elsewhere; the letters
 * themselves, their retries and their fate are core/mail's.
 * Invariant: credentials and letters travel under TLS, except to this machine itself or where the operator
 * wrote `?tls=off` into the URL.
 */
import { createTransport } from 'nodemailer'

export interface SmtpMessage {
  /** `Name <address>` or an address. */
  from: string
  to: string
  subject: string
  text: string
  html: string
  /** With its angle brackets; the same for every try of a letter, so that a mailbox can drop a second copy. */
  messageId: string
  at: Date
}

export interface Smtp {
  /** Resolves when the mail server has taken it. @throws Error of the connection, or of the server's answer */
  send(message: SmtpMessage): Promise<void>
  /** Connects, secures and signs in, and sends nothing. @throws Error of the connection, or of the server's answer */
  check(): Promise<void>
  close(): void
}

const SECONDS = 1000

export function createSmtp(smtpUrl: string): Smtp {
  const url = new URL(smtpUrl)
  const secure = url.protocol === 'smtps:'
  const plain = !secure && (isLoopback(url.hostname) || url.searchParams.get('tls') === 'off')
  const transport = createTransport({
    pool: true,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
    requireTLS: !secure && !plain,
    ignoreTLS: plain,
    tls: { minVersion: 'TLSv1.2' },
    ...(url.username && {
      auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) },
    }),
    maxConnections: 3,
    connectionTimeout: 10 * SECONDS,
    greetingTimeout: 10 * SECONDS,
    dnsTimeout: 10 * SECONDS,
    socketTimeout: 60 * SECONDS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    async send({ from, to, subject, text, html, messageId, at }) {
      await transport.sendMail({
        from,
        // an object is taken as one address; a text would be read as a list of them
        to: { name: '', address: to },
        subject,
        text,
        html,
        messageId,
        date: at,
        xMailer: false,
        // RFC 3834 §5: no vacation notices in return
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      })
    },
    async check() {
      await transport.verify()
    },
    close: () => transport.close(),
  }
}

/**
 * Whether the server refused this letter or its recipient for good, so that another try is pointless.
 * A refused login or sender is ours to mend, so those are tried again. RFC 5321 §4.2.1
 */
export function isRefusedForGood(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { responseCode, command } = error as { responseCode?: unknown; command?: unknown }
  const isFinal = typeof responseCode === 'number' && responseCode >= 500 && responseCode < 600
  return isFinal && (command === 'RCPT TO' || command === 'DATA')
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
