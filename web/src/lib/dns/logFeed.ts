/** Fills a query log for one filter: the newest page, what comes live, and the past on demand. */

import { ApiError } from '../api.ts'
import type { LiveHandlers } from './followLive.ts'
import type { LogPage, LogPageRequest } from './logPage.ts'
import { createQueryLog, type QueryLog } from './queryLog.ts'

/** Entries of the first page and of each further one. */
const PAGE = 200
/** Entries asked for after a break: the most that the server hands out at once. */
const PAGE_MAX = 1000

export interface LogFeedState {
  /** `refused` is a filter that the server does not understand. */
  readonly status: 'loading' | 'ready' | 'refused' | 'failed'
  /** Why it was refused or failed, or why the live view is not there. */
  readonly error: ApiError | null
  /** Entries that were too many to be told live; the log has them. */
  readonly nLeftOut: number
  /** Whether the past is all here. */
  readonly isEnd: boolean
  readonly isLoadingOlder: boolean
  /** Why what is on disk is missing; null when nothing is. */
  readonly trouble: string | null
}

export interface LogFeed {
  readonly log: QueryLog
  readonly state: () => LogFeedState
  readonly subscribe: (listener: () => void) => () => void
  start(): void
  stop(): void
  /** Asks for the page behind the oldest entry, unless it is on its way. */
  loadOlder(): void
  /** Begins anew with the newest page, so that nothing is left out. */
  reload(): void
}

export interface LogFeedOptions {
  /** Filter of what comes. */
  readonly filter: string
  /** Filter of what is stored: with the range. */
  readonly storedFilter: string
  /** Whether anything new can fit. */
  readonly isLive: boolean
}

/** What the feed needs of the page around it. */
export interface LogFeedParts {
  readonly fetchPage: (request: LogPageRequest, signal: AbortSignal) => Promise<LogPage>
  readonly follow: (filter: string, handlers: LiveHandlers) => () => void
  /** Has something called now and then while the stream is down. */
  readonly pollWhileDown: (check: () => Promise<unknown>) => () => void
}

const FIRST: LogFeedState = {
  status: 'loading',
  error: null,
  nLeftOut: 0,
  isEnd: false,
  isLoadingOlder: false,
  trouble: null,
}

export function createLogFeed(options: LogFeedOptions, parts: LogFeedParts): LogFeed {
  const log = createQueryLog()
  const listeners = new Set<() => void>()
  let state = FIRST
  let abort = new AbortController()
  let stops: readonly (() => void)[] = []

  function show(patch: Partial<LogFeedState>): void {
    state = { ...state, ...patch }
    for (const listener of listeners) listener()
  }

  function ask(limit: number, before: string | null): Promise<LogPage> {
    return parts.fetchPage({ filter: options.storedFilter, limit, before }, abort.signal)
  }

  function fail(error: unknown): void {
    if (abort.signal.aborted || !(error instanceof ApiError)) return
    const isRefused = error.status === 400
    if (state.status !== 'ready') show({ status: isRefused ? 'refused' : 'failed', error })
    else show({ error })
  }

  async function loadNewest(limit: number): Promise<void> {
    try {
      const page = await ask(limit, null)
      const isReached = log.addNewest(page.entries)
      const isFirst = state.status !== 'ready'
      const isEnd = isFirst || !isReached ? page.next_cursor === null : state.isEnd
      show({ status: 'ready', error: null, isEnd, trouble: page.trouble })
    } catch (error) {
      fail(error)
    }
  }

  async function loadOlder(): Promise<void> {
    show({ isLoadingOlder: true })
    try {
      const page = await ask(PAGE, log.oldestId())
      log.addOlder(page.entries)
      show({ isLoadingOlder: false, isEnd: page.next_cursor === null, trouble: page.trouble })
    } catch (error) {
      show({ isLoadingOlder: false })
      fail(error)
    }
  }

  async function reload(): Promise<void> {
    try {
      const page = await ask(PAGE, null)
      log.replace(page.entries)
      const isEnd = page.next_cursor === null
      show({ status: 'ready', error: null, nLeftOut: 0, isEnd, trouble: page.trouble })
    } catch (error) {
      fail(error)
    }
  }

  const handlers: LiveHandlers = {
    onBatch({ entries, dropped }) {
      const nLeftOut = dropped + log.addLive(entries)
      if (nLeftOut > 0) show({ nLeftOut: state.nLeftOut + nLeftOut })
      // Making room takes the past away, so that it can be asked for again.
      if (state.isEnd && log.hasTrimmed()) show({ isEnd: false })
    },
    onLive: (isAgain) => void loadNewest(isAgain ? PAGE_MAX : PAGE),
    onError: fail,
  }

  return {
    log,
    state: () => state,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    start() {
      abort = new AbortController()
      // The page does not wait for the stream; what comes between is asked for once that is live.
      void loadNewest(PAGE)
      if (!options.isLive) return
      stops = [
        parts.follow(options.filter, handlers),
        parts.pollWhileDown(() => loadNewest(PAGE_MAX)),
      ]
    },
    stop() {
      abort.abort()
      for (const stop of stops) stop()
      stops = []
    },
    loadOlder() {
      if (state.status === 'ready' && !state.isEnd && !state.isLoadingOlder) void loadOlder()
    },
    reload: () => void reload(),
  }
}
