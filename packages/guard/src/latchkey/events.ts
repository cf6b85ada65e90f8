/** An incremental parser of server-sent events (HTML Living Standard §9.2.6). */

export interface ServerEvent {
  readonly event: string
  readonly data: string
  /** The event id, which is the cursor to resume after this event; null where the event has none. */
  readonly id: string | null
}

export interface EventReader {
  /** @throws Error for an event of more than 65,536 characters */
  read(text: string): void
}

const MAX_LENGTH = 65_536

export function eventReader(onEvent: (event: ServerEvent) => void): EventReader {
  let rest = ''
  let isStart = true
  let event = ''
  let data: string[] = []
  let size = 0
  let id: string | null = null
  const dispatch = (): void => {
    if (data.length > 0 || event !== '') onEvent({ event: event || 'message', data: data.join('\n'), id })
    event = ''
    data = []
    size = 0
    id = null
  }
  const field = (line: string): void => {
    const colon = line.indexOf(':')
    if (colon === 0) return
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'event') event = value
    else if (name === 'data') {
      data.push(value)
      size += value.length
    } else if (name === 'id' && !value.includes('\0')) id = value
  }
  return {
    read(text) {
      rest += isStart ? text.replace(/^\ufeff/, '') : text
      isStart = false
      // a CR at the end of the input may be the first half of a CRLF
      for (let found = LINE.exec(rest); found !== null; found = LINE.exec(rest)) {
        const line = found[1] ?? ''
        rest = rest.slice(found[0].length)
        if (line === '') dispatch()
        else field(line)
      }
      if (rest.length + size > MAX_LENGTH) throw new Error('an event is too long')
    },
  }
}

const LINE = /^([^\r\n]*)(?:\r\n|\n|\r(?=[\s\S]))/
