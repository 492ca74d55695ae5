/** The channels by segments: each line sums what is below it. */

import { Link } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { cx } from '../../lib/cx.ts'
import { formatBytes, formatDecimal, formatNumber } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { ClassBadge } from './channelColumns.tsx'
import type { ChannelNode } from './channelTree.ts'

/** Levels that are open at first. */
const OPEN_LEVELS = 2
/** Lines drawn below one segment; more are found by the search. */
const CHILDREN_MAX = 200

const COLUMNS =
  'grid grid-cols-[minmax(0,1fr)_4.5rem_4.5rem] md:grid-cols-[minmax(0,1fr)_6rem_5rem_5rem_5.5rem] items-center gap-3'

export function ChannelTree({ nodes }: { readonly nodes: readonly ChannelNode[] }): ReactNode {
  return (
    <div className="min-h-0 flex-1 overflow-auto rounded-card border border-line bg-surface">
      <div
        aria-hidden
        className={cx(
          COLUMNS,
          'sticky top-0 z-10 h-9 border-b border-line bg-surface px-4 text-xs font-medium text-muted',
        )}
      >
        <span>{t('channels.column.name')}</span>
        <span className="hidden md:block">{t('channels.column.class')}</span>
        <span className="text-end">{t('channels.column.subscribers')}</span>
        <span className="text-end">{t('channels.column.rate')}</span>
        <span className="hidden text-end md:block">{t('channels.column.bytesRate')}</span>
      </div>
      <Branch nodes={nodes} level={0} />
    </div>
  )
}

interface BranchProps {
  readonly nodes: readonly ChannelNode[]
  readonly level: number
}

function Branch({ nodes, level }: BranchProps): ReactNode {
  const nLeft = nodes.length - CHILDREN_MAX
  return (
    <ul>
      {nodes.slice(0, CHILDREN_MAX).map((node) => (
        <TreeLine key={node.path} node={node} level={level} />
      ))}
      {nLeft > 0 ? (
        <li className="px-4 py-2 text-sm text-muted">{t('channels.tree.more', { n: nLeft })}</li>
      ) : null}
    </ul>
  )
}

function TreeLine({
  node,
  level,
}: {
  readonly node: ChannelNode
  readonly level: number
}): ReactNode {
  const [isOpen, setIsOpen] = useState(level < OPEN_LEVELS)
  const isBranch = node.children.length > 0
  return (
    <li>
      <div className={cx(COLUMNS, 'min-h-9 border-b border-line px-4 text-sm hover:bg-inset')}>
        <span
          className="flex min-w-0 items-center gap-1"
          style={{ paddingInlineStart: `${level * 1.25}rem` }}
        >
          {isBranch ? (
            <button
              type="button"
              aria-expanded={isOpen}
              aria-label={t('channels.tree.toggle', { name: node.path })}
              onClick={() => setIsOpen(!isOpen)}
              className="flex size-6 shrink-0 items-center justify-center rounded text-muted hover:bg-inset hover:text-text"
            >
              <ChevronRight
                size={15}
                aria-hidden
                className={cx('transition-transform', isOpen && 'rotate-90')}
              />
            </button>
          ) : (
            <span className="size-6 shrink-0" />
          )}
          <Link
            to="/hub/inspector"
            search={{ channels: isBranch && !node.channel ? `${node.path}/**` : node.path }}
            title={t('channels.inspect', { name: node.path })}
            className="mono truncate font-medium hover:text-accent-strong hover:underline"
          >
            {node.segment === '' ? '/' : node.segment}
          </Link>
          {isBranch ? (
            <span className="tabular ms-1 text-xs text-faint">{formatNumber(node.nChannels)}</span>
          ) : null}
        </span>
        <span className="hidden md:block">
          {node.channel ? <ClassBadge name={node.channel.class} /> : null}
        </span>
        <span className="tabular text-end">{formatNumber(node.subscribers)}</span>
        <span className="tabular text-end">{formatDecimal(node.rate)}</span>
        <span className="tabular hidden text-end md:block">{formatBytes(node.bytesRate)}</span>
      </div>
      {isBranch && isOpen ? <Branch nodes={node.children} level={level + 1} /> : null}
    </li>
  )
}
