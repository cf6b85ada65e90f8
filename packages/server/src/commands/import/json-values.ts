/**
 * A streaming reader of JSON: the lines of a file of JSON lines, the elements of an array, or the elements of one
 * list of a document (`{"users": […]}`). What is not read is not kept, so that files of any size take bounded memory.
 */
import { Failure } from '../command.ts'

export interface JsonValue {
  /** The line of the file that the value begins at. */
  line: number
  /** Null: longer than permitted. */
  text: string | null
}

/** Every line with a character. */
export async function* jsonLines(chunks: AsyncIterable<string>, longest: number): AsyncGenerator<JsonValue> {
  let [line, text] = [1, '']
  const value = (): JsonValue | null =>
    text.trim() === '' ? null : { line, text: text.length > longest ? null : text }
  for await (const chunk of chunks) {
    const parts = chunk.split('\n')
    for (const [at, part] of parts.entries()) {
      if (at > 0) {
        const done = value()
        if (done) yield done
        text = ''
        line += 1
      }
      // one character more shows that it is too long
      if (text.length <= longest) text += part
    }
  }
  const last = value()
  if (last) yield last
}

/**
 * The objects in an array, or in the list `name` of a document.
 * @throws Failure where the text ends before the array or document does
 */
export async function* jsonElements(
  chunks: AsyncIterable<string>,
  longest: number,
  name: string | null,
): AsyncGenerator<JsonValue> {
  const level = name === null ? 1 : 2
  let [line, depth, began] = [1, 0, 0]
  let [inString, isEscaped, isInList] = [false, false, name === null]
  let lastString = ''
  /** Null: outside of an element. */
  let element: string | null = null
  for await (const chunk of chunks) {
    for (const letter of chunk) {
      if (letter === '\n') line += 1
      if (!inString && letter === '{' && depth === level && isInList) {
        element = ''
        began = line
      }
      if (element !== null && element.length <= longest) element += letter
      if (inString) {
        if (isEscaped) isEscaped = false
        else if (letter === '\\') isEscaped = true
        else if (letter === '"') inString = false
        else if (depth === 1 && lastString.length < 100) lastString += letter
      } else if (letter === '"') {
        inString = true
        if (depth === 1) lastString = ''
      } else if (letter === '{' || letter === '[') {
        depth += 1
        if (name !== null && depth === 2) isInList = letter === '[' && lastString === name
      } else if (letter === '}' || letter === ']') {
        depth -= 1
        if (depth === level && element !== null) {
          yield { line: began, text: element.length > longest ? null : element }
          element = null
        }
      }
    }
  }
  if (depth !== 0 || inString) throw new Failure('The file ends inside of a JSON value.', 'FILE_INCOMPLETE')
}
