/** The worker's side of sharing: one stream of the channels that any tab follows. */
import type { ClientOptions, TidingsEvent } from './api.js'
import { matcher } from './channels.js'
import { patchChannels } from './patchChannels.js'
import { type FromTab, type FromWorker, PROTOCOL, toPlain, toPlainError } from './sharedMessages.js'
import { createStream } from './stream.js'

/** A tab silent for so long is gone; the timers of hidden tabs run only once a minute. */
const SILENT_MS = 180_000
const SWEEP_MS = 60_000
/** A tab that does not answer for its token is passed over. */
const TOKEN_MS = 5_000
/** State channels whose newest value is kept for tabs that come later. */
const VALUES_MAX = 256

interface Tab {
  readonly port: MessagePort
  names: readonly string[]
  covers: ((channel: string) => boolean)[]
  hasToken: boolean
  heardAt: number
  queue: (readonly [TidingsEvent, boolean])[]
}

/** Where tabs knock: `self` of a SharedWorker. */
export interface SharedScope {
  addEventListener(name: 'connect', listener: (event: MessageEvent) => void): void
}

/**
 * Serves every tab that connects to this worker. Call it at once when the worker starts.
 *
 * `options` are those of a client; without `getToken` the tabs are asked for theirs, and channels are changed by
 * `patchChannels`.
 */
export function serveShared(scope: SharedScope, options: ClientOptions): void {
  const tabs = new Map<MessagePort, Tab>()
  const values = new Map<string, TidingsEvent>()
  const answers = new Map<number, (token: string | null) => void>()
  let live: readonly string[] | null = []
  let nAsks = 0
  let isFlushing = false
  let sweeper: ReturnType<typeof setInterval> | undefined

  const stream = createStream(
    {
      getToken: ({ reason }) => askTabs(reason),
      ...(!options.channels && { patch: patchChannels }),
      ...options,
    },
    {
      event(event, isState) {
        const { channel } = event
        if (event.id === null && (values.has(channel) || (isState && values.size < VALUES_MAX))) {
          values.set(channel, event)
        }
        for (const tab of tabs.values()) {
          if (tab.covers.some((covers) => covers(channel))) queue(tab, event, isState)
        }
      },
      gap: (gap) => tell({ kind: 'gap', gap }),
      dropped: (n) => tell({ kind: 'dropped', n }),
      live(names) {
        live = names
        tell({ kind: 'live', names })
      },
      changed(now) {
        if (now.reason === 'unused') {
          live = []
          values.clear()
        }
        tell({ kind: 'changed', connection: toPlain(now) })
      },
      error: (error) => tell({ kind: 'error', error: toPlainError(error) }),
    },
  )

  /** Events of one chunk go to a tab in one message. */
  function queue(tab: Tab, event: TidingsEvent, isState: boolean): void {
    tab.queue.push([event, isState])
    if (isFlushing) return
    isFlushing = true
    queueMicrotask(flush)
  }

  function flush(): void {
    isFlushing = false
    for (const tab of tabs.values()) {
      if (tab.queue.length) send(tab, { kind: 'events', events: tab.queue.splice(0) })
    }
  }

  function send(tab: Tab, message: FromWorker): void {
    tab.port.postMessage(message)
  }

  /** Tells all tabs, after the events that came before. */
  function tell(message: FromWorker): void {
    flush()
    for (const tab of tabs.values()) send(tab, message)
  }

  async function askTabs(reason: 'connect' | 'unauthorized'): Promise<string | null> {
    // The newest tab is the likeliest to be in use.
    for (const tab of [...tabs.values()].reverse()) {
      if (!tab.hasToken) continue
      const ask = nAsks++
      const token = await new Promise<string | null | undefined>((resolve) => {
        answers.set(ask, resolve)
        setTimeout(resolve, TOKEN_MS)
        send(tab, { kind: 'token', ask, reason })
      })
      answers.delete(ask)
      if (token !== undefined) return token
    }
    return null
  }

  function follow(tab: Tab, names: readonly string[]): void {
    const added = names.filter((name) => !tab.names.includes(name))
    tab.names = names
    tab.covers = names.map(matcher)
    stream.want(new Set([...tabs.values()].flatMap((one) => one.names)))
    const known = added.filter((name) => !live || live.includes(name)).map(matcher)
    if (!known.length) return
    for (const event of values.values()) {
      if (known.some((covers) => covers(event.channel))) queue(tab, event, true)
    }
    flush()
    send(tab, { kind: 'live', names: live })
  }

  function leave(port: MessagePort): void {
    tabs.delete(port)
    stream.want(new Set([...tabs.values()].flatMap((one) => one.names)))
    if (tabs.size) return
    clearInterval(sweeper)
    sweeper = undefined
  }

  function sweep(): void {
    for (const { port, heardAt } of [...tabs.values()]) {
      if (Date.now() - heardAt > SILENT_MS) leave(port)
    }
  }

  function hear(port: MessagePort, message: FromTab): void {
    if (message.kind === 'hello') {
      const tab: Tab = {
        port,
        names: [],
        covers: [],
        hasToken: message.hasToken,
        heardAt: Date.now(),
        queue: [],
      }
      tabs.set(port, tab)
      sweeper ??= setInterval(sweep, SWEEP_MS)
      send(tab, { kind: 'welcome', protocol: PROTOCOL, connection: toPlain(stream.snapshot()) })
      follow(tab, message.names)
      return
    }
    const tab = tabs.get(port)
    if (!tab) {
      const gone: FromWorker = { kind: 'gone' }
      if (message.kind !== 'bye') port.postMessage(gone)
      return
    }
    tab.heardAt = Date.now()
    switch (message.kind) {
      case 'want':
        follow(tab, message.names)
        break
      case 'ping': {
        const { lastActivityAt, duplicates } = stream.stats()
        send(tab, { kind: 'pong', activityAt: lastActivityAt, duplicates })
        break
      }
      case 'token':
        answers.get(message.ask)?.(message.token)
        break
      case 'reconnect':
        stream.reconnect()
        break
      case 'close':
        stream.disconnect()
        break
      case 'bye':
        leave(port)
        break
      default:
        unreachable(message)
    }
  }

  scope.addEventListener('connect', ({ ports }) => {
    const [port] = ports
    if (!port) return
    port.onmessage = ({ data }) => hear(port, data)
  })
}

function unreachable(message: never): void {
  console.warn('tidings: a tab said what this worker does not know', message)
}
