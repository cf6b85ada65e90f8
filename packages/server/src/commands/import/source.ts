/** The file of an import, or standard input, as text in pieces: UTF-8, checked, without its byte order mark. */
import { createReadStream } from 'node:fs'
import { extname } from 'node:path'
import { Failure } from '../command.ts'

/** Characters of one record. */
export const LONGEST_RECORD = 65_536

/** @param path `-` is standard input. @throws Failure where the file cannot be read, or is not UTF-8 */
export async function* readText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const stream: AsyncIterable<Buffer> = path === '-' ? process.stdin : createReadStream(path)
  try {
    for await (const chunk of stream) yield decoder.decode(chunk, { stream: true })
    const rest = decoder.decode()
    if (rest) yield rest
  } catch (error) {
    if (error instanceof TypeError) throw new Failure(`${path} is not a text in UTF-8.`, 'NOT_UTF8')
    throw new Failure(`${path} cannot be read: ${(error as Error).message}.`, 'FILE_UNREADABLE')
  }
}

export type FileFormat = 'csv' | 'json'

/** By the name; else by the first character, where JSON has a brace or a bracket. */
export function formatOf(path: string, firstCharacter: string): FileFormat {
  const named = { '.csv': 'csv', '.json': 'json', '.jsonl': 'json', '.ndjson': 'json' } as const
  const extension = extname(path).toLowerCase()
  if (extension in named) return named[extension as keyof typeof named]
  return firstCharacter === '{' || firstCharacter === '[' ? 'json' : 'csv'
}

/** The text with what was read of it to see its first character. */
export async function withFirstCharacter(
  text: AsyncGenerator<string>,
): Promise<{ first: string; text: AsyncGenerator<string> }> {
  const head: string[] = []
  let [first, length] = ['', 0]
  // the parsers skip a longer blank beginning, in bounded memory
  while (first === '' && length <= LONGEST_RECORD) {
    const { value, done } = await text.next()
    if (done) break
    head.push(value)
    length += value.length
    first = value.trim().slice(0, 1)
  }
  async function* whole(): AsyncGenerator<string> {
    yield* head
    yield* text
  }
  return { first, text: whole() }
}
