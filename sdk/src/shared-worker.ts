/** Entry `tidings/shared-worker`: one stream for all tabs, held by a SharedWorker. */
export { connectShared, type SharedClient, type SharedOptions } from './connectShared.js'
export { serveShared } from './serveShared.js'
