/**
 * One question to a server elsewhere, and its answer as text. Whoever answers is not trusted to be quick, small or
 * where it said it would be: the whole exchange has a time limit, the body a size, and a redirect is no answer.
 * Whom to ask comes from the settings, never from a request.
 */
export interface Asked {
  headers: Readonly<Record<string, string>>
  /** For everything together: name, connection, head and body. */
  timeoutMs: number
  /** Of the body, unpacked. */
  mostBytes: number
}

/** Why there is no answer, in words that hold neither the address asked nor what came back. */
export class NoAnswer extends Error {}

/** @throws NoAnswer for anything but a whole 200 within the limits */
export async function getText(url: string, { headers, timeoutMs, mostBytes }: Asked): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, { headers, signal, redirect: 'manual', credentials: 'omit' })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new NoAnswer(`it answered ${response.status}`)
    }
    return await readAtMost(response, mostBytes)
  } catch (error) {
    if (error instanceof NoAnswer) throw error
    throw new NoAnswer(signal.aborted ? `it took longer than ${timeoutMs} ms` : reasonOf(error))
  }
}

async function readAtMost(response: Response, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    // leaving the loop lets go of the connection
    if (size > mostBytes) throw new NoAnswer(`it answered more than ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The code of what went wrong below, such as ECONNREFUSED; messages of `fetch` repeat the address. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } }
  return typeof cause?.code === 'string' ? cause.code : 'the connection failed'
}
