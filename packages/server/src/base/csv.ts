/**
 * CSV (RFC 4180): a writer whose files are safe to open in a spreadsheet, and a streaming parser. A cell that would
 * be a formula gets a leading apostrophe (CSV injection), which `unescapeFormula` removes again.
 */

/** Characters that begin a formula in a spreadsheet, full-width forms included. */
const FORMULA = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

/** Null is an empty cell; what is no text is written as JSON. */
function csvCell(value: unknown): string {
  const plain =
    value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  const text = FORMULA.test(plain) ? `'${plain}` : plain
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export const csvLine = (values: readonly unknown[]): string => `${values.map(csvCell).join(',')}\r\n`

/** A cell as it was before it was written. */
export const unescapeFormula = (text: string): string =>
  text.startsWith("'") && FORMULA.test(text) ? text.slice(1) : text

export interface CsvRow {
  /** The line of the file that the row begins at. */
  line: number
  /** Null: the row is longer than permitted, or a quotation mark is not closed. */
  cells: string[] | null
}

/** Parses rows; empty lines are none. @param longest characters of a row */
export async function* parseCsv(chunks: AsyncIterable<string>, longest: number): AsyncGenerator<CsvRow> {
  let [line, began, size] = [1, 1, 0]
  let [cell, cells] = ['', [] as string[]]
  /** `closed`: after a quotation mark inside quotes, which ends them unless another one follows. */
  let quotes: 'none' | 'open' | 'closed' = 'none'
  let afterReturn = false

  const row = (): CsvRow | null => {
    cells.push(cell)
    const isEmpty = cells.length === 1 && cell === ''
    const done = isEmpty ? null : { line: began, cells: size > longest ? null : cells }
    ;[cell, cells, size, quotes] = ['', [], 0, 'none']
    return done
  }
  for await (const chunk of chunks) {
    for (const letter of chunk) {
      const isBreak = letter === '\n' || letter === '\r'
      const isSecondOfBreak = letter === '\n' && afterReturn
      afterReturn = letter === '\r'
      if (isBreak && !isSecondOfBreak) line += 1
      if (quotes === 'open') {
        if (letter === '"') quotes = 'closed'
        else if (++size <= longest) cell += letter
      } else if (letter === '"' && (quotes === 'closed' || cell === '')) {
        if (quotes === 'closed') cell += letter
        quotes = 'open'
      } else if (letter === ',') {
        cells.push(cell)
        cell = ''
        quotes = 'none'
        size += 1
      } else if (isBreak) {
        const done = isSecondOfBreak ? null : row()
        began = line
        if (done) yield done
      } else if (++size <= longest) cell += letter
    }
  }
  const isCut = quotes === 'open'
  const last = row()
  if (last) yield isCut ? { ...last, cells: null } : last
}
