/**
 * Secrets that are recognized by their shape at any position in a text: our tokens and keys, credentials in headers,
 * values of known parameters in URLs, forms and JSON, single-use links, second factors, password hashes.
 * Every pattern takes linear time on hostile texts (bounded repetition, one start per word), which the test checks.
 * Doubtful text is redacted: a missing value in the log is better than a usable credential.
 */
export const REDACTED = '[redacted]'
const LONGEST = 16_384
/** Characters read beyond {@link LONGEST}: truncation could leave the head of a secret without its shape. */
const READ_BEYOND = 4_096

/** Parameter names whose value is secret, in URLs, form bodies and JSON. */
const NAMES =
  '[\\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|cookie|authorization|csrf|credential|api[_-]?key|otp|assertion|verifier|saml_?response|signature)[\\w.-]{0,40}|code|pin|ticket'

/** A JSON string; inside a JSON string, its quotes are escaped and its escapes are doubled. */
const JSON_TEXT = '(?:"(?:[^"\\\\]|\\\\.)*"|\\\\{1,8}"(?:[^"\\\\]|\\\\{1,8}[^"\\\\]|\\\\{3,8}")*\\\\{1,8}")'

const parameter = (equals: string, value: string): RegExp =>
  new RegExp(`((?:(?<![\\w.-])|(?<=%3[fF]|%26|%253[fF]|%2526))(?:${NAMES})${equals})${value}`, 'gi')

interface Shape {
  /** A cheap necessary condition, which most texts do not meet. */
  hint: RegExp
  pattern: RegExp
  to: string
}

// biome-ignore format: a table
const SHAPES: readonly Shape[] = [
  // RFC 7519 §3: a JWT, signed or not; also inside a longer text
  { hint: /eyJ/, pattern: /(?<![A-Za-z0-9])eyJ[\w-]{6,1024}(?:\.[\w-]*){1,4}/g, to: REDACTED },
  // Latchkey: session and refresh tokens, API keys of any product, `id.secret`
  { hint: /[sr]t_/, pattern: /(?<![A-Za-z0-9])(st|rt)_[\w-]{16,}/g, to: `$1_${REDACTED}` },
  { hint: /_(?:live|test)_/, pattern: /(?<![A-Za-z0-9])([a-z][a-z0-9]{0,30}_(?:live|test))_[\w-]{16,}/g, to: `$1_${REDACTED}` },
  { hint: /_[0-9a-f]{32}/, pattern: /(?<![A-Za-z0-9])([a-z]{3}_[0-9a-f]{32})(?:\.|%2[eE])[\w-]+/g, to: `$1.${REDACTED}` },
  // headers: `authorization: …` to the end of the line, and credentials after the name of their scheme
  { hint: /cookie|authorization|x-/i, pattern: /\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-csrf-?token)(["']?\s*[:=]\s*)[^\r\n]+/gi, to: `$1$2${REDACTED}` },
  { hint: /bearer|basic|api-key|dpop/i, pattern: /\b(Bearer|Basic|Api-Key|DPoP)(\s+|%20|\+)[\w+/=.~%-]{6,}/gi, to: `$1 ${REDACTED}` },
  // RFC 3986 §3.2.1: the password of a URL
  { hint: /:\/\//, pattern: /(\b\w{1,20}:\/\/[^\s:/?#@]*):[^\s/]+@/g, to: `$1:${REDACTED}@` },
  // parameters, also of a URL that is itself a parameter, encoded once or twice
  { hint: /=/, pattern: parameter('=', '[^&\\s"<>]+'), to: `$1${REDACTED}` },
  { hint: /%3d/i, pattern: parameter('%3[dD]', '(?:(?!%26)[^&\\s"<>])+'), to: `$1${REDACTED}` },
  { hint: /%253d/i, pattern: parameter('%253[dD]', '(?:(?!%26|%2526)[^&\\s"<>])+'), to: `$1${REDACTED}` },
  // the same in JSON, also in JSON inside a JSON string
  { hint: /["']\s*:/, pattern: new RegExp(`(\\\\{0,8}["'](?:${NAMES})\\\\{0,8}["']\\s*:\\s*)(?:${JSON_TEXT}|'[^']*'|[\\w.-]+)`, 'gi'), to: `$1"${REDACTED}"` },
  // links with the secret in the path
  { hint: /setup|-email|reset-|magic-|invit|email-/, pattern: /((?:\/|%2[fF])(?:setup|verify-email|reset-password|magic-link|invitations|email-code)(?:\/|%2[fF]))[^\s/?#"'<>&]+/g, to: `$1${REDACTED}` },
  // second factors: the URL and the QR code of an authenticator app, its secret in base32, a backup code
  { hint: /otpauth/i, pattern: /(otpauth(?::|%3[aA]|%253[aA]))[^\s"'<>]+/gi, to: `$1${REDACTED}` },
  { hint: /image(?:\/|%2f|%252f)png/i, pattern: /(data(?::|%3a|%253a)image(?:\/|%2f|%252f)png(?:;|%3b|%253b)base64(?:,|%2c|%252c))[\w+/=%]+/gi, to: `$1${REDACTED}` },
  { hint: /[A-Z2-7]{32}/, pattern: /(?<![A-Za-z0-9])[A-Z2-7]{32}(?![A-Za-z0-9])/g, to: REDACTED },
  { hint: /[A-Z2-7]{4}[ -]/, pattern: /(?<![\w-])[A-Z2-7]{4}(?:(?:-|\+|%20| )[A-Z2-7]{4}){3,7}(?![\w-])/g, to: REDACTED },
  // hashes of passwords
  { hint: /\$|%24/, pattern: /(\$|%24)(argon2(?:id|i|d)|2[abxy]|scrypt|pbkdf2[\w-]{0,20})\1[^\s"']+/g, to: `$1$2$1${REDACTED}` },
  { hint: /pbkdf2|scrypt/, pattern: /\b(pbkdf2|scrypt)(_sha\d+)?(?:\$|%24|:|%3A)[\w:.$+/=%-]{20,}/g, to: `$1 ${REDACTED}` },
  // 256 random bits in base64url, as all our secrets are
  { hint: /[\w-]{43}/, pattern: /(?<![\w-])[\w-]{43}(?![\w-])/g, to: REDACTED },
]

/** The text without secrets, and not longer than 16 KiB. */
export function scrub(text: string): string {
  // fast path: most texts are short words and names, and every shape contains one of these characters
  if (text.length < 43 && !/[=:$/%+\s_]|eyJ|[A-Z2-7]{4}-|[A-Z2-7]{32}/.test(text)) return text
  let out = text.length > LONGEST + READ_BEYOND ? text.slice(0, LONGEST + READ_BEYOND) : text
  for (const { hint, pattern, to } of SHAPES) if (hint.test(out)) out = out.replace(pattern, to)
  return out.length > LONGEST ? `${out.slice(0, LONGEST)}…` : out
}
