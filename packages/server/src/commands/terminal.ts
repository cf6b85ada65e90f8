/** Terminal output: tables, colours where the terminal supports them, control characters replaced. */
import { mayColour } from '../config.ts'

const ESCAPES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const
export type Paint = (style: keyof typeof ESCAPES, text: string) => string

export const paint: Paint = (style, text) =>
  mayColour(process.stdout) ? `\u001b[${ESCAPES[style]}m${text}\u001b[0m` : text

/** Replaces control characters: names and addresses are untrusted input (terminal escape injection). */
export const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\uFFFD')

/** A table whose columns are as wide as their widest cell, except the last. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(plain))
  const widths = head.map((_, i) => Math.max(...cells.map((row) => widthOf(row[i] ?? ''))))
  return cells
    .map((row, line) => {
      const padded = row.map((cell, i) =>
        i === head.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell)),
      )
      const text = padded.join('  ').trimEnd()
      return line === 0 ? paint('bold', text) : text
    })
    .join('\n')
}

/** Two columns without a heading, for help and lists of values. */
export function pairs(rows: readonly (readonly [string, string])[], indent = '  '): string {
  const width = Math.max(...rows.map(([name]) => widthOf(name)))
  return rows
    .map(([name, about]) => `${indent}${name}${' '.repeat(width - widthOf(name))}  ${about}`.trimEnd())
    .join('\n')
}

let segmenter: Intl.Segmenter | undefined
/** Created at first use: it takes a tenth of the time of a start. */
const graphemes = () => (segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' }))
/** The width on the screen: wide East Asian characters and emoji take two columns. */
function widthOf(text: string): number {
  let width = 0
  for (const { segment } of graphemes().segment(text))
    width +=
      /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
        segment,
      )
        ? 2
        : 1
  return width
}

/** `2026-11-22 14:03 UTC`, or `never`. */
export const moment = (at: string | Date | null): string =>
  at === null ? 'never' : `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
