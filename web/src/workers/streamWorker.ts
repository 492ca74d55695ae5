/** The shared worker: it holds the one stream of all tabs of this browser. */

import { serveShared } from 'tidings/shared-worker'

// The file lies in `assets/`, one folder below the path that the server is reached under.
const url = new URL('../api/sse/stream', self.location.href)

serveShared(self, { url })
