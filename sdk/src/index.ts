/** Entry `tidings`: the client, its types, and the events of the built-in channels. */
export type * from './api.js'
export { matcher } from './channels.js'
export { createClient } from './client.js'
export { connectionNotice, type NoticeHandlers } from './connectionNotice.js'
export type * from './dnsEvents.js'
export type * from './events.js'
export {
  changedFields,
  isDataChanged,
  isLeaseAdded,
  isLeaseEvent,
  isLeaseExpired,
  isLeaseRemoved,
  isLeaseRenewed,
  isLeaseUpdated,
  isReload,
} from './events.js'
export { fetchTransport } from './fetchTransport.js'
export { DOWN_MS, formatStatus, type StatusText } from './formatStatus.js'
export { iterate } from './iterate.js'
export { createParser, type Parser, type ParserSink } from './parser.js'
export { patchChannels } from './patchChannels.js'
export { sessionPosition } from './sessionPosition.js'
export { createStream, type Stream, type StreamSink } from './stream.js'
export { subscribeBatch } from './subscribeBatch.js'
