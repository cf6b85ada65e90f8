/** The operations of the development outbox. */
import { operation } from '../../base/http/row/operation.ts'

const OPEN = 'it exists outside production only'

export const outboxOperations = {
  list: operation({
    name: 'dev.outbox.list',
    summary: 'List the e-mails that were sent',
    open: OPEN,
    anonymous: true,
    quiet: 'reads only',
  }),
  clear: operation({
    name: 'dev.outbox.clear',
    summary: 'Delete the e-mails that were sent',
    open: OPEN,
    anonymous: true,
    quiet: 'a development tool',
  }),
  show: operation({
    name: 'dev.outbox.letter',
    summary: 'Show an e-mail as its recipient sees it',
    open: OPEN,
    anonymous: true,
    quiet: 'reads only',
  }),
}
