/**
 * Requests to other hosts, as a tool: one guarded request (request.ts), and JSON documents that are held in memory
 * (documents.ts). Leaves what is requested, and whether a private network may be reached, to its callers.
 */
import type { Clock } from '../clock.ts'
import type { Log } from '../log/index.ts'
import { createDocuments, type Documents } from './documents.ts'
import { INTERNET, type Network, type OutboundAnswer, type OutboundRequest, request } from './request.ts'

export { BadDocument, DOCUMENT_BYTES, DOCUMENT_TIMEOUT, jsonOf, NotJson } from './documents.ts'
export {
  AnswerTooLarge,
  NoAnswer,
  NotPublic,
  namesPrivateHost,
  type OutboundAnswer,
  type OutboundRequest,
} from './request.ts'

export interface Outbound {
  /** @throws NoAnswer where no complete answer arrives within the limits; an answer may have any status */
  request(wanted: OutboundRequest): Promise<OutboundAnswer>
  documents: Documents
}

interface OutboundOptions {
  clock: Pick<Clock, 'now'>
  log: Pick<Log, 'warn'>
  /** Replaced in tests. */
  network?: Network
  /** Observes every request, for traces. */
  observe?(send: Outbound['request']): Outbound['request']
}

export function createOutbound({ clock, log, network = INTERNET, observe }: OutboundOptions): Outbound {
  const plain = (wanted: OutboundRequest) => request(wanted, network)
  const send = observe?.(plain) ?? plain
  return { request: send, documents: createDocuments({ request: send, clock, log }) }
}
