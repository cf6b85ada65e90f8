/**
 * The SMTP client. Content, retries and status of e-mails belong to core/mail.
 * Invariant: credentials and e-mails are sent over TLS, except to the loopback interface or where the operator
 * configures `?tls=off` in the URL.
 */
export interface SmtpMessage {
  /** `Name <address>` or an address. */
  from: string
  to: string
  subject: string
  text: string
  html: string
  /** With its angle brackets; the same for every delivery of an e-mail, so that a mailbox can discard a duplicate. */
  messageId: string
  at: Date
}

export interface Smtp {
  /** Resolves when the mail server has accepted the message. @throws Error of the connection, or of the server's answer */
  send(message: SmtpMessage): Promise<void>
  /** Connects and authenticates without sending a message. @throws Error of the connection, or of the server's answer */
  check(): Promise<void>
  close(): void
}

const SECONDS = 1000

export function createSmtp(smtpUrl: string): Smtp {
  const url = new URL(smtpUrl)
  const secure = url.protocol === 'smtps:'
  const plain = !secure && (isLoopback(url.hostname) || url.searchParams.get('tls') === 'off')
  // loaded with the first message: most starts send none, and the module costs each of them time and memory
  const open = async () => {
    const { createTransport } = await import('nodemailer')
    return createTransport({
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
  }
  let opened: ReturnType<typeof open> | null = null
  const transport = () => (opened ??= open())
  return {
    async send({ from, to, subject, text, html, messageId, at }) {
      await (await transport()).sendMail({
        from,
        // an object is one address; a string would be parsed as a list
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
      await (await transport()).verify()
    },
    close() {
      opened?.then(
        (pool) => pool.close(),
        // `send` and `check` have reported it
        () => {},
      )
    },
  }
}

/**
 * Whether the server permanently rejected this e-mail or its recipient (RFC 5321 §4.2.1), so that it is not retried.
 * A rejected login or sender is a configuration error, after which delivery is retried.
 */
export function isRefusedForGood(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { responseCode, command } = error as { responseCode?: unknown; command?: unknown }
  const isFinal = typeof responseCode === 'number' && responseCode >= 500 && responseCode < 600
  return isFinal && (command === 'RCPT TO' || command === 'DATA')
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
