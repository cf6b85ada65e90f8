/** Pretty printing of the log for terminals: one line for each entry, with the stack of an error below it. */

type Entry = Record<string, unknown>

const LEVELS: Readonly<Record<string, { word: string; colour: number }>> = {
  debug: { word: 'debug', colour: 90 },
  info: { word: 'info ', colour: 36 },
  warn: { word: 'warn ', colour: 33 },
  error: { word: 'error', colour: 31 },
}

/** A stream for pino that formats its JSON lines for a terminal. */
export function prettyStream(
  to: { write(text: string): void },
  colours: boolean,
): { write(line: string): void } {
  const paint = (code: number, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text)
  return {
    write(line) {
      const { time, level, msg, ...fields } = JSON.parse(line) as Entry
      const { word, colour } = LEVELS[String(level)] ?? { word: String(level), colour: 0 }
      const stacks: string[] = []
      const rest = Object.entries(fields).map(
        ([key, value]) => paint(90, `${key}=`) + readable(value, stacks),
      )
      const head = `${paint(90, String(time).slice(11, 23))} ${paint(colour, word)} ${printable(String(msg))}`
      to.write(`${[head, ...rest].join(' ')}\n${stacks.map((stack) => `${paint(90, stack)}\n`).join('')}`)
    },
  }
}

/** Escapes control characters, which could move the cursor, change colours or forge a line. */
const printable = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    (found) => `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )

function readable(value: unknown, stacks: string[]): string {
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : printable(JSON.stringify(value))
  if (isError(value)) return readableError(value, stacks)
  return printable(JSON.stringify(value))
}

const isError = (value: unknown): value is Entry & { type: string; message: string } =>
  typeof value === 'object' && value !== null && 'type' in value && 'message' in value && 'stack' in value

/** `Error: message ← Error: message of the cause`; the first stack is printed below. */
function readableError(error: Entry & { type: string; message: string }, stacks: string[]): string {
  const chain = [`${error.type}: ${error.message}`]
  for (let cause = error.cause; isError(cause); cause = cause.cause)
    chain.push(`${cause.type}: ${cause.message}`)
  const frames = String(error.stack)
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
  if (frames.length > 0) stacks.push(frames.slice(0, 12).map(printable).join('\n'))
  return printable(JSON.stringify(chain.join(' ← ')))
}
